"""Stream: one exchange inside a session, an HTTP request and its response, a WebSocket, a TCP connection.

Need
    A leg sends and receives on one object, and each direction has its own end, its own credit and its own bounds
    (:mod:`sellia.relay.mux.send_half`, :mod:`sellia.relay.mux.receive_half`).

Invariants (``check_invariants`` holds them in tests)
    * Records of one stream leave in the order in which they were handed over, each exactly once.
    * A stream ends once: when both directions have ended, or by the first reset.
"""

from typing import Final, Protocol

from sellia.errors import ProblemError
from sellia.problems import HEADER_TOO_LARGE, Problem
from sellia.protocol import native
from sellia.protocol.limits import HEAD_LIMIT, RECORD_LIMIT
from sellia.protocol.messages import (
    NO_WHY,
    Ending,
    Headers,
    Opening,
    Reset,
    ResponseHead,
    SessionMessage,
    Trailers,
    Why,
)
from sellia.protocol.native import DATA, END, ENDING, FRAME, FRAME_BEGIN, FRAME_MORE, HEAD, TRAILERS
from sellia.relay.mux.ledger import Ledger
from sellia.relay.mux.leg import NULL_LEG, Leg
from sellia.relay.mux.receive_half import ReceiveHalf
from sellia.relay.mux.send_half import SendHalf, SendQueue
from sellia.why.cause import cause_id

_EMPTY: Final = b""


class StreamOwner(Protocol):
    """Session of a stream, as the stream and its leg see it."""

    closed: bool
    #: Its name in logs and in the ids of causes.
    name: str
    #: While a leg is told of a reset: what the peer says of why; None where this end resets it.
    told: Why | None

    @property
    def attached(self) -> bool:
        """Whether a link carries the session now."""

    def send_control(self, message: SessionMessage) -> None:
        """Send the peer a message about the session."""

    def finished(self, stream: "Stream") -> None:
        """Both directions have ended."""

    def give_up(self, stream: "Stream", reset: Reset) -> None:
        """The leg wants no more of the stream: tell the peer so, unless it has ended or the peer never knew of it."""


class Stream:
    """Made by :meth:`Session.open`, or by the session when its peer opens one.

    Raises ProblemError from ``send_head`` and ``end`` for a head or trailers longer than ``HEAD_LIMIT``; nothing has
    been sent then.
    """

    __slots__ = ("id", "receiving", "sending", "session", "tunnel")

    def __init__(
        self,
        session: StreamOwner,
        scheduler: SendQueue,
        ledger: Ledger,
        number: int,
        opening: bytes = _EMPTY,
        leg: Leg = NULL_LEG,
    ) -> None:
        self.session = session
        self.id = number
        self.sending = SendHalf(scheduler, ledger, number, opening, leg)
        self.receiving = ReceiveHalf(scheduler, ledger, number, leg)
        #: The tunnel that it was opened for, where it was opened by us.
        self.tunnel = 0

    @property
    def leg(self) -> Leg:
        """What is told of the stream at this end."""
        return self.receiving.leg

    @leg.setter
    def leg(self, leg: Leg) -> None:
        self.receiving.leg = self.sending.leg = leg

    # --- for the leg: sending ------------------------------------------------------------------------------

    def send_head(self, head: ResponseHead, end: bool = False) -> None:
        """Send the service's answer, after any number of interim ones (1xx).  ``end``: nothing follows."""
        self.sending.put(HEAD, END if end else 0, _bounded(native.encode(head)))
        if end:
            self._end_sending()

    def send_data(self, data: bytes, end: bool = False) -> None:
        """Send bytes of the body; ``end`` says that nothing follows (``data`` may be empty then)."""
        if len(data) > RECORD_LIMIT:
            for offset in range(0, len(data) - RECORD_LIMIT, RECORD_LIMIT):
                self.sending.put(DATA, 0, data[offset : offset + RECORD_LIMIT])
            data = data[(len(data) - 1) // RECORD_LIMIT * RECORD_LIMIT :]
        self.sending.put(DATA, END if end else 0, data)
        if end:
            self._end_sending()

    def send_frame(self, first: int, payload: bytes) -> None:
        """Send one whole WebSocket frame, unmasked."""
        if len(payload) > RECORD_LIMIT:
            self.begin_frame(first, len(payload))
            self.continue_frame(payload)
        else:
            self.sending.put(FRAME, first, payload)

    def send_ending(self, ending: Ending) -> None:
        """Say whose the close frame is that is sent next, or what has been taken."""
        self.sending.put(ENDING, 0, native.encode(ending))

    def begin_frame(self, first: int, length: int) -> None:
        """Send the head of a frame whose payload of ``length`` bytes will follow in pieces."""
        self.sending.put(FRAME_BEGIN, first, native.pack_length(length))

    def continue_frame(self, payload: bytes) -> None:
        """Send the next piece of that frame."""
        for offset in range(0, len(payload), RECORD_LIMIT):
            self.sending.put(FRAME_MORE, 0, payload[offset : offset + RECORD_LIMIT])

    def end(self, trailers: Headers | None = None) -> None:
        """End this direction.  Calling it again does nothing."""
        if self.sending.ended:
            return
        if trailers:
            self.sending.put(TRAILERS, 0, _bounded(native.encode(Trailers(trailers))))
        else:
            self.sending.put(DATA, END, b"")
        self._end_sending()

    def reset(self, problem: Problem, message: str = "", frames: int = -1, octets: int = -1, why: Why = NO_WHY) -> None:
        """End both directions and drop what is queued.  The leg is not told.  Harmless on a stream that has ended."""
        self.session.give_up(self, Reset(problem.code, message, frames, octets, why))

    @property
    def cause_id(self) -> str:
        """Id of the cause of its end."""
        return cause_id(self.session.name, self.id)

    # --- for the leg: receiving ----------------------------------------------------------------------------

    def stall(self) -> None:
        """Grant no credit for what is delivered from here on: the leg's socket takes no more for now."""
        self.receiving.stall()

    def flow(self) -> None:
        """Grant credit for all that was delivered: the leg's socket has taken it."""
        self.receiving.flow()

    # --- for whoever wants to know -------------------------------------------------------------------------

    @property
    def attached(self) -> bool:
        """Whether a link carries the session now."""
        return self.session.attached

    @property
    def announced(self) -> bool:
        """Whether the stream's opening has been sent."""
        return not self.sending.opening

    @property
    def local_ended(self) -> bool:
        """Whether the leg has ended its direction."""
        return self.sending.ended

    @property
    def remote_ended(self) -> bool:
        """Whether the peer has ended its direction."""
        return self.receiving.ended

    @property
    def queued(self) -> int:
        """Cost, in bytes, of what the leg has handed over and has not left."""
        return self.sending.queued

    @property
    def paused(self) -> bool:
        """Whether the leg has been asked to pause."""
        return self.sending.paused

    @property
    def drained(self) -> bool:
        """Whether all that was handed over has left."""
        return self.sending.drained

    @property
    def untaken(self) -> int:
        """Cost, in bytes, of what the leg has been given and its socket has not taken."""
        return self.receiving.untaken

    def check_invariants(self) -> None:
        """For tests: raise AssertionError where the module's invariants do not hold."""
        self.sending.check_invariants()
        self.receiving.check_invariants()

    # --- inside --------------------------------------------------------------------------------------------

    def _end_sending(self) -> None:
        self.sending.ended = True
        if self.receiving.ended:
            self.session.finished(self)


def _bounded(head: bytes) -> bytes:
    """Return an encoded head.  Raises ProblemError for one that the peer would not accept."""
    if len(head) > HEAD_LIMIT:
        raise ProblemError(HEADER_TOO_LARGE)
    return head


def opening_record(number: int, opening: Opening, end: bool) -> bytes:
    """Encode the OPEN record of a stream.  Raises ProblemError for one longer than the limit."""
    payload = _bounded(native.encode(opening))
    return native.pack_record(native.OPEN, END if end else 0, number, len(payload)) + payload
