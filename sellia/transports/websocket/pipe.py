"""A WebSocket as a leg of a stream: the same for the visitor's side and the service's.

Need
    Visitor and service see each other's frames, pings, close codes and ends as if directly connected.  What neither
    would have done is done by us in one case only: when the other side's socket is gone, or breaks the protocol, and
    nobody else can say why.

How a WebSocket ends
    * A close frame passes like any other frame.  When one has passed each way, the service's side waits for the
      service to close the connection, and the visitor's side closes it (RFC 6455, 7.1.1), each for a bounded time.
    * A socket that ends without a close frame: the stream is reset.  The visitor's side then sends a close frame
      that says what happened (1011, 1012, 1001 by the problem's word); the service's side ends the connection
      without a close frame, because that is what the visitor did.  A reset overtakes what is queued, so as long as
      something is, the stream is ended in order instead, and brings the visitor the same close frame.
    * A violation: the stream carries a close frame with the code of the violation, in its place in the order, so that
      what was said before it is still answered; the violator gets the same code as soon as the other side has
      closed, or after ``VERDICT_WAIT``, whichever is first.
    * Sellia stops (:meth:`WebSocketLeg.close`): both sides get a close frame that says so, behind what was on its
      way to the other side.

Bounds
    Frames are streamed, so memory is the stream's: what one side does not read, pongs to its own pings included, the
    other side keeps or waits with.  What a peer may send has limits of its own (`FrameLimits`).  Waiting for a peer to
    finish a closing handshake, or to close the connection, takes at most ``CLOSE_WAIT`` from when it took the last
    octets.

Designs not chosen
    *Autobahn's message API*: it would merge fragments, inflate, and answer pings on somebody's behalf.  *Closing the
    violator at once*: a message that came just before the violation would lose its answer.  *Filling up a frame* whose
    rest is lost, to have room for a close frame behind it: a peer would be handed octets that nobody sent, and with FIN
    set a whole message of them; text that is no UTF-8 would make the peer fail the connection, which it reports as
    1006, too.  *Cutting large frames into fragments* on the way, to have room in between: whoever counts frames, or
    checks them as they come, would see others than were sent.
"""

from typing import Any, Final

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketServerFactory
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.errors import LimitExceeded, ProtocolError
from sellia.problems import BAD_FRAME, SERVICE_DIED, VISITOR_GONE, Problem
from sellia.protocol.messages import Ending, Headers, ResponseHead
from sellia.relay.limits.websocket import UNLIMITED, FrameLimits, MessageMeter
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.stream import Stream
from sellia.transports.reactor.batching import BufferedWriter, batch_of
from sellia.transports.reactor.sockets import GONE, half_close, hangup, unsent
from sellia.transports.reactor.unread import Unread
from sellia.transports.websocket.away import AwayPings
from sellia.transports.websocket.frames import (
    CLOSE,
    CLOSE_FRAME,
    PING,
    PONG,
    PONG_FRAME,
    FrameSocket,
    close_payload,
    parse_close,
    problem_close,
)
from sellia.transports.websocket.record import Side, WebSocketRecord

#: Seconds for a peer to finish its part of a closing handshake before its connection is dropped.
CLOSE_WAIT: Final = 10.0

#: Seconds that a violator's verdict waits for what the other side still says to what came before.
VERDICT_WAIT: Final = 0.05

_DROPPED: Final = "connection dropped without a close frame"
_GONE: Final = "the visitor's connection was dropped without a close frame"
_DIED: Final = "the service dropped the connection without a close frame"

#: Who dropped the connection, by the word of the reset that tells so.
_DROPPED_BY: Final[dict[Problem, Side]] = {VISITOR_GONE: "visitor", SERVICE_DIED: "service"}

#: Behind the reason of an end that the peer could not be told.
_UNSAID: Final = " (told by no close frame: the rest of a frame was still to come)"


@implementer(IPushProducer)
class WebSocketLeg(FrameSocket, Unread):
    """Takes over ``transport`` and becomes ``stream``'s leg.  The caller forwards ``dataReceived``/``connectionLost``.

    ``factory`` is a :class:`VisitorWebSocketFactory` or :class:`ServiceWebSocketFactory`; ``compressed`` says whether
    an extension that uses RSV1 was agreed; ``story`` is told what passes.  The caller passes what it read behind the
    handshake to :meth:`dataReceived`.  ``limits`` count for what comes from the socket.  With ``judge`` their sizes
    count for what goes to it as well, because the other end of the link may not know them.  ``observer`` is told of
    every frame that passes, and of the end.
    """

    _hung_up = False
    _held = False  #: whether nothing is read, so that nobody tells when the peer is gone
    _unsent = -1
    #: Whom its frames count for, once anybody has asked.
    counts_as: Any = None
    _counted = 0

    #: Whether this end answers the peer's pings while the link is away, and those that it knows of.
    answers_pings = False
    _pings: AwayPings | None = None

    #: Who ended it, where the close frame that comes next was made by the other end of the link.
    _ending: Side | None = None

    #: Told of what passes; None if nobody observes.
    observer: StreamObserver | None = None

    def __init__(
        self,
        factory: Any,
        transport: Any,
        stream: Stream,
        *,
        compressed: bool,
        clock: IReactorTime,
        story: WebSocketRecord,
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
        self._story = story
        self._visitor = bool(factory.isServer)
        self._side: Side = "visitor" if self._visitor else "service"
        self._other: Side = "service" if self._visitor else "visitor"
        self._judge = MessageMeter(limits) if judge and limits.whole < UNLIMITED else None
        self._close_in = False
        self._close_out = False
        self._gone = False
        self._verdict: bytes | None = None
        self._timer: IDelayedCall | None = None
        stream.leg = self
        factory.open.add(self)
        transport.registerProducer(self, True)

    # --- from the socket -----------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Octets from the socket."""
        try:
            self.feed(data)
        except ProtocolError as violation:
            self._violated(violation)
        self._turn.input_done()

    def connectionLost(self, reason: Failure) -> None:
        """The socket is gone."""
        self._gone = True
        self.factory.open.discard(self)
        self._cancel()
        if self._close_in:
            self._end_stream()
        else:
            self._story.ended(self._side, None, _DROPPED)
            self._vanished()
        self._story.over()
        if self.observer is not None:
            story = self._story
            self.observer.ended(self._stream.id, story.by or "sellia", story.code, story.reason)

    def readConnectionLost(self) -> None:
        """The peer sends nothing more: behind its close frame it may still read what answers that."""
        self._held = True
        if self._hung_up or (self._close_in and self._close_out):
            self.transport.loseConnection()
        elif not self._close_in:
            self.transport.connectionLost(Failure(CONNECTION_DONE))

    def _vanished(self) -> None:
        """The peer is gone without a close frame: say so, behind what it said before."""
        stream, visitor = self._stream, self._visitor
        if stream.drained or stream.local_ended or (self._pieces and not visitor):
            if visitor:
                stream.reset(VISITOR_GONE, _GONE, *self._taken)
            else:
                stream.reset(SERVICE_DIED, _DIED, *self._taken)
            return
        if not visitor:
            stream.send_ending(Ending(self._side, True, *self._taken))
            stream.send_frame(CLOSE_FRAME, problem_close(SERVICE_DIED, _DIED))
        self._end_stream()

    def _end_stream(self) -> None:
        """The socket is gone: say behind all that it said what it had taken, and end this direction."""
        stream = self._stream
        if not stream.local_ended:
            stream.send_ending(Ending("", False, *self._taken))
            stream.end()
        stream.flow()

    @property
    def _taken(self) -> tuple[int, int]:
        """Frames and bytes of the other side that went to the socket."""
        return self._story.went_frames, self._story.went_bytes

    def frame(self, first: int, payload: bytes) -> None:
        if first & CLOSE:
            self._control_frame(first, payload)
        elif not self._stream.local_ended:
            self._story.came(first, len(payload), True)
            if self.observer is not None:
                self.observer.frame(self._stream.id, self._visitor, first, payload)
            self._stream.send_frame(first, payload)

    def _control_frame(self, first: int, payload: bytes) -> None:
        """A frame whose opcode is 8 or above came from the socket."""
        stream, opcode = self._stream, first & 0x0F
        if not stream.local_ended:
            if opcode == PING and self.answers_pings and self._answered_here(payload):
                return
            self._story.came(first, len(payload), True)
            if self.observer is not None:
                self.observer.frame(stream.id, self._visitor, first, payload)
        if opcode == CLOSE:
            self._close_in = True
            code, reason = parse_close(payload)
            self._story.ended(self._side, code, reason)
        if not stream.local_ended:
            stream.send_frame(first, payload)
        if opcode == CLOSE and self._close_out:
            self._handshake_done()

    def _answered_here(self, payload: bytes) -> bool:
        """Whether a ping is answered by this end, because the link is away."""
        pings = self._pings
        if pings is None:
            pings = self._pings = AwayPings(self._pong)
        return pings.came(payload, not self._stream.session.attached)

    def _pong(self, payload: bytes) -> bool:
        """Answer a ping of the peer's; False while there is no place for it."""
        if self._close_out or self._gone:
            return True
        if self._stream.receiving.stalled or self.inside_out_frame:
            return False
        self.write_frame(PONG_FRAME, payload)
        return True

    def frame_begins(self, first: int, length: int) -> None:
        if not self._stream.local_ended:
            self._story.came(first, length, False)
            if self.observer is not None:
                self.observer.frame_begun(self._stream.id, self._visitor, first, length)
            self._stream.begin_frame(first, length)

    def frame_more(self, payload: bytes) -> None:
        if not self._stream.local_ended:
            if self.observer is not None:
                self.observer.frame_continued(self._stream.id, self._visitor, payload)
            self._stream.continue_frame(payload)

    def _violated(self, violation: ProtocolError) -> None:
        """The peer broke the protocol, or a limit: the other side is told in its turn, the peer soon after."""
        self._verdict = close_payload(violation.code, violation.reason)
        self._close_in = True
        self._story.violated(violation, self._side)
        if self._stream.local_ended:
            self._pronounce()
            return
        if self._pieces:  # the frame in progress will never end: the other side cannot be told in order
            self._stream.reset(violation.problem, str(violation))
            self._pronounce()
            return
        self._stream.send_ending(Ending("sellia" if isinstance(violation, LimitExceeded) else self._side))
        self._stream.send_frame(CLOSE_FRAME, self._verdict)
        self._after(VERDICT_WAIT, self._pronounce)

    def _pronounce(self) -> None:
        if self._close_out or self.inside_out_frame:
            self._hang_up()
            return
        assert self._verdict is not None
        self._close_out = True
        self.write_frame(CLOSE_FRAME, self._verdict)
        self._hang_up()

    # --- for whoever stops ---------------------------------------------------------------------------------

    @property
    def ending(self) -> bool:
        """Whether it ends already: a close frame has passed, or the socket, or that of the other side, is gone."""
        return self._close_in or self._close_out or self._gone or self._hung_up

    def close(self, code: int, reason: str) -> bool:
        """End it from here: both sides get a close frame.  Nothing that the peer still says is passed on.

        False, and nothing has happened, while a frame is being passed on in pieces, either way: no other can come
        inside of it.  Try again soon.
        """
        if self.ending:
            return True
        if self._pieces or self.inside_out_frame:
            return False
        payload = close_payload(code, reason)
        self._story.ended("sellia", code, reason)
        self._stream.send_ending(Ending("sellia", False, *self._taken))
        self._stream.send_frame(CLOSE_FRAME, payload)
        self._stream.end()
        self._close_out = True
        self.write_frame(CLOSE_FRAME, payload)
        self.transport.resumeProducing()  # for its reply, should there have been enough of what came before
        self._after(CLOSE_WAIT, self._late)
        return True

    # --- for whoever knows of the link ---------------------------------------------------------------------

    def link_away(self) -> None:
        """The link is lost: pings that were passed on will not be answered by the other side for a while."""
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
        """Whose it is, for people."""
        return self._story.visitor

    @property
    def tunnel(self) -> str:
        """The name of the tunnel that it belongs to."""
        return self._story.tunnel

    def newly_come(self) -> int:
        """Frames that have come from the peer since this was last asked."""
        count = self._story.came_frames
        came, self._counted = count - self._counted, count
        return came

    @property
    def gone(self) -> bool:
        """Whether the peer is gone while nothing is read from it."""
        return self._held and bool(hangup(self.transport) & GONE)

    def drop(self, reason: str = "") -> None:
        """End the connection without a word; ``reason`` is for the log, if it is Sellia that ends it."""
        if reason:
            self._story.ended("sellia", None, reason)
        self._drop()

    def now(self) -> float:
        return self._clock.seconds()

    # --- from the stream: a Leg ----------------------------------------------------------------------------

    def head_received(self, head: ResponseHead) -> None:
        raise ProtocolError("a response head on an open WebSocket")

    def data_received(self, data: bytes) -> None:
        raise ProtocolError("body data on an open WebSocket")

    def frame_received(self, first: int, payload: bytes) -> None:
        if self._close_out or self._gone:
            return
        if self.inside_out_frame:
            raise ProtocolError("a WebSocket frame inside another")
        if not first & CLOSE:
            if self._judge is None or self._allowed(first, len(payload)):
                self._story.went(first, len(payload), True)
                if self.observer is not None:
                    self.observer.frame(self._stream.id, not self._visitor, first, payload)
                self.write_frame(first, payload)
            return
        if first & 0x0F != CLOSE:
            self._story.went(first, len(payload), True)
            if self.observer is not None:
                self.observer.frame(self._stream.id, not self._visitor, first, payload)
            if first & 0x0F != PONG or self._pings is None or not self._pings.returned(payload):
                self.write_frame(first, payload)
            return
        if self._ending is None:
            self._story.went(first, len(payload), True)
            if self.observer is not None:
                self.observer.frame(self._stream.id, not self._visitor, first, payload)
        self._close_out = True
        if self._verdict is not None:
            payload = self._verdict
        else:
            code, reason = parse_close(payload)
            self._story.ended(self._ending or self._other, code, reason)
        self.write_frame(first, payload)
        if self._close_in:
            self._handshake_done()
        else:
            self._after(CLOSE_WAIT, self._late)

    def frame_begun(self, first: int, length: int) -> None:
        if self._close_out or self._gone:
            return
        if self.inside_out_frame or first & 0x0F >= CLOSE:
            raise ProtocolError("a WebSocket frame inside another, or a control frame in pieces")
        if self._judge is not None and not self._allowed(first, length):
            return
        self._story.went(first, length, False)
        if self.observer is not None:
            self.observer.frame_begun(self._stream.id, not self._visitor, first, length)
        self.write_begin(first, length)

    def frame_continued(self, payload: bytes) -> None:
        if self._close_out or self._gone:
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
            self._story.violated(violation, self._other)
            if not self.close(violation.code, violation.reason):  # a frame that goes the other way is not over
                self._stream.reset(violation.problem, str(violation))
                self.reset_received(violation.problem, str(violation))
            return False
        return True

    def ending_received(self, ending: Ending) -> None:
        if ending.frames >= 0:
            self._story.settle(ending.frames, ending.bytes)
        if ending.by:
            self._ending = self._other if ending.by == self._other else "sellia"
            if ending.dropped and not (self._gone or self._close_out):
                self._story.ended(self._ending, None, _DROPPED)

    def end_received(self, trailers: Headers) -> None:
        """The other side's socket has closed, after a close frame went this way; or without one."""
        if self._gone:
            return
        if not self._close_out:
            if self._visitor:
                self.reset_received(SERVICE_DIED, _DIED)
                return
            self._story.ended("visitor", None, _DROPPED)
            self._hang_up()
        elif self._close_in:
            self._hang_up()

    def reset_received(self, problem: Problem, message: str) -> None:
        if self._gone:
            return
        by, reason = _DROPPED_BY.get(problem), _DROPPED
        if by is None:
            by = self._other if problem is BAD_FRAME else "sellia"
            reason = f"{problem.code}: {message}" if message else problem.code
        self._story.ended(by, None, reason + _UNSAID if self.inside_out_frame else reason)
        if self._close_out or self.inside_out_frame or (not self._visitor and problem is VISITOR_GONE):
            self._hang_up()
            return
        if self._close_in and self._verdict is None:
            self._hang_up()  # it has said that it ends, and there is nobody to answer that
            return
        if self._verdict is not None:
            self._pronounce()
            return
        self._close_out = True
        self.write_frame(CLOSE_FRAME, problem_close(problem, message))
        self.transport.resumeProducing()  # for its reply, should there have been enough of what came before
        self._after(CLOSE_WAIT, self._late)

    def pause_sending(self) -> None:
        self._held = True
        if not self._gone:
            self.transport.pauseProducing()

    def resume_sending(self) -> None:
        self._held = False
        if not self._gone:
            self.transport.resumeProducing()

    # --- from the transport: a producer --------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The socket takes no more for now."""
        self._stream.stall()

    def resumeProducing(self) -> None:
        """The socket has taken all that was written."""
        self._stream.flow()
        if self._pings is not None and not self._stream.session.attached:
            self._pings.catch_up()

    def stopProducing(self) -> None:
        """The socket is gone; connectionLost says so."""

    # --- ends ----------------------------------------------------------------------------------------------

    def _handshake_done(self) -> None:
        """A close frame has passed each way."""
        if self._visitor:
            self._hang_up()
        else:
            self._after(CLOSE_WAIT, self._late)

    def _hang_up(self) -> None:
        """Close the connection behind what has been written, without losing it to a reset by unread input."""
        if self._hung_up:
            return
        self._hung_up = self.deaf = True
        self._outlet.flush()
        self._after(CLOSE_WAIT, self._late)
        transport = self.transport
        transport.unregisterProducer()  # Twisted does not close a connection whose producer is paused
        if (self._verdict is not None or not self._close_in) and half_close(transport):
            transport.resumeProducing()
        else:
            transport.loseConnection()

    def _late(self) -> None:
        """It should have closed by now.  A peer that still takes what it is sent, however slowly, is waited for."""
        left = unsent(self.transport)
        if left and left != self._unsent:
            self._unsent = left
            self._after(CLOSE_WAIT, self._late)
        else:
            self._drop()

    def _drop(self) -> None:
        if not self._gone:
            self.transport.abortConnection()

    def _after(self, seconds: float, call: Any) -> None:
        self._cancel()
        self._timer = self._clock.callLater(seconds, call)

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()


class ServiceWebSocketFactory(WebSocketClientFactory):
    """One for a process, for sockets of services: what they are sent is masked.  ``open`` are its pipes."""

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor=reactor)
        self.open: set[WebSocketLeg] = set()


class VisitorWebSocketFactory(WebSocketServerFactory):
    """The same for sockets of visitors: what they send must be masked."""

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor=reactor)
        self.open: set[WebSocketLeg] = set()
