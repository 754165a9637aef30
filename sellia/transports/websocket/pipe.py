"""A WebSocket as a leg of a stream: the same for the visitor's side and the service's.

Need
    Visitor and service see each other's frames, pings, close codes and ends as if directly connected.  What neither
    would have done is done by us in one case only: when the other side's socket is gone, or breaks the protocol, and
    nobody else can say why (`sellia.transports.websocket.closing`).

Bounds
    Frames are streamed, so memory is the stream's: what one side does not read, pongs to its own pings included, the
    other side keeps or waits with.  What a peer may send has limits of its own (`FrameLimits`).

Designs not chosen
    *Autobahn's message API*: it would merge fragments, inflate, and answer pings on somebody's behalf.  *Cutting large
    frames into fragments* on the way, to have room in between: whoever counts frames, or checks them as they come,
    would see others than were sent.
"""

from collections.abc import Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketServerFactory
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.errors import ProtocolError
from sellia.problems import Problem
from sellia.protocol.messages import Ending, Headers, ResponseHead
from sellia.relay.limits.websocket import UNLIMITED, FrameLimits, MessageMeter
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.stream import Stream
from sellia.transports.reactor.batching import BufferedWriter, batch_of
from sellia.transports.reactor.sockets import GONE, hangup, how_lost
from sellia.transports.reactor.unread import Unread
from sellia.transports.websocket.away import AwayPings
from sellia.transports.websocket.closing import Closing, State
from sellia.transports.websocket.frames import CLOSE, PING, PONG, PONG_FRAME, FrameSocket
from sellia.transports.websocket.gate import Gate
from sellia.transports.websocket.record import WebSocketRecord


@implementer(IPushProducer)
class WebSocketLeg(FrameSocket, Unread):
    """The leg of ``stream`` that takes over ``transport``; the caller forwards ``dataReceived`` and ``connectionLost``.

    ``factory`` is a :class:`VisitorWebSocketFactory` or :class:`ServiceWebSocketFactory`; ``compressed`` says whether
    an extension that uses RSV1 was agreed; ``record`` counts what passes.  The caller passes what it read behind the
    handshake to :meth:`dataReceived`.  ``limits`` apply to what is received from the socket.  With ``judge`` their
    sizes apply to what is sent to it as well, because the other end of the link may not know them.  ``observer`` is
    told of every frame that passes, and of the end.
    """

    _held = False  #: whether the socket is not read, so that nothing tells when the peer is gone
    #: The address that its frames count for, once anybody has asked.
    counts_as: Any = None
    _counted = 0

    #: Whether this end answers the peer's pings while the link is away, and the pings that it knows of.
    answers_pings = False
    _pings: AwayPings | None = None

    #: The observer of what passes; None if nobody observes.
    observer: StreamObserver | None = None

    #: What may take frames out of the way for a while; None if nothing does.
    gate: Gate | None = None

    def __init__(
        self,
        factory: Any,
        transport: Any,
        stream: Stream,
        *,
        compressed: bool,
        clock: IReactorTime,
        record: WebSocketRecord,
        limits: FrameLimits = FrameSocket.limits,
        judge: bool = False,
        observer: StreamObserver | None = None,
    ) -> None:
        self._turn = batch_of(clock)
        self._outlet = BufferedWriter(transport, self._turn)
        super().__init__(factory, compressed, self._outlet.write)
        if limits is not FrameSocket.limits:
            self.limits = limits
        if observer is not None:
            self.observer = observer
        self.transport = transport
        self._stream = stream
        self._clock = clock
        self._record = record
        self._visitor = bool(factory.isServer)
        self._judge = MessageMeter(limits) if judge and limits.whole < UNLIMITED else None
        self._closing = Closing(self, stream, record, clock, visitor=self._visitor)
        stream.leg = self
        factory.open.add(self)
        transport.registerProducer(self, True)

    # --- from the socket -----------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the socket."""
        try:
            self.feed(data)
        except ProtocolError as violation:
            self._closing.violated(violation)
        self._turn.input_done()

    def connectionLost(self, reason: Failure) -> None:
        """End the stream: the socket is gone."""
        if self.gate is not None:
            self.gate.over()
        self.factory.open.discard(self)
        record = self._record
        if self._pings is not None:
            record.pings_unanswered = self._pings.unanswered
        self._closing.lost(how_lost(reason))
        record.over()
        if self.observer is not None:
            if record.cause is not None:
                self.observer.explained(self._stream.id, record.cause)
            self.observer.ended(self._stream.id, record.by or "sellia", record.code, record.reason)

    def readConnectionLost(self) -> None:
        """Note that the peer sends nothing more."""
        self._held = True
        self._closing.input_ended()

    def frame(self, first: int, payload: bytes) -> None:
        if first & CLOSE:
            self._control_frame(first, payload)
        elif not self._stream.sending.ended:
            if self.gate is not None and self.gate.frame(False, first, payload):
                return
            self._record.received(first, len(payload))
            if self.observer is not None:
                self.observer.frame(self._stream.id, self._visitor, first, payload)
            self._stream.send_frame(first, payload)

    def _control_frame(self, first: int, payload: bytes) -> None:
        """Pass on a control frame from the socket."""
        stream, opcode = self._stream, first & 0x0F
        if self.gate is not None and opcode == CLOSE and self.gate.frame(False, first, payload):
            return
        if not stream.local_ended:
            if opcode == PING and self.answers_pings and self._answered_here(payload):
                return
            self._record.received(first, len(payload))
            if self.observer is not None:
                self.observer.frame(stream.id, self._visitor, first, payload)
            stream.send_frame(first, payload)
        if opcode == CLOSE:
            self._closing.close_received(payload)

    def _answered_here(self, payload: bytes) -> bool:
        """Whether a ping is answered by this end, because the link is away."""
        pings = self._pings
        if pings is None:
            pings = self._pings = AwayPings(self._pong)
        return pings.received(payload, not self._stream.session.attached)

    def _pong(self, payload: bytes) -> bool:
        """Answer a ping of the peer's; False while there is no place for it."""
        if not self._closing.may_send:
            return True
        if self._stream.receiving.stalled or self.inside_out_frame:
            return False
        self.write_frame(PONG_FRAME, payload)
        return True

    def frame_begins(self, first: int, length: int) -> None:
        if not self._stream.local_ended:
            if self.gate is not None and self.gate.begun(False, first, length):
                return
            self._record.received(first, length)
            if self.observer is not None:
                self.observer.frame_begun(self._stream.id, self._visitor, first, length)
            self._stream.begin_frame(first, length)

    def frame_more(self, payload: bytes) -> None:
        if not self._stream.local_ended:
            if self.gate is not None and self.gate.continued(False, payload):
                return
            if self.observer is not None:
                self.observer.frame_continued(self._stream.id, self._visitor, payload)
            self._stream.continue_frame(payload)

    # --- for whoever stops ---------------------------------------------------------------------------------

    @property
    def record(self) -> WebSocketRecord:
        """The record of what has passed."""
        return self._record

    @property
    def ending(self) -> bool:
        """Whether it ends already: a close frame has passed, or the socket, or that of the other side, is gone."""
        return self._closing.state is not State.OPEN

    def close(self, code: int, reason: str) -> bool:
        """End it from here: both sides get a close frame.  False, and nothing has happened, if that must wait."""
        return self._closing.close(code, reason)

    def drop(self, reason: str = "") -> None:
        """End the connection at once; ``reason`` is for the log, if it is Sellia that ends it."""
        if reason:
            self._record.ended("sellia", None, reason)
        self._closing.drop()

    def inject(self, to_socket: bool, first: int, payload: bytes) -> bool:
        """Send a whole frame of nobody's, which is not to stand in a message; False, if it cannot be sent now."""
        if to_socket and self._closing.may_send and not self.inside_out_frame:
            self.write_frame(first, payload)
            self.flush()
            return True
        if to_socket or self.ending or self._stream.local_ended or self.inside_in_frame:
            return False
        self._stream.send_frame(first, payload)
        return True

    @property
    def stream(self) -> Stream:
        """The stream whose leg it is."""
        return self._stream

    # --- for whoever knows of the link ---------------------------------------------------------------------

    def link_away(self) -> None:
        """Answer the pings that were passed on: the link is lost, and the other side will not for a while."""
        if self._pings is not None:
            self._pings.lost()

    def link_back(self, seconds: float) -> None:
        """The link is there again: a WebSocket waits for nothing that has a deadline."""

    @property
    def pings_answered(self) -> int:
        """Pings that this end has answered since the link was lost."""
        return self._pings.count if self._pings is not None else 0

    # --- for whoever watches: once a second ------------------------------------------------------------------

    @property
    def visitor(self) -> str:
        """Address of the visitor, for people."""
        return self._record.visitor

    @property
    def tunnel(self) -> str:
        """Name of the tunnel that it belongs to."""
        return self._record.tunnel

    def newly_come(self) -> int:
        """Return how many frames were received from the peer since this was last asked."""
        count = self._record.frames_received
        came, self._counted = count - self._counted, count
        return came

    @property
    def gone(self) -> bool:
        """Whether the peer is gone while nothing is read from it."""
        return self._held and bool(hangup(self.transport) & GONE)

    def now(self) -> float:
        return self._clock.seconds()

    # --- from the stream: a Leg ----------------------------------------------------------------------------

    def head_received(self, head: ResponseHead) -> None:
        raise ProtocolError("a response head on an open WebSocket")

    def data_received(self, data: bytes) -> None:
        raise ProtocolError("body data on an open WebSocket")

    def frame_received(self, first: int, payload: bytes) -> None:
        if not self._closing.may_send:
            return
        if self.inside_out_frame:
            raise ProtocolError("a WebSocket frame inside another")
        if self.gate is not None and first & 0x0F <= CLOSE and self.gate.frame(True, first, payload):
            return
        if not first & CLOSE:
            if self._judge is None or self._allowed(first, len(payload)):
                self._record.sent(first, len(payload))
                if self.observer is not None:
                    self.observer.frame(self._stream.id, not self._visitor, first, payload)
                self.write_frame(first, payload)
            return
        if first & 0x0F != CLOSE:
            self._record.sent(first, len(payload))
            if self.observer is not None:
                self.observer.frame(self._stream.id, not self._visitor, first, payload)
            if first & 0x0F != PONG or self._pings is None or not self._pings.returned(payload):
                self.write_frame(first, payload)
            return
        if self._closing.made_by is None:
            self._record.sent(first, len(payload))
            if self.observer is not None:
                self.observer.frame(self._stream.id, not self._visitor, first, payload)
        self._closing.pass_on(first, payload)

    def frame_begun(self, first: int, length: int) -> None:
        if not self._closing.may_send:
            return
        if self.inside_out_frame or first & 0x0F >= CLOSE:
            raise ProtocolError("a WebSocket frame inside another, or a control frame in pieces")
        if self._judge is not None and not self._allowed(first, length):
            return
        if self.gate is not None and self.gate.begun(True, first, length):
            return
        self._record.sent(first, length)
        if self.observer is not None:
            self.observer.frame_begun(self._stream.id, not self._visitor, first, length)
        self.write_begin(first, length)

    def frame_continued(self, payload: bytes) -> None:
        if not self._closing.may_send:
            return
        if self.gate is not None and self.gate.continued(True, payload):
            return
        if not self.write_more(payload):
            raise ProtocolError("a WebSocket frame is longer than it said")
        if self.observer is not None:
            self.observer.frame_continued(self._stream.id, not self._visitor, payload)

    def _allowed(self, first: int, length: int) -> bool:
        """Whether a data frame that is to go to the socket keeps to the limits; if not, the WebSocket ends here."""
        assert self._judge is not None
        try:
            self._judge.frame(first, length)
        except ProtocolError as violation:
            self._record.violated(violation, "service" if self._visitor else "visitor")
            if not self.close(violation.code, violation.reason):  # a frame that goes the other way is not over
                self._stream.reset(violation.problem, str(violation))
                self.reset_received(violation.problem, str(violation))
            return False
        return True

    def ending_received(self, ending: Ending) -> None:
        self._closing.ending_received(ending)

    def end_received(self, trailers: Headers) -> None:
        if self.gate is not None:
            self.gate.over()
        self._closing.end_received()

    def reset_received(self, problem: Problem, message: str) -> None:
        if self.gate is not None:
            self.gate.over()
        self._closing.reset_received(problem, message)

    def pause_sending(self) -> None:
        self._held = True
        if self._closing.state is not State.GONE:
            self.transport.pauseProducing()

    def resume_sending(self) -> None:
        self._held = False
        if self._closing.state is not State.GONE:
            self.transport.resumeProducing()

    # --- from the transport: a producer --------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """Stall the stream: the socket takes no more for now."""
        self._stream.stall()

    def resumeProducing(self) -> None:
        """Let the stream flow: the socket has taken all that was written."""
        self._stream.flow()
        if self._pings is not None and not self._stream.session.attached:
            self._pings.catch_up()

    def stopProducing(self) -> None:
        """Nothing: the socket is gone, and connectionLost says so."""

    # --- for the closing -----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Hand to the transport what was written in this turn."""
        self._outlet.flush()


class ServiceWebSocketFactory(WebSocketClientFactory):
    """Factory for sockets of services, which are sent masked frames.  One for a process; ``open`` are its legs."""

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor=reactor)
        self.open: set[WebSocketLeg] = set()
        #: Told of each WebSocket of a service that opens, before anything passes.
        self.opened: Callable[[WebSocketLeg], None] | None = None


class VisitorWebSocketFactory(WebSocketServerFactory):
    """Factory for sockets of visitors, whose frames must be masked."""

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor=reactor)
        self.open: set[WebSocketLeg] = set()
