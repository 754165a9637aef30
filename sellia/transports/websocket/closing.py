"""The closing of a WebSocket at one end of the link: its states, and what is sent and awaited in each.

How a WebSocket ends
    * A close frame passes like any other frame.  When one has passed each way, the service's side waits for the
      service to close the connection, and the visitor's side closes it (RFC 6455, 7.1.1), each for a bounded time.
    * A socket that ends without a close frame: the stream is reset.  The visitor's side then sends a close frame
      that says what happened (1011, 1012, 1001 by the problem's code); the service's side ends the connection
      without a close frame, because that is what the visitor did.  A reset overtakes what is queued, so as long as
      something is, the stream is ended in order instead, and brings the visitor the same close frame.
    * A violation: the stream carries a close frame with the code of the violation, in its place in the order, so that
      what was said before it is still answered; the violator gets the same code as soon as the other side has
      closed, or after ``VERDICT_WAIT``, whichever is first.
    * Sellia stops (:meth:`Closing.close`): both sides get a close frame that says so, behind what was on its way to the
      other side.

States
    :data:`NEXT` is the table in ``docs/protocol.rst``, section 4.2.  A close frame is received when it comes from this
    end's socket, and sent when it goes to it.  A violation counts as a close frame received, for nothing that follows
    it is read.  ``received`` outlives the states: after a close frame, the end of the connection means something else.

Bounds
    Waiting for a peer to finish a closing handshake, or to close the connection, takes at most ``CLOSE_WAIT`` from when
    it took the last bytes.

Designs not chosen
    *Closing the violator at once*: a message that came just before the violation would lose its answer.  *Filling up a
    frame* whose rest is lost, to have room for a close frame behind it: a peer would be handed bytes that nobody sent,
    and with FIN set a whole message of them; text that is no UTF-8 would make the peer fail the connection, which it
    reports as 1006, too.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sellia.errors import LimitExceeded, ProtocolError
from sellia.problems import BAD_FRAME, PROBLEMS, SERVICE_DIED, VISITOR_GONE, Problem
from sellia.protocol.messages import NO_WHY, Ending, Why
from sellia.relay.mux.causes import believed, why_of
from sellia.relay.mux.stream import Stream
from sellia.transports.reactor.sockets import half_close, lose, unsent
from sellia.transports.reactor.waiting import cancel
from sellia.transports.websocket.frames import CLOSE_FRAME, close_payload, parse_close, problem_close
from sellia.transports.websocket.record import Circumstances, Side, WebSocketRecord
from sellia.why.websocket import Told

#: Seconds for a peer to finish its part of a closing handshake before its connection is dropped.
CLOSE_WAIT: Final = 10.0

#: Seconds for which a violator's close frame waits for what the other side still answers.
VERDICT_WAIT: Final = 0.05

_DROPPED: Final = "connection dropped without a close frame"
_GONE: Final = "the visitor's connection was dropped without a close frame"
_DIED: Final = "the service dropped the connection without a close frame"

#: Who dropped the connection, by the problem of the reset that tells so.
_DROPPED_BY: Final[dict[Problem, Side]] = {VISITOR_GONE: "visitor", SERVICE_DIED: "service"}

#: Behind the reason of an end that the peer could not be told.
_UNSAID: Final = " (told by no close frame: the rest of a frame was still to come)"


class State(Enum):
    """State of the closing handshake at one end, by the words of the document."""

    OPEN = "open"
    CLOSE_RECEIVED = "close received"
    CLOSE_SENT = "close sent"
    BOTH = "both"
    HUNG_UP = "hung up"
    GONE = "gone"


class Event(Enum):
    """Event that moves the state, by the words of the document."""

    RECEIVED = "a close frame is received, or a violation"
    SENT = "a close frame is sent"
    HANG_UP = "this end ends the connection"
    LOST = "the connection is gone"


_CONNECTED: Final = (State.OPEN, State.CLOSE_RECEIVED, State.CLOSE_SENT, State.BOTH)

#: The state that follows each event.  What is not here does not occur.
NEXT: Final[dict[tuple[State, Event], State]] = {
    (State.OPEN, Event.RECEIVED): State.CLOSE_RECEIVED,
    (State.OPEN, Event.SENT): State.CLOSE_SENT,
    (State.CLOSE_RECEIVED, Event.SENT): State.BOTH,
    (State.CLOSE_SENT, Event.RECEIVED): State.BOTH,
    **{(state, Event.HANG_UP): State.HUNG_UP for state in _CONNECTED},
    **{(state, Event.LOST): State.GONE for state in (*_CONNECTED, State.HUNG_UP)},
}

#: States in which frames may be sent to the socket, and in which a close frame has been.
_MAY_SEND: Final = frozenset((State.OPEN, State.CLOSE_RECEIVED))
_SENT: Final = frozenset((State.CLOSE_SENT, State.BOTH))


class FramedSocket(Protocol):
    """What the closing needs of the socket whose WebSocket it closes."""

    transport: Any
    deaf: bool

    @property
    def inside_in_frame(self) -> bool:
        """Whether the rest of a frame from the socket is still to come."""

    @property
    def inside_out_frame(self) -> bool:
        """Whether the rest of a frame to the socket is still to come, so that no other may be written."""

    def write_frame(self, first: int, payload: bytes) -> None:
        """Write a whole frame."""

    def flush(self) -> None:
        """Hand to the transport what was written."""


class Closing:
    """Closes one WebSocket; ``visitor`` says whose socket it is."""

    __slots__ = (
        "_clock",
        "_record",
        "_socket",
        "_stream",
        "_timer",
        "_told",
        "_unsent",
        "_verdict",
        "_visitor",
        "made_by",
        "may_send",
        "received",
        "state",
    )

    def __init__(
        self, socket: FramedSocket, stream: Stream, record: WebSocketRecord, clock: IReactorTime, *, visitor: bool
    ) -> None:
        self._socket = socket
        self._stream = stream
        self._record = record
        self._clock = clock
        self._visitor = visitor
        #: Payload of the close frame that a violator gets.
        self._verdict: bytes | None = None
        self._timer: IDelayedCall | None = None
        #: What the other end of the link has said of why it ends.
        self._told: Told | None = None
        self._unsent = -1
        self.state = State.OPEN
        #: Whether frames of the other side may be sent to the socket.
        self.may_send = True
        #: Whether a close frame has been received, or a violation.
        self.received = False
        #: Who ended the WebSocket, where the other end of the link makes the close frame that comes next.
        self.made_by: Side | None = None

    # --- from the socket -----------------------------------------------------------------------------------

    def close_received(self, payload: bytes) -> None:
        """The peer has sent a close frame, which has been passed on."""
        self._move(Event.RECEIVED)
        self._record.ended(self._side, *parse_close(payload))
        if self.state is State.BOTH:
            self._completed()

    def violated(self, violation: ProtocolError) -> None:
        """The peer broke the protocol, or a limit: the other side is told in its turn, the peer soon after."""
        self._verdict = close_payload(violation.code, violation.reason)
        self._move(Event.RECEIVED)
        self._record.violated(violation, self._side)
        stream = self._stream
        if stream.local_ended:
            self._pronounce()
        elif self._socket.inside_in_frame:  # that frame will never end: the other side cannot be told in order
            stream.reset(violation.problem, str(violation), why=self._why)
            self._pronounce()
        else:
            by = "sellia" if isinstance(violation, LimitExceeded) else self._side
            stream.send_ending(Ending(by, why=self._why))
            stream.send_frame(CLOSE_FRAME, self._verdict)
            self._after(VERDICT_WAIT, self._pronounce)

    def input_ended(self) -> None:
        """The peer sends nothing more: behind its close frame it may still read what answers that."""
        if self.state is State.HUNG_UP or self.state is State.BOTH:
            self._socket.transport.loseConnection()
        elif not self.received:
            self._record.how = "it ended in order, with FIN"
            lose(self._socket.transport)

    def lost(self, how: str = "") -> None:
        """The connection is gone: end the stream, in order after a close frame."""
        self._move(Event.LOST)
        self._cancel()
        if self.received:
            self._end_stream()
        else:
            self._record.how = self._record.how or how
            self._record.linked = self._stream.attached
            self._record.dropped(self._side, _DROPPED)
            self._vanished()

    # --- from the stream -----------------------------------------------------------------------------------

    def pass_on(self, first: int, payload: bytes) -> None:
        """Send the other side's close frame to the socket; to a violator, the code of its violation."""
        if self._verdict is not None:
            payload = self._verdict
        else:
            self._closed_there(*parse_close(payload))
        self._send(payload, first)
        if self.state is State.BOTH:
            self._completed()
        else:
            self._after(CLOSE_WAIT, self._late)

    def ending_received(self, ending: Ending) -> None:
        """The other end tells what it took, and because of whom it makes the close frame that follows."""
        if ending.frames >= 0:
            self._record.settle(ending.frames, ending.bytes)
        self._told = believed(ending.why)
        if ending.by:
            self.made_by = self._other if ending.by == self._other else "sellia"
            if ending.dropped and self.may_send:
                self._record.dropped(self.made_by, _DROPPED, self._told)

    def end_received(self) -> None:
        """The other side's socket has closed, after a close frame went this way; or without one."""
        if self.state is State.BOTH:
            self._hang_up()
        elif self.may_send and self._visitor:
            self.reset_received(SERVICE_DIED, _DIED)
        elif self.may_send:
            self._record.dropped("visitor", _DROPPED, self._told)
            self._hang_up()

    def reset_received(self, problem: Problem, message: str) -> None:
        """The stream is over, out of order: tell the peer as far as there is a place for a close frame."""
        if self.state is State.GONE:
            return
        unfinished = self._socket.inside_out_frame
        said = self._stream.session.told
        told = self._told if said is None else believed(said)
        by, reason = _DROPPED_BY.get(problem), _DROPPED
        how = Circumstances(dropped=True, told=told)
        if by is None:
            by = self._other if problem is BAD_FRAME else "sellia"
            reason = f"{problem.code}: {message}" if message else problem.code
            how = Circumstances(problem, here=said is None, sender=self._other, told=told)
        self._record.ended(by, None, reason + _UNSAID if unfinished else reason, how)
        if not self.may_send or unfinished or (not self._visitor and problem is VISITOR_GONE):
            self._hang_up()
        elif self._verdict is not None:
            self._pronounce()
        elif self.received:
            self._hang_up()  # it has said that it ends, and there is nobody to answer that
        else:
            self._send_and_wait(problem_close(problem, message))

    # --- for whoever ends it -------------------------------------------------------------------------------

    def close(self, code: int, reason: str) -> bool:
        """End it from here: both sides get a close frame.  Nothing that the peer still says is passed on.

        False, and nothing has happened, while a frame is being passed on in pieces, either way: no other can come
        inside of it.  Try again soon.
        """
        if self.state is not State.OPEN:
            return True
        if self._socket.inside_in_frame or self._socket.inside_out_frame:
            return False
        payload = close_payload(code, reason)
        self._record.ended("sellia", code, reason, Circumstances(PROBLEMS.get(reason.partition(":")[0])))
        self._stream.send_ending(Ending("sellia", False, *self._record.taken, self._why))
        self._stream.send_frame(CLOSE_FRAME, payload)
        self._stream.end()
        self._send_and_wait(payload)
        return True

    def drop(self) -> None:
        """End the connection at once."""
        if self.state is not State.GONE:
            self._socket.transport.abortConnection()

    # --- inside --------------------------------------------------------------------------------------------

    @property
    def _side(self) -> Side:
        return "visitor" if self._visitor else "service"

    @property
    def _other(self) -> Side:
        return "service" if self._visitor else "visitor"

    @property
    def _why(self) -> Why:
        """What the other end is told of why it ends."""
        return why_of(self._record.explain())

    def _closed_there(self, code: int | None, reason: str) -> None:
        """Note a close frame of the other side, or one that the other end of the link has made."""
        by, how = self.made_by, Circumstances(here=False, told=self._told)
        if by == "sellia":
            how = how._replace(problem=PROBLEMS.get(reason.partition(":")[0]), sender=self._other)
        self._record.ended(by or self._other, code, reason, how)

    def _move(self, event: Event) -> None:
        self.state = NEXT[self.state, event]
        self.may_send = self.state in _MAY_SEND
        self.received = self.received or event is Event.RECEIVED

    def _send(self, payload: bytes, first: int = CLOSE_FRAME) -> None:
        self._move(Event.SENT)
        self._socket.write_frame(first, payload)

    def _send_and_wait(self, payload: bytes) -> None:
        """Send a close frame of our own, and await the answer."""
        self._send(payload)
        self._socket.transport.resumeProducing()  # for the answer, should there have been enough of what came before
        self._after(CLOSE_WAIT, self._late)

    def _pronounce(self) -> None:
        """Send a violator its close frame, if there is a place for one, and end the connection."""
        if self.may_send and not self._socket.inside_out_frame:
            assert self._verdict is not None
            self._send(self._verdict)
        self._hang_up()

    def _completed(self) -> None:
        """A close frame has passed each way."""
        if self._visitor:
            self._hang_up()
        else:
            self._after(CLOSE_WAIT, self._late)

    def _hang_up(self) -> None:
        """End the connection behind what was written, without losing it to a reset by unread input."""
        if (self.state, Event.HANG_UP) not in NEXT:
            return
        self._move(Event.HANG_UP)
        socket = self._socket
        socket.deaf = True
        socket.flush()
        self._after(CLOSE_WAIT, self._late)
        transport = socket.transport
        transport.unregisterProducer()  # Twisted does not close a connection whose producer is paused
        if (self._verdict is not None or not self.received) and half_close(transport):
            transport.resumeProducing()
        else:
            transport.loseConnection()

    def _vanished(self) -> None:
        """The peer is gone without a close frame: say so, behind what it said before."""
        stream, visitor = self._stream, self._visitor
        if stream.drained or stream.local_ended or (self._socket.inside_in_frame and not visitor):
            if visitor:
                stream.reset(VISITOR_GONE, _GONE, *self._record.taken, self._why)
            else:
                stream.reset(SERVICE_DIED, _DIED, *self._record.taken, self._why)
            return
        if not visitor:
            stream.send_ending(Ending(self._side, True, *self._record.taken, self._why))
            stream.send_frame(CLOSE_FRAME, problem_close(SERVICE_DIED, _DIED))
        self._end_stream(self._why if visitor else NO_WHY)

    def _end_stream(self, why: Why = NO_WHY) -> None:
        """End this direction behind what the peer said, and say what it had taken, and why there was no close frame."""
        stream = self._stream
        if not stream.local_ended:
            stream.send_ending(Ending("", False, *self._record.taken, why))
            stream.end()
        stream.flow()

    def _late(self) -> None:
        """It should have closed by now.  A peer that still takes what it is sent, however slowly, is waited for."""
        left = unsent(self._socket.transport)
        if left and left != self._unsent:
            self._unsent = left
            self._after(CLOSE_WAIT, self._late)
        else:
            self.drop()

    def _after(self, seconds: float, call: Callable[[], None]) -> None:
        self._cancel()
        self._timer = self._clock.callLater(seconds, call)

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        cancel(timer)
