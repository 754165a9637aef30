"""What the tests of the relay's core are written with: legs that record, links of memory, two sessions joined by them.

A test reads as a script: somebody says something, ``talk`` carries it across, and what the other side's legs were told
is compared.  Everything is checked against the modules' own invariants after each step.
"""

from collections import Counter, deque
from collections.abc import Callable

from sellia.problems import Problem
from sellia.protocol import native
from sellia.protocol.messages import Ack, Ending, Headers, HttpRequest, Opening, ResponseHead, SessionMessage
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream

KINDS = {
    native.OPEN: "OPEN",
    native.HEAD: "HEAD",
    native.DATA: "DATA",
    native.TRAILERS: "TRAILERS",
    native.FRAME: "FRAME",
    native.FRAME_BEGIN: "FRAME_BEGIN",
    native.FRAME_MORE: "FRAME_MORE",
    native.RESET: "RESET",
    native.CREDIT: "CREDIT",
    native.BLOCKED: "BLOCKED",
    native.ENDING: "ENDING",
    native.CONTROL: "CONTROL",
}

GET = HttpRequest(1, b"GET", b"/", [(b"Host", b"demo.localhost")])
OK = ResponseHead(200, b"OK", [(b"Content-Type", b"text/plain")])

KIB = 1024


def record(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    """One record, spelled out."""
    return native.pack_record(kind, flags, stream, len(payload)) + payload


def parcel(*records: bytes, ack: int = 0) -> bytes:
    """A parcel of these records."""
    return native.pack_parcel(native.PARCEL, ack) + b"".join(records)


def said(message: bytes) -> list[tuple[str, int]]:
    """The kinds and streams of a link message's records, for comparison in a test; an Ack is ``("ACK", count)``."""
    if message[0] == native.LINK:
        link_message = native.decode_link(message)
        assert isinstance(link_message, Ack), link_message
        return [("ACK", link_message.received)]
    return [(KINDS.get(kind, str(kind)), stream) for kind, _, stream, _ in native.records(message)]


def payloads(messages: list[bytes], wanted: int, stream: int | None = None) -> list[bytes]:
    """The payloads of all records of one kind, in order."""
    return [
        payload
        for message in messages
        if message[0] == native.PARCEL
        for kind, _, number, payload in native.records(message)
        if kind == wanted and stream in (None, number)
    ]


class RecordingLeg:
    """Writes down what it is told, as tuples; ``react`` is called with each before the call returns."""

    visitor = ""
    pings_answered = 0

    def __init__(self, react: Callable[[tuple[object, ...]], None] | None = None) -> None:
        self.events: list[tuple[object, ...]] = []
        self.endings: list[Ending] = []
        self.paused = False
        self.react = react

    def _note(self, *event: object) -> None:
        self.events.append(event)
        if self.react is not None:
            self.react(event)

    def head_received(self, head: ResponseHead) -> None:
        self._note("head", head)

    def data_received(self, data: bytes) -> None:
        assert data, "a leg is never given empty data"
        self._note("data", data)

    def frame_received(self, first: int, payload: bytes) -> None:
        self._note("frame", first, payload)

    def frame_begun(self, first: int, length: int) -> None:
        self._note("begin", first, length)

    def frame_continued(self, payload: bytes) -> None:
        self._note("more", payload)

    def ending_received(self, ending: Ending) -> None:
        self.endings.append(ending)

    def end_received(self, trailers: Headers) -> None:
        self._note("end", trailers)

    def reset_received(self, problem: Problem, message: str) -> None:
        self._note("reset", problem.code, message)

    def link_away(self) -> None:
        """The streams' events are what tests look at."""

    def link_back(self, seconds: float) -> None:
        """As well."""

    def pause_sending(self) -> None:
        assert not self.paused, "paused twice"
        self.paused = True
        self._note("pause")

    def resume_sending(self) -> None:
        assert self.paused, "resumed without having been paused"
        self.paused = False
        self._note("resume")

    @property
    def data(self) -> bytes:
        """All body octets so far."""
        return b"".join(event[1] for event in self.events if event[0] == "data")  # type: ignore[misc]

    @property
    def pieces(self) -> bytes:
        """All pieces of frames so far."""
        return b"".join(event[1] for event in self.events if event[0] == "more")  # type: ignore[misc]

    @property
    def ended(self) -> bool:
        return any(event[0] == "end" for event in self.events)

    @property
    def reset(self) -> str | None:
        """The word of the reset, or None."""
        words = [str(event[1]) for event in self.events if event[0] == "reset"]
        assert len(words) <= 1, "a stream ends once"
        return words[0] if words else None


class MemoryLink:
    """One direction's sending end: what is sent waits in ``sent`` until the test delivers or loses it."""

    def __init__(self) -> None:
        self.writable = True
        self.sent: list[bytes] = []

    def send(self, message: bytes) -> None:
        assert self.writable or message[0] == native.LINK, "a parcel was sent on a link that takes none"
        self.sent.append(message)

    def take(self) -> list[bytes]:
        """All that was sent and not taken before."""
        sent, self.sent = self.sent, []
        return sent


class Party:
    """A session and its surroundings: the owner, who gives a recording leg to each stream that is opened here."""

    def __init__(self, *, even: bool, **bounds: int) -> None:
        self.session = Session(self, self.schedule, even=even, **bounds)
        self.link = MemoryLink()
        self.wanted = False
        self.openings: list[tuple[int, Opening, bool]] = []
        self.messages: list[SessionMessage] = []
        self.failures: list[tuple[int, Exception]] = []
        self.streams: dict[int, Stream] = {}
        self.legs: dict[int, RecordingLeg] = {}
        self.make_leg: Callable[[Stream, Opening], RecordingLeg] = lambda stream, opening: RecordingLeg()

    # --- Owner ---------------------------------------------------------------------------------------------

    def schedule(self, flush: Callable[[], None]) -> None:
        self.wanted = True

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> RecordingLeg:
        self.openings.append((stream.id, opening, end))
        self.streams[stream.id] = stream
        leg = self.make_leg(stream, opening)
        self.legs[stream.id] = leg
        return leg

    def message_received(self, message: SessionMessage) -> None:
        self.messages.append(message)

    def leg_failed(self, number: int, leg: Leg, error: Exception) -> None:
        self.failures.append((number, error))

    # --- for scripts ---------------------------------------------------------------------------------------

    def open(self, opening: Opening = GET, *, end: bool = False, leg: RecordingLeg | None = None) -> Stream:
        """Open a stream with a leg that is found in ``legs``."""
        leg = leg or RecordingLeg()
        stream = self.session.open(opening, leg, end=end)
        self.streams[stream.id] = stream
        self.legs[stream.id] = leg
        return stream

    def flush(self) -> bool:
        """What the reactor does at the end of a turn; whether there was anything to do."""
        wanted, self.wanted = self.wanted, False
        if wanted:
            self.session.flush()
            self.session.check_invariants()
        return wanted

    def hear(self, message: bytes) -> None:
        """Act on a link message, as a link does."""
        if message[0] == native.PARCEL:
            self.session.receive(message)
        else:
            link_message = native.decode_link(message)
            assert isinstance(link_message, Ack)
            self.session.out.acknowledged(link_message.received)
        self.session.check_invariants()

    def can_send(self, writable: bool) -> None:
        """The link's transport has filled up, or has drained."""
        self.link.writable = writable
        if writable:
            self.session.flush()
        else:
            self.session.out.link_full()
        self.session.check_invariants()


class Pair:
    """A server and a client, joined.  The server opens streams with even numbers."""

    def __init__(self, **bounds: int) -> None:
        self.server = Party(even=True, **bounds)
        self.client = Party(even=False, **bounds)
        self.traffic: Counter[str] = Counter()
        self.join()

    def join(self) -> None:
        """A new link: each end says how much has arrived, and both go on."""
        for party in (self.server, self.client):
            party.link = MemoryLink()
        arrived = self.server.session.received
        self.server.session.attach(self.server.link, self.client.session.received)
        self.client.session.attach(self.client.link, arrived)

    def cut(self) -> None:
        """The link is lost, and all that is under way with it."""
        for party in (self.server, self.client):
            party.session.detach()
            party.link = MemoryLink()

    def step(self) -> bool:
        """One turn of both reactors, and all that it sent delivered; whether anything happened."""
        happened = self.server.flush() | self.client.flush()
        for sender, receiver in ((self.server, self.client), (self.client, self.server)):
            for message in sender.link.take():
                happened = True
                self.traffic.update(kind for kind, _ in said(message))
                receiver.hear(message)
        return happened

    def talk(self) -> None:
        """Until nobody has anything to say."""
        waiting = deque(range(10_000))
        while self.step():
            waiting.popleft()  # raises when they never stop

    def open(self, opening: Opening = GET, *, end: bool = False) -> tuple[Stream, RecordingLeg, Stream, RecordingLeg]:
        """A stream from server to client that both know of: its two ends, with their legs."""
        near = self.server.open(opening, end=end)
        self.talk()
        return near, self.server.legs[near.id], self.client.streams[near.id], self.client.legs[near.id]
