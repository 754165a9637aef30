"""Sending half of a stream: an outbox of records, and the credit that the peer has granted for them.

Need
    A leg hands over what its socket brings, and is told to pause when enough is queued.  Records leave in the order in
    which they were handed over, each exactly once, and never more of them than the peer allows.

Invariants (``check_invariants`` holds them in tests)
    * ``queued`` is the cost of the outbox; the leg is asked to pause when it rises above ``QUEUE_MARK``, and to go on
      when it has fallen to ``QUEUE_LOW``.
    * What the peer has been sent and not yet given credit for never exceeds the credit that it granted.

Bounds
    The outbox holds ``QUEUE_MARK`` plus what one socket read brings (120 KiB) before the leg stops.

Designs not chosen
    *Credit in records*: says nothing about memory.  *A window for the whole session* as in HTTP/2: the streams of
    visitors who do not read would use it up and stop all others.
"""

from collections import deque
from typing import Final, Protocol

from sellia.errors import ProtocolError
from sellia.protocol import native
from sellia.protocol.limits import INITIAL_CREDIT, MAX_CREDIT, RECORD_COST
from sellia.protocol.native import DATA, FRAME, FRAME_BEGIN, FRAME_MORE
from sellia.relay.mux.ledger import Ledger
from sellia.relay.mux.leg import Leg

#: Cost of the outbox above which the leg is asked to pause, and at which it may go on.
QUEUE_MARK: Final = 64 * 1024
QUEUE_LOW: Final = 16 * 1024

#: A record is not split for less credit than this: a trickle of tiny records would cost more than waiting.
_SMALLEST_SPLIT: Final = 4 * 1024

_SPLITTABLE: Final = frozenset({DATA, FRAME_MORE})

#: Kinds whose payload is bounded by ``RECORD_LIMIT``, and cut to the size of a parcel on slow links.
BULK: Final = frozenset({DATA, FRAME, FRAME_MORE})

#: A turn before all turns: streams that are new have theirs in the order of their numbers.
_NEVER: Final = -(1 << 60)

_pack = native.pack_record


class SendQueue(Protocol):
    """Queue that records go into: the session's scheduler."""

    #: The cost of the largest record that may be appended to the parcel under construction.
    direct: int
    #: The most bytes of a bulk payload that one record may carry now.
    piece: int

    def append(self, header: bytes, payload: bytes, size: int) -> None:
        """Add a record to the parcel under construction; only up to the cost ``direct``."""

    def activate(self, half: "SendHalf") -> None:
        """Give this half its turns, as long as it is ``ready``."""

    def urge(self, record: bytes) -> None:
        """Send a record ahead of bulk data."""


class SendHalf:
    """Sending half of one stream.  ``opening`` is its OPEN record while the peer has not been sent it, empty after."""

    __slots__ = (
        "_ledger",
        "_outbox",
        "_scheduler",
        "active",
        "blocked",
        "credit",
        "ended",
        "id",
        "leg",
        "opening",
        "paused",
        "queued",
        "turn",
    )

    def __init__(self, scheduler: SendQueue, ledger: Ledger, number: int, opening: bytes, leg: Leg) -> None:
        self._scheduler = scheduler
        self._ledger = ledger
        self.id = number
        self.leg = leg
        self.opening = opening
        self._outbox: deque[tuple[int, int, bytes]] | None = None
        self.queued = 0
        self.credit = INITIAL_CREDIT
        #: Whether the scheduler has it among those that wait for their turn.
        self.active = False
        #: Which of the scheduler's turns was its last.
        self.turn = _NEVER
        self.blocked = False
        self.paused = False
        #: Whether the leg has ended this direction; what is queued still leaves.
        self.ended = False

    # --- for the stream ------------------------------------------------------------------------------------

    def put(self, kind: int, flags: int, payload: bytes) -> None:
        """Send a record when its turn comes, at once if nothing is before it and the parcel has room."""
        if self.ended:
            raise RuntimeError("a leg sent on a stream after it had ended it")
        size = len(payload)
        cost = size + RECORD_COST
        scheduler = self._scheduler
        if self._outbox is None and cost <= scheduler.direct and cost <= self.credit and not self.opening:
            self.credit -= cost
            scheduler.append(_pack(kind, flags, self.id, size), payload, size)
            return
        if self._outbox is None:
            self._outbox = deque()
        self._outbox.append((kind, flags, payload))
        self.queued += cost
        self._ledger.queued += cost
        scheduler.activate(self)  # its turn moves what credit allows, and says so when that is not all
        if self.queued > QUEUE_MARK and not self.paused:
            self.paused = True
            self.leg.pause_sending()

    def credited(self, amount: int) -> None:
        """Add credit that the peer has granted.  Raises ProtocolError beyond twice ``MAX_CREDIT``."""
        self.credit += amount
        self.blocked = False
        if self.credit > 2 * MAX_CREDIT:
            raise ProtocolError("more credit was granted than the limit", 1008)
        if self._outbox and self.ready:
            self._scheduler.activate(self)

    def discard(self) -> None:
        """Drop what is queued."""
        self._ledger.queued -= self.waiting
        self._outbox = None
        self.opening = b""
        self.queued = 0
        self.paused = False

    @property
    def waiting(self) -> int:
        """Bytes that wait to be sent, the opening included."""
        return self.queued + len(self.opening)

    @property
    def drained(self) -> bool:
        """Whether all that was handed over has left."""
        return not self._outbox and not self.opening

    # --- for the scheduler ---------------------------------------------------------------------------------

    def drain(self, parts: list[bytes], budget: int) -> int:
        """Move records into ``parts``, as far as credit and ``budget`` (bytes) go; return the bytes moved."""
        moved = 0
        if self.opening:
            parts.append(self.opening)
            moved += len(self.opening)
            self._ledger.queued -= moved
            self.opening = b""
        outbox = self._outbox
        piece = self._scheduler.piece
        queued = self.queued
        while outbox and moved < budget:
            kind, flags, payload = outbox[0]
            size = len(payload)
            cost = size + RECORD_COST
            if cost > self.credit or size > piece and kind in BULK:
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
        self._ledger.queued -= queued - self.queued
        if not outbox:
            self._outbox = None
        elif not self.blocked and (moved < budget or not self.ready):
            self.blocked = True
            self._scheduler.urge(_pack(native.BLOCKED, 0, self.id, 0))
        return moved

    def eased(self) -> None:
        """Let the leg go on once the queue is short."""
        if self.paused and self.queued <= QUEUE_LOW:
            self.paused = False
            self.leg.resume_sending()

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

    def check_invariants(self) -> None:
        """For tests: raise AssertionError where the module's invariants do not hold."""
        assert self.queued == sum(len(payload) + RECORD_COST for _, _, payload in self._outbox or ())
        assert self.credit >= 0
        assert QUEUE_LOW < self.queued if self.paused else self.queued <= QUEUE_MARK

    # --- inside --------------------------------------------------------------------------------------------

    def _cut_frame(self, first: int, payload: bytes) -> None:
        """Send the whole frame at the head of the outbox in pieces: the link is slow."""
        outbox = self._outbox
        assert outbox is not None
        outbox[0] = FRAME_MORE, 0, payload
        outbox.appendleft((FRAME_BEGIN, first, native.pack_length(len(payload))))
        self.queued += native.FRAME_LENGTH + RECORD_COST
