"""A slow way between two links, in simulated time: a rate, a delay, and a buffer without a bound, in each direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from twisted.internet.task import Clock

from sellia.errors import ProtocolError
from sellia.protocol.messages import LinkMessage
from sellia.transports.link.keeper import Link
from tests.relay.scripts import GET, Party, RecordingLeg
from tests.transports.links import MemoryLink

#: What a WebSocket, TCP and IP add to a message, about.
OVERHEAD = 50


class Keeper:
    """Neither hello nor goodbye: the links carry their sessions from the start."""

    def link_opened(self, link: Link) -> None:
        """It is known who it is."""

    def link_message(self, link: Link, message: LinkMessage) -> None:
        raise AssertionError(message)

    def link_faulty(self, link: Link, code: int, fault: str) -> None:
        raise AssertionError(fault)

    def rate_limited_log(self, topic: str) -> int | None:
        return 0

    def link_broken(self, link: Link, error: ProtocolError) -> None:
        raise error

    def link_lost(self, link: Link, reason: str) -> None:
        """The test is over."""


@dataclass
class Way:
    """One direction: octets a second, and seconds that each takes beyond that.  What is delayed delays what follows."""

    rate: float
    delay: float
    free_at: float = 0.0
    carried: int = 0
    jitter: Callable[[], float] = lambda: 0.0
    last: float = 0.0

    def arrival(self, now: float, size: int) -> float:
        """When a message that is sent now arrives."""
        self.free_at = max(now, self.free_at) + (size + OVERHEAD) / self.rate
        self.carried += size
        self.last = max(self.last, self.free_at + self.delay + self.jitter())
        return self.last

    def queue(self, now: float) -> float:
        """Seconds that what is sent now waits for its turn."""
        return max(0.0, self.free_at - now)


@dataclass
class Thin:
    """Two sessions, joined by links over two ways.  Readers take everything at once."""

    down: Way
    up: Way
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.server, self.client = Party(even=True), Party(even=False)
        self.near, self.far = (MemoryLink(Keeper(), self.clock) for _ in range(2))
        for link, party in ((self.near, self.server), (self.far, self.client)):
            link.onOpen()
            link.carry(party.session, 0, 5.0, 15.0)

    def stop(self) -> None:
        for link in (self.near, self.far):
            link.lose("the test is over")

    def wait(self, seconds: float, step: float = 0.001) -> None:
        """Time passes."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(step)
            self.move()

    def move(self) -> None:
        """What the sessions have to say sets out."""
        now = self.clock.seconds()
        for party, link, other, way in (
            (self.server, self.near, self.far, self.down),
            (self.client, self.far, self.near, self.up),
        ):
            party.flush()
            for message in link.take():
                self.clock.callLater(way.arrival(now, len(message)) - now, other.hear, message)


@dataclass
class Bulk:
    """A stream that sends as much as it may, one way."""

    thin: Thin
    sender: Party
    taken: int = 0
    piece: bytes = bytes(64 * 1024)

    def __post_init__(self) -> None:
        self.stream = self.sender.open(GET, leg=RecordingLeg(self._felt))
        self.push()

    def push(self) -> None:
        leg = self.sender.legs[self.stream.id]
        while not leg.paused:
            self.stream.send_data(self.piece)

    def _felt(self, event: tuple[object, ...]) -> None:
        if event[0] == "resume":
            self.thin.clock.callLater(0, self.push)
