"""One exchange inside a session: an HTTP request and its response, a WebSocket, a TCP connection.

Need
    A leg hands over what its socket brings and is told to pause when enough is queued; the other end's octets reach
    it no faster than its own socket takes them.  Nothing a slow leg does may cost another stream more than its turn.

Invariants (``check_invariants`` holds them in tests)
    * Records of one stream leave in the order in which they were handed over, each exactly once.
    * What the peer has been sent and not yet given credit for never exceeds the credit it granted.
    * ``queued`` is the cost of the outbox; the leg is asked to pause when it rises above ``QUEUE_MARK``, and to go on
      when it has fallen to ``QUEUE_LOW``.
    * A stream ends once: when both directions have ended, or by the first reset.

Bounds
    The outbox holds ``QUEUE_MARK`` plus what one socket read brings (120 KiB) before the leg stops.  What has been
    delivered and not taken by the leg's socket is bounded by the window, from 256 KiB to 2 MiB: it doubles when the
    sender says that it is blocked while the leg has kept up, and shrinks again when the leg stalls.

Designs not chosen
    *Credit in records*: says nothing about memory.  *A window for the whole session* as in HTTP/2: the streams of
    visitors who do not read would use it up and stop all others.  *Returning credit on delivery*: a slow visitor's
    data would pile up in the transport's buffer without a bound.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

from sellia.errors import HEADER_TOO_LARGE, ProblemError, ProtocolError
from sellia.protocol import native
from sellia.protocol.limits import HEAD_LIMIT, INITIAL_CREDIT, MAX_CREDIT, RECORD_COST, RECORD_LIMIT
from sellia.protocol.messages import Ending, Headers, Opening, Reset, ResponseHead, Trailers
from sellia.protocol.native import DATA, END, ENDING, FRAME, FRAME_BEGIN, FRAME_MORE, HEAD, TRAILERS
from sellia.relay.leg import NOBODY, Leg

if TYPE_CHECKING:
    from sellia.relay.session import Session

#: Cost of the outbox above which the leg is asked to pause, and at which it may go on.
QUEUE_MARK: Final = 64 * 1024
QUEUE_LOW: Final = 16 * 1024

#: A record is not split for less credit than this: a trickle of tiny records would cost more than waiting.
_SMALLEST_SPLIT: Final = 4 * 1024

_SPLITTABLE: Final = frozenset({DATA, FRAME_MORE})
_BULK: Final = frozenset({DATA, FRAME, FRAME_MORE})

#: A turn before all turns: streams that are new have theirs in the order of their numbers.
_NEVER: Final = -(1 << 60)

_pack = native.pack_record


class Stream:
    """Made by :meth:`Session.open`, or by the session when its peer opens one."""

    __slots__ = (
        "_outbox",
        "active",
        "blocked",
        "credit",
        "id",
        "kept_up",
        "leg",
        "local_ended",
        "opening",
        "paused",
        "queued",
        "receivable",
        "remote_ended",
        "session",
        "stalled",
        "tunnel",
        "turn",
        "unreturned",
        "untaken",
        "window",
    )

    def __init__(self, session: "Session", number: int, opening: bytes = b"") -> None:
        self.session = session
        self.id = number
        self.leg: Leg = NOBODY
        #: The encoded OPEN record while the peer has not been sent it; empty after.
        self.opening = opening
        self._outbox: deque[tuple[int, int, bytes]] | None = None
        self.queued = 0
        #: The tunnel that it was opened for, where it was opened by us.
        self.tunnel = 0
        self.credit = INITIAL_CREDIT
        self.active = False
        #: Which of the session's turns was its last.
        self.turn = _NEVER
        self.blocked = False
        self.paused = False
        self.local_ended = False
        self.remote_ended = False
        self.window = INITIAL_CREDIT
        self.receivable = INITIAL_CREDIT
        self.untaken = 0
        self.unreturned = 0
        self.stalled = False
        self.kept_up = True

    # --- for the leg: sending ------------------------------------------------------------------------------

    def send_head(self, head: ResponseHead, end: bool = False) -> None:
        """The service's answer; any number of interim ones (1xx) may come before it.  ``end``: nothing follows.

        Raises ProblemError for one longer than ``HEAD_LIMIT``; nothing has been sent then.
        """
        self._put(HEAD, END if end else 0, _bounded(native.encode(head)))
        if end:
            self._end_local()

    def send_data(self, data: bytes, end: bool = False) -> None:
        """Octets of the body; ``end`` says that nothing follows (``data`` may be empty then)."""
        if len(data) > RECORD_LIMIT:
            for offset in range(0, len(data) - RECORD_LIMIT, RECORD_LIMIT):
                self._put(DATA, 0, data[offset : offset + RECORD_LIMIT])
            data = data[(len(data) - 1) // RECORD_LIMIT * RECORD_LIMIT :]
        self._put(DATA, END if end else 0, data)
        if end:
            self._end_local()

    def send_frame(self, first: int, payload: bytes) -> None:
        """One whole WebSocket frame, unmasked."""
        if len(payload) > RECORD_LIMIT:
            self.begin_frame(first, len(payload))
            self.continue_frame(payload)
        else:
            self._put(FRAME, first, payload)

    def send_ending(self, ending: Ending) -> None:
        """Say whose the close frame is that is sent next, or what has been taken."""
        self._put(ENDING, 0, native.encode(ending))

    def begin_frame(self, first: int, length: int) -> None:
        """A frame whose payload of ``length`` octets will follow in pieces."""
        self._put(FRAME_BEGIN, first, native.pack_length(length))

    def continue_frame(self, payload: bytes) -> None:
        """The next piece of that frame."""
        for offset in range(0, len(payload), RECORD_LIMIT):
            self._put(FRAME_MORE, 0, payload[offset : offset + RECORD_LIMIT])

    def end(self, trailers: Headers | None = None) -> None:
        """Nothing follows in this direction.  Calling it again does nothing.  Raises as ``send_head`` does."""
        if self.local_ended:
            return
        if trailers:
            self._put(TRAILERS, 0, _bounded(native.encode(Trailers(trailers))))
        else:
            self._put(DATA, END, b"")
        self._end_local()

    def reset(self, word: str, message: str = "", frames: int = -1, octets: int = -1) -> None:
        """Over, both ways; what is queued is dropped.  The leg is not told.  Harmless on a stream that has ended."""
        if self.session.streams.get(self.id) is not self:
            self.session.release(self)
            return
        self.session.forget(self, tell=None if self.opening else Reset(word, message, frames, octets))

    # --- for the leg: receiving ----------------------------------------------------------------------------

    def stall(self) -> None:
        """The leg's socket takes no more for now: what is delivered from here on is not credited."""
        self.stalled = True
        self.kept_up = False

    def flow(self) -> None:
        """The leg's socket has taken all that was delivered."""
        self.stalled = False
        self.taken()

    # --- for the session -----------------------------------------------------------------------------------

    def taken(self) -> None:
        """All that was delivered has been taken: return credit for it, once a quarter of the window is due."""
        untaken = self.untaken
        if untaken:
            self.session.held -= untaken
            self.untaken = 0
            self.unreturned += untaken
        if self.remote_ended:
            self.session.leaving.pop(self.id, None)
            return
        if self.unreturned < self.window >> 2:
            return
        amount = self.unreturned
        if not self.kept_up and self.window > INITIAL_CREDIT:
            shrink = min(amount, self.window - INITIAL_CREDIT)
            amount -= shrink
            self.window -= shrink
        self.kept_up = True
        self.unreturned = 0
        if amount:
            self._grant(amount)

    def starved(self) -> bool:
        """The peer has more than its credit allows.  A leg that has kept up may well take more at a time.

        Whether that changed anything.
        """
        if self.kept_up and not self.stalled and self.window < MAX_CREDIT and not self.remote_ended:
            amount = min(self.window, MAX_CREDIT - self.window)
            self.window += amount
            self._grant(amount + self.unreturned)
            self.unreturned = 0
            return True
        return False

    def received(self, kind: int, flags: int, payload: bytes) -> None:
        """A record of this stream has arrived: check it against its credit and hand it to the leg."""
        size = len(payload)
        cost = size + RECORD_COST
        self.receivable -= cost
        if self.receivable < 0:
            raise ProtocolError("more was sent on a stream than its credit allows", 1008)
        if self.remote_ended:
            raise ProtocolError("something was sent on a stream after its end")
        if size > RECORD_LIMIT and kind in _BULK:
            raise ProtocolError("a record is longer than the limit", 1008)
        self.untaken += cost
        self.session.held += cost
        leg = self.leg
        if kind == DATA:
            if payload:
                leg.data_received(payload)
            if flags & END and not self.remote_ended:  # unless the leg has just reset it
                self._end_remote([])
        elif kind == FRAME:
            leg.frame_received(flags, payload)
        elif kind == FRAME_MORE:
            leg.frame_continued(payload)
        elif kind == FRAME_BEGIN:
            leg.frame_begun(flags, native.decode_frame_length(payload))
        elif kind == HEAD:
            leg.head_received(native.decode_head(payload))
            if flags & END and not self.remote_ended:
                self._end_remote([])
        elif kind == ENDING:
            leg.ending_received(native.decode_ending(payload))
        elif kind == TRAILERS:
            self._end_remote(native.decode_trailers(payload).headers)
        if not self.stalled:
            self.taken()

    def credited(self, amount: int) -> None:
        """The peer allows more."""
        self.credit += amount
        self.blocked = False
        if self.credit > 2 * MAX_CREDIT:
            raise ProtocolError("more credit was granted than the limit", 1008)
        if self._outbox and self.ready:
            self.session.activate(self)

    def drain(self, parts: list[bytes], budget: int) -> int:
        """Move records into ``parts``, as far as credit and ``budget`` (octets) go; return the octets moved."""
        moved = 0
        if self.opening:
            parts.append(self.opening)
            moved += len(self.opening)
            self.session.queued -= moved
            self.opening = b""
        outbox = self._outbox
        piece = self.session.piece
        queued = self.queued
        while outbox and moved < budget:
            kind, flags, payload = outbox[0]
            size = len(payload)
            cost = size + RECORD_COST
            if cost > self.credit or size > piece and kind in _BULK:
                if kind == FRAME and size > piece:
                    self._cut_frame(flags, payload)
                    continue
                room = self.credit - RECORD_COST
                if room < size and (room < _SMALLEST_SPLIT or kind not in _SPLITTABLE):
                    break
                size = min(room, piece)
                outbox[0] = kind, flags, payload[size:]
                payload, flags, cost = payload[:size], 0, size + RECORD_COST
                self.queued -= size
            else:
                outbox.popleft()
                self.queued -= cost
            self.credit -= cost
            parts.append(_pack(kind, flags, self.id, size))
            parts.append(payload)
            moved += size + native.RECORD_HEADER
        self.session.queued -= queued - self.queued
        if not outbox:
            self._outbox = None
            if self.local_ended and self.remote_ended:
                self.session.finished(self)
        elif not self.blocked and (moved < budget or not self.ready):
            self.blocked = True
            self.session.urge(_pack(native.BLOCKED, 0, self.id, 0))
        return moved

    def _cut_frame(self, first: int, payload: bytes) -> None:
        """A whole frame at the head of the outbox becomes one that is sent in pieces: the link is slow."""
        outbox = self._outbox
        assert outbox is not None
        outbox[0] = FRAME_MORE, 0, payload
        outbox.appendleft((FRAME_BEGIN, first, native.pack_length(len(payload))))
        self.queued += native.FRAME_LENGTH + RECORD_COST

    def eased(self) -> None:
        """After a turn: let the leg go on when its queue has become short, and end what has been said."""
        if self.paused and self.queued <= QUEUE_LOW:
            self.paused = False
            self.leg.resume_sending()

    def discard(self) -> None:
        """Drop what is queued."""
        self.session.queued -= self.waiting
        self._outbox = None
        self.opening = b""
        self.queued = 0
        self.paused = False

    @property
    def ready(self) -> bool:
        """Whether a turn now would move anything."""
        if self.opening:
            return True
        if not self._outbox:
            return False
        kind, _, payload = self._outbox[0]
        room = self.credit - RECORD_COST
        return len(payload) <= room or (room >= _SMALLEST_SPLIT and kind in _SPLITTABLE)

    @property
    def waiting(self) -> int:
        """Octets that wait to be sent, the opening included."""
        return self.queued + len(self.opening)

    @property
    def drained(self) -> bool:
        """Whether all that was handed over has left."""
        return not self._outbox and not self.opening

    def check_invariants(self) -> None:
        """For tests: raise AssertionError where the module's invariants do not hold."""
        assert self.queued == sum(len(p) + RECORD_COST for _, _, p in self._outbox or ())
        assert self.credit >= 0
        assert 0 <= self.receivable <= self.window
        if not self.remote_ended:
            assert self.receivable + self.untaken + self.unreturned == self.window
        assert INITIAL_CREDIT <= self.window <= MAX_CREDIT
        assert QUEUE_LOW < self.queued if self.paused else self.queued <= QUEUE_MARK

    # --- inside --------------------------------------------------------------------------------------------

    def _put(self, kind: int, flags: int, payload: bytes) -> None:
        if self.local_ended:
            raise RuntimeError("a leg sent on a stream after it had ended it")
        size = len(payload)
        cost = size + RECORD_COST
        session = self.session
        if self._outbox is None and cost <= session.direct and cost <= self.credit and not self.opening:
            self.credit -= cost
            session.append(_pack(kind, flags, self.id, size), payload, size)
            return
        if self._outbox is None:
            self._outbox = deque()
        self._outbox.append((kind, flags, payload))
        self.queued += cost
        session.queued += cost
        session.activate(self)  # its turn moves what credit allows, and says so when that is not all
        if self.queued > QUEUE_MARK and not self.paused:
            self.paused = True
            self.leg.pause_sending()

    def _grant(self, amount: int) -> None:
        self.receivable += amount
        self.session.urge(_pack(native.CREDIT, 0, self.id, 4) + native.pack_credit(amount))

    def _end_local(self) -> None:
        self.local_ended = True
        if self.remote_ended:
            self.session.finished(self)

    def _end_remote(self, trailers: Headers) -> None:
        self.remote_ended = True
        self.leg.end_received(trailers)
        if self.local_ended:
            self.session.finished(self)


def _bounded(head: bytes) -> bytes:
    """An encoded head that the peer will accept: one that is too long is the exchange's problem, not the session's."""
    if len(head) > HEAD_LIMIT:
        raise ProblemError(HEADER_TOO_LARGE)
    return head


def opening_record(number: int, opening: Opening, end: bool) -> bytes:
    """The OPEN record of a stream, whole.  Raises ProblemError for one longer than the limit."""
    payload = _bounded(native.encode(opening))
    return _pack(native.OPEN, END if end else 0, number, len(payload)) + payload
