"""Any interleaving of sends, reads, cuts and acks delivers each octet once and in order, within the bounds.

Hypothesis writes a script of actions; `Model` plays it on two real sessions that are joined by links of memory, and
compares what each leg is told with what the other leg said.  The links lose, at any point, whatever is under way;
the ends notice at different times; a new link may take over from one that still looks alive.  At the end all heals:
every stream must then end by itself, with everything delivered, without anybody calling ``flush`` unasked.

``SELLIA_EXAMPLES`` sets how many scripts are tried.
"""

import os
from collections import deque
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol import native
from sellia.protocol.limits import INITIAL_CREDIT, LINK_MESSAGE_LIMIT, MAX_CREDIT, PARCEL_TARGET, RECORD_COST
from sellia.protocol.messages import Ack, CloseTunnel, Headers, Opening, ResponseHead, SessionMessage
from sellia.relay.session import Session
from sellia.relay.stream import QUEUE_MARK, Stream
from tests.relay.scripts import GET, KIB

EXAMPLES = int(os.environ.get("SELLIA_EXAMPLES", "150"))

#: Small enough that scripts reach them.
REPLAY_LIMIT = 100 * KIB
HELD_LIMIT = 500 * KIB
MAX_STREAMS = 3

SIZES = (0, 1, 700, 5_000, 30_000, 64 * KIB, 64 * KIB + 1, 150_000, 300_000)
PATTERN = b"".join(i.to_bytes(4, "big") for i in range(max(SIZES) // 4 + 64 * KIB))

HEAD = ResponseHead(200, b"OK", [])
TRAILERS: Headers = [(b"Digest", b"none")]
WORDS = {"cancelled", "internal", "overloaded"}


class Broken(Exception):
    """What a leg with a defect raises."""


class ModelLeg:
    """Says what the script tells it to, and compares what it hears with what the leg at the other end said."""

    def __init__(self, mood: str) -> None:
        self.mood = mood
        self.stream: Stream
        self.other: ModelLeg | None = None
        self.said: deque[list[Any]] = deque()
        self.offset = 0
        self.frame_left = 0
        self.paused = False
        self.over = False  # the stream may not be used any more
        self.heard_end = False
        self.raising = False

    # --- what the script makes it do -----------------------------------------------------------------------

    @property
    def can_say(self) -> bool:
        return not self.over and not self.stream.local_ended and not self.paused

    def chunk(self, size: int) -> bytes:
        start = self.offset % (64 * KIB)
        self.offset += size * 7 + 1
        return PATTERN[start : start + size]

    def say_data(self, size: int, end: bool = False) -> None:
        data = self.chunk(size)
        self.said.append(["data", data])
        if end:
            self.said.append(["end", []])
        self.stream.send_data(data, end)

    def say_frame(self, size: int, first: int) -> None:
        payload = self.chunk(size)
        if size > 64 * KIB:
            self.said.extend((["begin", first, size], ["more", payload]))
        else:
            self.said.append(["frame", first, payload])
        self.stream.send_frame(first, payload)

    def say_pieces(self, size: int) -> None:
        payload = self.chunk(size)
        self.said.extend((["begin", 0x82, size], ["more", payload]))
        self.stream.begin_frame(0x82, size)
        for half in (payload[: size // 3], payload[size // 3 :]):
            if not self.over:
                self.stream.continue_frame(half)

    def say_head(self, end: bool) -> None:
        self.said.append(["head", HEAD])
        if end:
            self.said.append(["end", []])
        self.stream.send_head(HEAD, end)

    def say_end(self, trailers: Headers | None) -> None:
        self.said.append(["end", trailers or []])
        self.stream.end(trailers)

    def cancel(self) -> None:
        self.over = True
        self.stream.reset("cancelled", "by the script")

    # --- Leg -----------------------------------------------------------------------------------------------

    def _expect(self, *heard: Any) -> None:
        """The next that the other leg said is this; octets may come in other pieces than they were said in."""
        assert not self.over, "a leg was told something after the end of its stream"
        assert not self.heard_end, "something came after the end"
        if self.raising:
            self.raising = False
            self.over = True
            raise Broken
        assert self.other is not None
        said = self.other.said
        while said[0][0] in ("data", "more") and not said[0][1]:
            said.popleft()
        if heard[0] in ("data", "more"):
            octets = memoryview(heard[1])
            while octets:
                kind, payload = said[0]
                assert kind == heard[0], (kind, heard[0])
                size = min(len(octets), len(payload))
                assert octets[:size] == payload[:size], "octets were changed, lost, doubled or reordered"
                said[0][1] = memoryview(payload)[size:]
                octets = octets[size:]
                if not said[0][1]:
                    said.popleft()
        else:
            assert said.popleft() == list(heard)

    def _feel(self) -> None:
        """What a leg does inside of the call that tells it something."""
        mood = self.mood
        if mood == "slow":
            self.stream.stall()
        elif mood == "echo" and self.can_say:
            self.say_data(500)
        elif mood == "quitter":
            self.cancel()

    def head_received(self, head: ResponseHead) -> None:
        self._expect("head", head)

    def data_received(self, data: bytes) -> None:
        self._expect("data", data)
        self._feel()

    def frame_received(self, first: int, payload: bytes) -> None:
        self._expect("frame", first, payload)
        self._feel()

    def frame_begun(self, first: int, length: int) -> None:
        self._expect("begin", first, length)

    def frame_continued(self, payload: bytes) -> None:
        self._expect("more", payload)
        self._feel()

    def end_received(self, trailers: Headers) -> None:
        self._expect("end", trailers)
        self.heard_end = True
        if self.mood == "slow":
            self.stream.stall()
        elif self.mood == "echo" and not self.stream.local_ended:
            self.say_end(None)

    def reset_received(self, word: str, message: str) -> None:
        assert not self.over, "told of a reset after the end"
        assert word in WORDS
        self.over = True

    def pause_sending(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_sending(self) -> None:
        assert self.paused
        self.paused = False
        if self.mood == "echo" and self.can_say:
            self.say_data(3_000)


class ModelLink:
    """One end of a link: what it sends goes to ``out`` while the link lives, and nowhere after."""

    def __init__(self) -> None:
        self.writable = True
        self.alive = True
        self.out: deque[bytes | int] = deque()

    def send(self, message: bytes) -> None:
        assert len(message) <= LINK_MESSAGE_LIMIT
        assert self.writable or message[0] == native.LINK
        if self.alive:
            self.out.append(message)


class ModelParty:
    """One end, as its owner."""

    def __init__(self, even: bool) -> None:
        self.session = Session(
            self, even=even, max_streams=MAX_STREAMS, held_limit=HELD_LIMIT, replay_limit=REPLAY_LIMIT
        )
        self.link = ModelLink()
        self.other: ModelParty
        self.wanted = False
        self.legs: dict[int, ModelLeg] = {}
        self.moods: deque[str] = deque()
        self.said: deque[SessionMessage] = deque()

    def flush_wanted(self) -> None:
        self.wanted = True

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> ModelLeg:
        assert opening == GET
        opener = self.other.legs[stream.id]
        leg = self._meet(stream, self.moods.popleft() if self.moods else "quiet")
        leg.other, opener.other = opener, leg
        leg.heard_end = end
        return leg

    def _meet(self, stream: Stream, mood: str) -> ModelLeg:
        assert stream.id not in self.legs, "opened twice"
        leg = ModelLeg(mood)
        leg.stream = stream
        self.legs[stream.id] = leg
        if mood == "eager":
            leg.say_head(end=False)
            leg.say_data(150_000)
        elif mood == "refuser":
            leg.cancel()
        return leg

    def message_received(self, message: SessionMessage) -> None:
        assert self.other.said.popleft() == message, "what was said of the session was lost, doubled or reordered"

    def leg_failed(self, stream: Stream, error: Exception) -> None:
        assert isinstance(error, Broken), repr(error)

    def open(self, mood: str, end: bool) -> None:
        if self.session.full:
            return
        leg = ModelLeg(mood)
        leg.stream = self.session.open(GET, leg, end=end)
        self.legs[leg.stream.id] = leg

    def flush(self) -> None:
        if self.wanted:
            self.wanted = False
            self.session.flush()

    def hear(self, message: bytes | int) -> None:
        if isinstance(message, int):  # a Welcome: the server has so many parcels
            self.session.attach(self.link, message)
        elif message[0] == native.PARCEL:
            self.session.receive(message)
            assert self.session.held <= HELD_LIMIT
        else:
            ack = native.decode_link(message)
            assert isinstance(ack, Ack)
            self.session.acknowledged(ack.received)

    def check(self) -> None:
        session = self.session
        session.check_invariants()
        assert session.unacknowledged[1] <= REPLAY_LIMIT + PARCEL_TARGET + 96 * KIB
        assert session._size <= PARCEL_TARGET + 128 * KIB
        assert len(session.streams) <= 2 * MAX_STREAMS
        for number, stream in session.streams.items():
            assert stream.queued <= QUEUE_MARK + max(SIZES) + 10 * RECORD_COST + 2_000
            peer = self.other.session.streams.get(number)
            if peer is not None and not peer.remote_ended:
                assert stream.credit <= peer.receivable <= MAX_CREDIT
        for leg in self.legs.values():
            if leg.over:
                assert leg.stream.id not in session.streams and leg.stream.id not in session.leaving


SIDE = st.integers(0, 1)
LEG = st.integers(0, 5)

#: What a script can say, and how often beside the rest.
ACTIONS = st.sampled_from(
    [
        *[st.tuples(st.just("open"), SIDE, st.sampled_from(("quiet", "slow", "echo")), st.booleans())] * 3,
        *[st.tuples(st.just("mood"), SIDE, st.sampled_from(("slow", "echo", "quitter", "refuser", "eager")))] * 2,
        *[st.tuples(st.just("data"), LEG, st.sampled_from(SIZES), st.integers(0, 5))] * 7,
        *[st.tuples(st.just("frame"), LEG, st.sampled_from(SIZES), st.sampled_from((0x81, 0x02, 0xC2)))] * 2,
        *[st.tuples(st.just("pieces"), LEG, st.sampled_from(SIZES))] * 2,
        *[st.tuples(st.just("head"), LEG, st.sampled_from((False, False, True)))] * 1,
        *[st.tuples(st.just("end"), LEG, st.booleans())] * 2,
        *[st.tuples(st.just("stall"), LEG)] * 3,
        *[st.tuples(st.just("flow"), LEG)] * 3,
        *[st.tuples(st.just("reset"), LEG)] * 2,
        *[st.tuples(st.just("raise"), LEG)] * 1,
        *[st.tuples(st.just("say"), SIDE)] * 1,
        *[st.tuples(st.just("flush"), SIDE)] * 5,
        *[st.tuples(st.just("deliver"), SIDE, st.integers(1, 4))] * 5,
        *[st.tuples(st.just("talk"), st.integers(1, 6))] * 6,
        *[st.tuples(st.just("writable"), SIDE, st.sampled_from((False, True, True)))] * 2,
        *[st.tuples(st.just("idle"), SIDE)] * 2,
        *[st.tuples(st.just("cut"))] * 1,
        *[st.tuples(st.just("away"))] * 2,
        *[st.tuples(st.just("notice"), SIDE)] * 1,
        *[st.tuples(st.just("join"))] * 3,
    ]
).flatmap(lambda action: action)


class Model:
    """Plays a script."""

    def __init__(self) -> None:
        self.parties = ModelParty(even=True), ModelParty(even=False)
        self.server, self.client = self.parties
        self.server.other, self.client.other = self.client, self.server
        self.tunnels = count(1)
        self.do_join()
        self.deliver(self.server, 1)

    def play(self, script: list[tuple[Any, ...]]) -> None:
        for name, *arguments in script:
            getattr(self, f"do_{name}")(*arguments)
            self.check()
        self.heal()

    def check(self) -> None:
        for party in self.parties:
            party.check()

    def leg(self, index: int) -> ModelLeg | None:
        """One of the legs whose streams are not over: on which side, and which there."""
        living = [leg for leg in self.parties[index % 2].legs.values() if not leg.over]
        return living[-1 - index // 2 % len(living)] if living else None

    # --- actions -------------------------------------------------------------------------------------------

    def do_open(self, side: int, mood: str, end: bool) -> None:
        self.parties[side].open(mood, end)

    def do_mood(self, side: int, mood: str) -> None:
        self.parties[side].moods.append(mood)

    def do_data(self, index: int, size: int, end: int) -> None:
        leg = self.leg(index)
        if leg is not None and leg.can_say:
            leg.say_data(size, end == 0)

    def do_frame(self, index: int, size: int, first: int) -> None:
        leg = self.leg(index)
        if leg is not None and leg.can_say:
            leg.say_frame(size, first)

    def do_pieces(self, index: int, size: int) -> None:
        leg = self.leg(index)
        if leg is not None and leg.can_say:
            leg.say_pieces(size)

    def do_head(self, index: int, end: bool) -> None:
        leg = self.leg(index)
        if leg is not None and leg.can_say:
            leg.say_head(end)

    def do_end(self, index: int, trailers: bool) -> None:
        leg = self.leg(index)
        if leg is not None and not leg.stream.local_ended:
            leg.say_end(TRAILERS if trailers else None)

    def do_stall(self, index: int) -> None:
        leg = self.leg(index)
        if leg is not None:
            leg.stream.stall()

    def do_flow(self, index: int) -> None:
        leg = self.leg(index)
        if leg is not None:
            leg.stream.flow()

    def do_reset(self, index: int) -> None:
        leg = self.leg(index)
        if leg is not None:
            leg.cancel()

    def do_raise(self, index: int) -> None:
        leg = self.leg(index)
        if leg is not None:
            leg.raising = True

    def do_say(self, side: int) -> None:
        message = CloseTunnel(next(self.tunnels))
        self.parties[side].said.append(message)
        self.parties[side].session.say(message)

    def do_flush(self, side: int) -> None:
        self.parties[side].flush()

    def do_deliver(self, side: int, number: int) -> None:
        self.deliver(self.parties[side], number)

    def do_talk(self, turns: int) -> None:
        for _ in range(turns):
            for party in self.parties:
                party.flush()
                self.check()
                self.deliver(party, 1_000)

    def do_writable(self, side: int, writable: bool) -> None:
        party = self.parties[side]
        party.link.writable = writable
        if not party.session.attached:
            return
        if writable:
            party.session.flush()
        else:
            party.session.link_full()

    def do_idle(self, side: int) -> None:
        self.parties[side].session.tell_acks()

    def do_cut(self) -> None:
        """The link is lost with all that is under way; neither end knows yet."""
        for party in self.parties:
            party.link.alive = False
            party.link.out.clear()

    def do_away(self) -> None:
        """The link is lost, and both ends know."""
        self.do_cut()
        for party in self.parties:
            party.session.detach()

    def do_notice(self, side: int) -> None:
        if not self.parties[side].link.alive:
            self.parties[side].session.detach()

    def do_join(self) -> None:
        """The client gives its link up and makes a new one, on which the server goes on at once."""
        self.do_cut()
        self.client.session.detach()
        for party in self.parties:
            party.link = ModelLink()
        self.server.link.out.append(self.server.session.received)
        self.server.session.attach(self.server.link, self.client.session.received)

    # --- links ---------------------------------------------------------------------------------------------

    def deliver(self, sender: ModelParty, number: int) -> bool:
        out = sender.link.out
        delivered = False
        for _ in range(min(number, len(out))):
            sender.other.hear(out.popleft())
            self.check()
            delivered = True
        return delivered

    # --- the end -------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Until nothing happens by itself any more."""
        for _ in range(2_000):
            before = [party.session.sent for party in self.parties]
            for party in self.parties:
                party.flush()
            self.check()
            moved = [self.deliver(party, 1_000) for party in self.parties]
            if not any(moved):
                for party in self.parties:
                    party.session.tell_acks()  # as an idle link does
                moved = [self.deliver(party, 1_000) for party in self.parties]
            after = [party.session.sent for party in self.parties]
            if not any(moved) and not any(party.wanted for party in self.parties) and before == after:
                return
        raise AssertionError("they never stop")

    def heal(self) -> None:
        for party in self.parties:
            party.moods.clear()
            for leg in party.legs.values():
                leg.mood, leg.raising = "quiet", False
        self.do_join()
        self.settle()
        for party in self.parties:
            for leg in party.legs.values():
                leg.stream.flow()
        self.settle()
        for party in self.parties:
            for number, leg in party.legs.items():
                if not leg.over:
                    assert leg.stream.drained and not leg.paused, f"stream {number} is stuck"
                    if not leg.stream.local_ended:
                        leg.say_end(None)
        self.settle()
        for party in self.parties:
            session = party.session
            assert not session.streams and not session.leaving, f"streams that do not end: {list(session.streams)}"
            assert session.held == 0
            assert session.unacknowledged == (0, 0)
            assert not party.said
            for number, leg in party.legs.items():
                peer = party.other.legs.get(number)
                if leg.over or (peer is not None and peer.over):
                    continue
                assert peer is not None, f"stream {number} never arrived"
                assert leg.heard_end and leg.stream.local_ended
                assert not any(each[0] != "data" or each[1] for each in leg.said), "something was lost"
                assert leg.stream.window >= INITIAL_CREDIT


class ModelTests(SynchronousTestCase):
    """The sessions against the model."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )
    @given(st.lists(ACTIONS, min_size=30, max_size=90))
    def test_any_script(self, script: list[tuple[Any, ...]]) -> None:
        """Whatever happens, each octet arrives once and in order, within the bounds, and all streams end."""
        try:
            Model().play(script)
        except Exception as error:
            raise AssertionError(f"this script broke it: {script!r}") from error
