"""Send scheduler of a session: numbered parcels, filled by streams in turn, and kept until they are acknowledged.

Need
    Many streams share one link.  Each gets its turn; what urgently concerns a stream (credit, reset) overtakes bulk
    data; all that is ready leaves in as few link messages as possible.  When the link drops and another takes its
    place, what was under way is sent again.

Invariants (``check_invariants`` holds them in tests)
    * Parcels are numbered 1, 2, 3, … in the order in which they are built.  ``acked <= sent``; the replay queue holds
      exactly the parcels ``acked + 1 … sent``, as they were sent, byte for byte.
    * The peer's parcels are acknowledged by each of ours, in time by an ack of its own, and never beyond ``received``.

Bounds
    The replay queue is bounded by ``REPLAY_LIMIT`` plus one parcel: beyond it nothing is sent until acks arrive.  A
    link that is slow may bound bulk data more narrowly (:mod:`sellia.relay.mux.congestion`), so that little is under
    way at once. Acks are for arrival, not for reading, so a stalled stream does not hold them up.

Designs not chosen
    *Numbering records or bytes*: each would need bookkeeping for each record; a parcel is already the unit that the
    link delivers whole or not at all.  *Acks by timer*: none is needed, because every parcel carries one, and the
    link's liveness check carries the last.  *Weights for streams*: nobody could set them.  But who says little need not
    wait behind all who say much: as new flows do in fq_codel (RFC 8290), a stream that has something to say gets its
    turn next, if everybody who waits has had one since its last; but only ``FRESH_RUN`` such turns follow each other.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from sellia.errors import ProtocolError
from sellia.protocol import native
from sellia.protocol.limits import ACK_EVERY, PARCEL_TARGET, RECORD_COST
from sellia.protocol.messages import Ack
from sellia.relay.mux.recently_reset import RecentlyReset
from sellia.relay.mux.send_half import SendHalf

#: Bytes that one stream may send before the next gets its turn.
TURN: Final = 16 * 1024

#: Turns of streams that say little, one after the other, while others wait: they can't keep out those.
FRESH_RUN: Final = 8

_NOBODY: Final[deque[SendHalf]] = deque(maxlen=0)

#: More than any record costs.
_ANY: Final = 1 << 20


class Link(Protocol):
    """Link that carries a session."""

    @property
    def writable(self) -> bool:
        """Whether the transport's buffer has room.  The link calls ``session.flush`` when it has drained."""

    def send(self, message: bytes) -> None:
        """Send one link message; never fails: a broken link says so by ``detach``."""


class SendScheduler:
    """The sending half of a session; what has come is counted here by the other half, to be acknowledged.

    ``schedule`` arranges for a call before the turn of the reactor ends, not at once.  ``eased`` is told of each half
    that may ask its leg to go on, and ``emptied`` of each that has ended and whose last record has left.
    """

    def __init__(
        self,
        schedule: Callable[[Callable[[], None]], None],
        eased: Callable[[SendHalf], None],
        emptied: Callable[[int], None],
        replay_limit: int,
    ) -> None:
        self._schedule = schedule
        self._eased = eased
        self._emptied = emptied
        self.closed = False
        self.sent = 0
        self.acked = 0
        self.received = 0
        #: Whether a link carries the session now.
        self.attached = False
        #: Bytes of the peer's parcels that have come since it was last sent an ack.
        self.owed = 0
        #: Bytes of urgent records that wait.
        self.urgent_size = 0
        #: The cost of the largest record that a stream may append to the parcel under construction, not to its queue.
        self.direct = 0
        #: Bytes that a parcel aims for, and of which a piece of bulk data has at most that many.
        self.piece = PARCEL_TARGET
        self._replay_limit = replay_limit
        #: Bytes that may be unacknowledged while bulk data is sent, and while those send who say little.  The first
        #: lies between what may be after a pause and the limit, where that is larger.
        self._window = self._fresh_window = self._limit = self._burst = replay_limit
        self._turn = TURN
        self._link: Link | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._urgent: deque[bytes] = deque()
        self._active: deque[SendHalf] = deque()
        #: Those that are served before them, because all others have had a turn since their last one.
        self._fresh: deque[SendHalf] = deque()
        self._fresh_run = 0
        self._turns = 0
        self._replay: deque[bytes] = deque()
        self._replay_size = 0
        self._resend: deque[bytes] = deque()
        self._wanted = False
        self._flushing = False
        self._told = 0
        #: Streams that we have reset, and of which late records may still arrive.
        self.lingering = RecentlyReset()

    # --- links ---------------------------------------------------------------------------------------------

    def attach(self, link: Link, peer_received: int) -> None:
        """Go on over ``link``, with a peer at which so many of our parcels have arrived."""
        if not self.acked <= peer_received <= self.sent:
            raise ProtocolError("the peer claims parcels that were never sent, or has forgotten some it had")
        self.acknowledged(peer_received)
        self._link = link
        self.attached = True
        self._resend = deque(self._replay)
        self.owed = 0
        self._told = self.received
        self.pace(self._replay_limit, self._replay_limit, PARCEL_TARGET)

    def pace(self, window: int, burst: int, parcel: int) -> None:
        """Set the congestion window, beyond which bulk data waits, and the target size of a parcel, in bytes.

        Where less has been under way, ``burst`` bytes may be, and as many more as are acknowledged.
        """
        self._limit = min(window, self._replay_limit)
        self._burst = min(burst, self._limit)
        self._window = min(max(self._window, self._burst), self._limit)
        self._make_room()
        self.piece = parcel
        self._turn = min(TURN, parcel)
        self._settle()
        self._want()

    def _make_room(self) -> None:
        """For those who say little: whose fault it is not that a window has become smaller than what is under way."""
        self._fresh_window = min(max(self._window, self._replay_size) + self._window // 4, self._replay_limit)

    def detach(self) -> None:
        """Let streams wait: the link is gone."""
        self._link = None
        self.attached = False
        self.direct = 0
        self._resend.clear()

    def link_full(self) -> None:
        """Send nothing more for now: the link's ``writable`` has become False."""
        self.direct = 0

    @property
    def unacknowledged(self) -> tuple[int, int]:
        """Parcels, and their bytes, that would be sent again on a new link."""
        return len(self._replay), self._replay_size

    @property
    def kept(self) -> int:
        """Bytes that are kept until the peer has acknowledged them, or that are urgent and wait for its link."""
        return self._replay_size + self.urgent_size

    @property
    def under_way(self) -> int | None:
        """Bytes of parcels on this link that are unacknowledged; None while some are still to be sent again."""
        return None if self._resend else self._replay_size

    @property
    def blocked(self) -> bool:
        """Whether bulk data waits for acks, if there is any."""
        return self._replay_size >= self._window

    def acknowledged(self, received: int) -> None:
        """Forget parcels: so many of ours have arrived at the peer."""
        if received <= self.acked:
            return
        if received > self.sent:
            raise ProtocolError("the peer acknowledges parcels that were never sent")
        under_way = self._replay_size
        was_full = under_way >= self._window
        while self.acked < received:
            self._replay_size -= len(self._replay.popleft())
            self.acked += 1
        if self._burst < self._limit:
            if under_way * 2 < self._window:
                self._window = max(self._burst, under_way * 2)
            else:
                self._window = min(self._limit, self._window + under_way - self._replay_size)
            self._make_room()
        if was_full:
            self._settle()
            self._want()

    def tell_acks(self, again: bool = False) -> None:
        """Acknowledge what has not been, or ``again`` what has: the link calls this now and then."""
        if self._link is not None and (again or self._told < self.received):
            self._told = self.received
            self.owed = 0
            self._link.send(native.encode_link(Ack(self.received)))

    # --- in ------------------------------------------------------------------------------------------------

    def arrived(self, size: int) -> None:
        """Count a parcel of the peer, of this many bytes, that is to be acknowledged."""
        self.received += 1
        self.owed += size

    def acted(self) -> None:
        """Acknowledge soon what has been acted on: ``ACK_EVERY`` bytes are owed."""
        if not self._wanted:
            self._want()

    # --- out -----------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send what is ready, as far as the link takes it."""
        self._wanted = False
        link = self._link
        if link is None or self._flushing:
            return
        self._flushing = True
        try:
            while link.writable and self._link is link:
                if self._resend:
                    link.send(self._resend.popleft())
                    continue
                if self._replay_size >= self._replay_limit:
                    break
                self._fill()
                if self._parts:
                    link.send(self._parcel())
                    if not (self._active or self._fresh or self._urgent or self._parts):
                        break
                elif not self._urgent:  # which a turn that moved nothing may have brought
                    break
        finally:
            self._flushing = False
        if self.owed >= ACK_EVERY:
            self.tell_acks()
        self._settle()

    def append(self, header: bytes, payload: bytes, size: int) -> None:
        """Add a record, while ``direct``, to the parcel under construction."""
        self._parts.append(header)
        if payload:
            self._parts.append(payload)
        self._size += len(header) + size
        if self._size >= self.piece:
            self.direct = 0
        if not self._wanted:
            self._want()

    def urge(self, record: bytes) -> None:
        """Send a whole record ahead of bulk data."""
        if self.closed:
            return
        self._urgent.append(record)
        self.urgent_size += len(record) + RECORD_COST
        if not self._wanted:
            self._want()

    def activate(self, half: SendHalf) -> None:
        """Give a half its turns: it has something to send."""
        if not half.active:
            half.active = True
            if self._turns - half.turn >= len(self._active):
                self._fresh.append(half)
            else:
                self._active.append(half)
            if not self._wanted:
                self._want()

    @property
    def idle(self) -> bool:
        """Whether nothing at all waits to be sent before a record that is appended now."""
        return not (self._active or self._fresh or self._urgent)

    @property
    def empty(self) -> bool:
        """Whether all that was said has been handed to a link."""
        return not (self._parts or self._urgent or self._resend)

    def _want(self) -> None:
        self._wanted = True
        if self._link is not None:
            self._schedule(self.flush)

    def _settle(self) -> None:
        link = self._link
        if (
            link is not None
            and link.writable
            and not self._resend
            and self._size < self.piece
            and self._replay_size < self._window
        ):
            self.direct = self.piece if self.piece < PARCEL_TARGET else _ANY
        else:
            self.direct = 0

    def _fill(self) -> None:
        """Complete the parcel under construction: urgent records, then streams in turn."""
        parts, size, piece = self._parts, self._size, self.piece
        while self._urgent and size < piece:
            record = self._urgent.popleft()
            self.urgent_size -= len(record) + RECORD_COST
            parts.append(record)
            size += len(record)
        eased = None
        if self._replay_size < self._fresh_window:
            fresh = self._fresh
            active = self._active if self._replay_size < self._window else _NOBODY
            while size < piece and (active or fresh):
                if fresh and (self._fresh_run < FRESH_RUN or not active):
                    half = fresh.popleft()
                    self._fresh_run += 1
                else:
                    half = active.popleft()
                    self._fresh_run = 0
                self._turns = half.turn = self._turns + 1
                size += half.drain(parts, self._turn)
                if half.ready:
                    self._active.append(half)
                else:
                    half.active = False
                    if half.ended and half.drained:
                        self._emptied(half.id)
                if half.paused:
                    if eased is None:
                        eased = [half]
                    else:
                        eased.append(half)
        self._size = size
        if eased is not None:
            for half in eased:
                self._eased(half)

    def _parcel(self) -> bytes:
        parcel = b"".join((native.pack_parcel(native.PARCEL, self.received), *self._parts))
        self._parts.clear()
        self._size = 0
        self._told = self.received
        self.owed = 0
        self.sent += 1
        self._replay.append(parcel)
        self._replay_size += len(parcel)
        if self.lingering.parcels and not self._urgent:
            self.lingering.left_in(self.sent)
        return parcel

    def close(self) -> None:
        """Send nothing any more."""
        self.closed = True
        self.detach()
        self._active.clear()
        self._fresh.clear()
        self._urgent.clear()
        self._replay.clear()
        self._parts.clear()
        self._size = self.urgent_size = self._replay_size = 0
        self.acked = self.sent

    def check_invariants(self) -> None:
        """For tests: raise AssertionError where the module's invariants do not hold."""
        assert self.acked <= self.sent
        assert len(self._replay) == self.sent - self.acked
        assert self._replay_size == sum(map(len, self._replay))
        assert self._size == sum(map(len, self._parts))
        assert self.urgent_size == sum(len(record) + RECORD_COST for record in self._urgent)
        assert self._told <= self.received
