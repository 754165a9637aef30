"""A model of what legs say and hear, played on two real sessions that are joined by links of memory.

`Model` plays a script of actions and compares what each leg is told with what the leg at the other end said.  The
links lose, at any point, whatever is under way; the ends notice at different times; a new link may take over from one
that still looks alive.  Either end may end the session, by saying goodbye or because it has waited for long enough, and
the other learns of it by the goodbye, or by the next link, which carries a new session then.  At the end all heals:
every stream must then end by itself, with everything delivered, without anybody calling ``flush`` unasked.
"""

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from sellia.problems import problem_of
from sellia.protocol import native
from sellia.protocol.limits import INITIAL_CREDIT, LINK_MESSAGE_LIMIT, MAX_CREDIT, PARCEL_TARGET, RECORD_COST
from sellia.protocol.messages import Ack, CloseTunnel, Opening, SessionMessage
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.send_half import QUEUE_MARK
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream
from tests.relay.model_legs import SIZES, TRAILERS, Broken, ModelLeg
from tests.relay.scripts import GET, KIB

#: Small enough that scripts reach them.
REPLAY_LIMIT = 100 * KIB
HELD_LIMIT = 300 * KIB
MAX_STREAMS = 3


class ModelLink:
    """One end of a link: what it sends goes to ``out`` while the link lives, and nowhere after."""

    def __init__(self) -> None:
        self.writable = True
        self.alive = True
        self.out: deque[bytes | int | None] = deque()

    def send(self, message: bytes) -> None:
        assert len(message) <= LINK_MESSAGE_LIMIT
        assert self.writable or message[0] == native.LINK
        if self.alive:
            self.out.append(message)


class ModelParty:
    """One end, as its owner."""

    def __init__(self, even: bool) -> None:
        self.even = even
        self.legs: dict[int, ModelLeg] = {}
        self.begin()
        self.link = ModelLink()
        self.other: ModelParty
        self.moods: deque[str] = deque()

    def begin(self) -> None:
        """A session, in place of one that is over."""
        self.session = Session(
            self,
            self.schedule,
            even=self.even,
            max_streams=MAX_STREAMS,
            held_limit=HELD_LIMIT,
            replay_limit=REPLAY_LIMIT,
        )
        self.wanted = False
        self.legs = {}
        self.said: deque[SessionMessage] = deque()

    def end(self, word: str) -> None:
        """The session is over: every leg whose stream was not has been told so, and nothing is kept."""
        open_legs = [leg for number, leg in self.legs.items() if number in self.session.streams]
        self.session.close(problem_of(word), "by the script")
        assert all(leg.over for leg in open_legs)
        assert self.session.out.unacknowledged == (0, 0) and self.session.table.held == 0

    def schedule(self, flush: Callable[[], None]) -> None:
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

    def leg_failed(self, number: int, leg: Leg, error: Exception) -> None:
        assert isinstance(error, Broken), repr(error)

    def open(self, mood: str, end: bool) -> None:
        if self.session.full or self.session.closed:
            return
        leg = ModelLeg(mood)
        leg.stream = self.session.open(GET, leg, end=end)
        self.legs[leg.stream.id] = leg

    def flush(self) -> None:
        if self.wanted:
            self.wanted = False
            self.session.flush()

    def hear(self, message: bytes | int | None) -> None:
        if self.session.closed:
            return
        if message is None:  # a Goodbye
            self.end("client-gone")
        elif isinstance(message, int):  # a Welcome: the server has so many parcels
            self.session.attach(self.link, message)
        elif message[0] == native.PARCEL:
            self.session.receive(message)
            assert self.session.table.held <= HELD_LIMIT
        else:
            ack = native.decode_link(message)
            assert isinstance(ack, Ack)
            self.session.out.acknowledged(ack.received)

    def check(self) -> None:
        session = self.session
        session.check_invariants()
        assert session.out.unacknowledged[1] <= REPLAY_LIMIT + PARCEL_TARGET + 96 * KIB
        assert session.out._size <= PARCEL_TARGET + 128 * KIB
        assert len(session.streams) <= 2 * MAX_STREAMS
        for number, stream in session.streams.items():
            assert stream.queued <= QUEUE_MARK + max(SIZES) + 10 * RECORD_COST + 2_000
            peer = self.other.session.streams.get(number)
            if peer is not None and not peer.remote_ended:
                assert stream.sending.credit <= peer.receiving.receivable <= MAX_CREDIT
        for leg in self.legs.values():
            if leg.over:
                assert leg.stream.id not in session.streams and leg.stream.id not in session.table.leaving


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
            leg.stall()

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
        self.parties[side].session.send_control(message)

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
            party.session.out.link_full()

    def do_pace(self, side: int, window: int, piece: int) -> None:
        if self.parties[side].session.attached:
            self.parties[side].session.out.pace(window, window // 2, piece)

    def do_bye(self, side: int) -> None:
        """One end says goodbye; the other may never hear it."""
        party = self.parties[side]
        if party.session.closed:
            return
        if party.session.attached:
            party.session.flush()
            if party.link.alive:
                party.link.out.append(None)
        party.end("client-gone")

    def do_expire(self, side: int) -> None:
        """One end has waited for long enough; the other learns of it from the next link."""
        party = self.parties[side]
        if not party.session.attached and not party.session.closed:
            party.end("session-expired")

    def do_idle(self, side: int) -> None:
        self.parties[side].session.out.tell_acks()

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
        """The client gives its link up and makes a new one, on which the server goes on at once.

        If either of them has the session no longer, both begin another: the server says so in its welcome.
        """
        self.do_cut()
        self.client.session.detach()
        for party in self.parties:
            party.link = ModelLink()
        if self.server.session.closed or self.client.session.closed:
            for party in self.parties:
                if not party.session.closed:
                    party.end("session-expired")
                party.begin()
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
            before = [party.session.out.sent for party in self.parties]
            for party in self.parties:
                party.flush()
            self.check()
            moved = [self.deliver(party, 1_000) for party in self.parties]
            if not any(moved):
                for party in self.parties:
                    party.session.out.tell_acks()  # as an idle link does
                moved = [self.deliver(party, 1_000) for party in self.parties]
            after = [party.session.out.sent for party in self.parties]
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
            assert not session.streams and not session.table.leaving, f"do not end: {list(session.streams)}"
            assert session.table.held == 0
            assert session.out.unacknowledged == (0, 0)
            assert not party.said
            for number, leg in party.legs.items():
                peer = party.other.legs.get(number)
                if leg.over or (peer is not None and peer.over):
                    continue
                assert peer is not None, f"stream {number} never arrived"
                assert leg.heard_end and leg.stream.local_ended
                assert not any(each[0] != "data" or each[1] for each in leg.said), "something was lost"
                assert leg.stream.receiving.window >= INITIAL_CREDIT
