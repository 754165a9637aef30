"""Links in memory, for tests of those who keep links: everything of a link but the WebSocket and its socket.

A `MemoryLink` is one end.  `Wire` joins two of them, and carries what they say when the test says so.  What is under
way when a wire is cut is lost.
"""

from collections.abc import Callable
from typing import Any

from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from sellia.protocol import native
from sellia.protocol.messages import LinkMessage
from sellia.transports.link.keeper import LinkKeeper
from sellia.transports.link.native import NativeLink
from sellia.transports.reactor.batching import batch_of


class _Socket:
    """What a link asks of its transport."""

    aborted = False

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """It never fills up unless the test says so."""

    def abortConnection(self) -> None:
        self.aborted = True


class _WebSocket:
    """What a link asks of Autobahn."""

    state = WebSocketProtocol.STATE_OPEN

    def __init__(self) -> None:
        self.transport = _Socket()
        self.sent: list[bytes] = []
        #: Code and reason of the close frame that we sent.
        self.closed: tuple[int, str] | None = None

    def sendCloseFrame(self, code: int, reason: bytes) -> None:
        if self.state == WebSocketProtocol.STATE_OPEN:
            self.state = WebSocketProtocol.STATE_CLOSING
            self.closed = code, reason.decode()

    def connectionLost(self, reason: Failure) -> None:
        self.state = WebSocketProtocol.STATE_CLOSED


class MemoryLink(NativeLink, _WebSocket):
    """One end of a link."""

    transport: Any

    def __init__(self, keeper: LinkKeeper, clock: Any, remote: str = "203.0.113.7") -> None:
        _WebSocket.__init__(self)
        self.keeper = keeper
        self.clock = clock
        self.remote = remote
        self.heard_messages: list[LinkMessage] = []
        #: What has come since it is held back, if it is.
        self.held: list[bytes] | None = None

    def send(self, message: bytes) -> None:
        if self.state == WebSocketProtocol.STATE_OPEN:
            self.sent.append(message)
            self._unasked += len(message)
            if self._unasked >= self._ask_after:
                self._ask_for_ack()

    @property
    def held_back(self) -> bool:
        return self.held is not None

    def hold_back(self) -> None:
        self.held = []

    def answer_late(self, answer: Callable[[], None]) -> None:
        held, self.held = self.held or [], None
        self.guarded(answer)
        for message in held:
            self.hear(message)

    def hear(self, message: bytes) -> None:
        """A link message arrives."""
        if self.held is not None:
            self.held.append(message)
            return
        self.liveness.last = self.clock.seconds()
        if self.state == WebSocketProtocol.STATE_OPEN:
            if message[0] == native.LINK:
                said = native.decode_link(message)
                assert said is not None
                self.heard_messages.append(said)
            self.guarded(self.message_received, message)
        batch_of(self.clock).run()

    def lose(self, reason: str = "") -> None:
        """The connection is gone."""
        if reason:
            self.reason = reason
        self.connectionLost(Failure(ConnectionLost()))

    def take(self) -> list[bytes]:
        """All that was sent and not taken before."""
        batch_of(self.clock).run()
        sent, self.sent = self.sent, []
        return sent

    def said(self, kind: type[Any]) -> list[Any]:
        """The messages of one kind that wait to be taken."""
        batch_of(self.clock).run()
        found = [native.decode_link(message) for message in self.sent if message[0] == native.LINK]
        return [each for each in found if isinstance(each, kind)]

    @property
    def gone(self) -> bool:
        """Whether it has been closed or dropped from here."""
        return self.closed is not None or self.transport.aborted


class Wire:
    """Joins two links.  ``dead`` wires swallow what is sent, and nobody notices."""

    def __init__(self, near: MemoryLink, far: MemoryLink) -> None:
        self.near = near
        self.far = far
        self.dead = False
        near.onOpen()
        far.onOpen()

    def talk(self) -> None:
        """Until neither has anything to say."""
        for _ in range(1000):
            moved = False
            for sender, receiver in ((self.near, self.far), (self.far, self.near)):
                for message in sender.take():
                    moved = True
                    if not self.dead:
                        receiver.hear(message)
            if not moved:
                return
        raise AssertionError("they never stop")

    def cut(self, reason: str = "Connection was reset") -> None:
        """Both ends lose their connection, and what was under way."""
        for end in (self.near, self.far):
            end.sent.clear()
            end.lose(reason)
