"""A flow of datagrams as a leg of a stream: the same for the visitor's side and the service's.

Need
    Each datagram arrives whole or not at all, in the order in which it was sent.  A stream loses nothing, so what it
    cannot take soon must be lost before it is given to it: late datagrams are of less use than new ones.

Invariants
    * A datagram is one FRAME record, or on a slow link one that comes in pieces, which are put together here.

Bounds
    ``DATAGRAM_LIMIT`` bytes of a datagram.  While the stream wants no more, ``QUEUED`` datagrams of ``QUEUED_BYTES``
    together wait here; beyond either the oldest are dropped, and counted.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final, Protocol

from sellia.errors import ProtocolError
from sellia.problems import VISITOR_GONE, Problem
from sellia.protocol.messages import Headers
from sellia.relay.mux.leg import StrictLeg
from sellia.relay.mux.observer import EndedBy, StreamObserver
from sellia.relay.mux.stream import Stream

#: Bytes of a datagram: what UDP over IPv4 carries.
DATAGRAM_LIMIT: Final = 65_507

#: Datagrams, and bytes of them, that wait for a stream.
QUEUED: Final = 128
QUEUED_BYTES: Final = 128 * 1024


def end_flows(streams: Mapping[int, Stream], problem: Problem, message: str) -> None:
    """End all flows among some streams: datagrams have no end that could be waited for."""
    for stream in list(streams.values()):
        if isinstance(stream.leg, DatagramFlow):
            stream.leg.end("sellia", problem, message)


class FlowOwner(Protocol):
    """Owner of a flow: the socket's side."""

    def deliver(self, data: bytes) -> None:
        """Send a datagram of the other side's."""

    def flow_over(self, by: EndedBy, problem: Problem, message: str) -> None:
        """The flow is over.  Called once."""


class DatagramFlow(StrictLeg):
    """The leg of ``stream``; ``side`` is whose socket its owner has, and ``observer`` is told what passes."""

    #: For streams that are watched as WebSockets are: a flow has no pings.
    pings_answered = 0

    def __init__(
        self,
        stream: Stream,
        owner: FlowOwner,
        *,
        side: EndedBy,
        visitor: str = "",
        observer: StreamObserver | None = None,
    ) -> None:
        self.stream = stream
        #: Address of the visitor, for people.
        self.visitor = visitor
        #: Bytes of the socket's datagrams, and of those of the other side.
        self.received = self.sent = 0
        #: Datagrams of the socket's that were dropped because the stream took no more.
        self.dropped = 0
        self._owner = owner
        self._from_visitor = side == "visitor"
        self._observer = observer
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._pieces: list[bytes] = []
        self._missing = 0
        self._paused = False
        self._over = False
        stream.leg = self

    # --- for the owner -----------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Pass on a datagram of the socket's, now or soon, or drop it."""
        if self._over:
            return
        self.received += len(data)
        if self._observer is not None:
            self._observer.frame(self.stream.id, self._from_visitor, 0, data)
        if not self._paused:
            self.stream.send_frame(0, data)
            return
        waiting = self._waiting
        waiting.append(data)
        self._size += len(data)
        while len(waiting) > QUEUED or self._size > QUEUED_BYTES:
            self._size -= len(waiting.popleft())
            self.dropped += 1

    def end(self, by: EndedBy, problem: Problem, message: str) -> None:
        """End the flow, both ways."""
        if not self._over:
            self.stream.reset(problem, message)
            self._end(by, problem, message)

    # --- from the stream: a Leg ----------------------------------------------------------------------------------

    def frame_received(self, first: int, payload: bytes) -> None:
        if self._missing:
            raise ProtocolError("a datagram inside another")
        self._deliver(payload)

    def frame_begun(self, first: int, length: int) -> None:
        if self._missing:
            raise ProtocolError("a datagram inside another")
        if length > DATAGRAM_LIMIT:
            raise ProtocolError("a datagram is longer than any can be", 1008)
        self._missing = length
        if not length:
            self._deliver(b"")

    def frame_continued(self, payload: bytes) -> None:
        self._missing -= len(payload)
        if self._missing < 0:
            raise ProtocolError("a datagram is longer than it said")
        self._pieces.append(payload)
        if not self._missing:
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._deliver(data)

    def end_received(self, trailers: Headers) -> None:
        self.end("sellia", VISITOR_GONE, "")

    def reset_received(self, problem: Problem, message: str) -> None:
        if not self._over:
            self._end("visitor" if problem is VISITOR_GONE else "sellia", problem, message)

    def pause_sending(self) -> None:
        self._paused = True

    def resume_sending(self) -> None:
        self._paused = False
        waiting = self._waiting
        while waiting and not self._paused:
            data = waiting.popleft()
            self._size -= len(data)
            self.stream.send_frame(0, data)

    def link_away(self) -> None:
        """Nothing: what comes meanwhile waits, or is dropped."""

    def link_back(self, seconds: float) -> None:
        """Nothing: a flow waits for nothing that has a deadline."""

    # --- inside ----------------------------------------------------------------------------------------------------

    def _deliver(self, data: bytes) -> None:
        if len(data) > DATAGRAM_LIMIT:
            raise ProtocolError("a datagram is longer than any can be", 1008)
        self.sent += len(data)
        if self._observer is not None:
            self._observer.frame(self.stream.id, not self._from_visitor, 0, data)
        self._owner.deliver(data)

    def _end(self, by: EndedBy, problem: Problem, message: str) -> None:
        self._over = True
        self._waiting.clear()
        self._pieces.clear()
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.ended(self.stream.id, by, problem.code, message)
        self._owner.flow_over(by, problem, message)
