"""The receiving half of a stream: hands records to the leg, and grants credit as the leg's socket takes them.

Need
    The other end's bytes reach the leg no faster than its own socket takes them.  Nothing that a slow leg does may cost
    another stream more than its turn.

Invariants (``check_invariants`` holds them in tests)
    * While the peer has not ended, ``receivable + untaken + unreturned == window``: what it may still send, what the
      leg has not taken, and what has been taken and not yet been granted anew.

Bounds
    What has been delivered and not taken by the leg's socket is bounded by the window, from ``INITIAL_CREDIT`` (256
    KiB) to ``MAX_CREDIT`` (2 MiB): it doubles when the sender says that it is blocked while the leg has kept up, and
    shrinks again when the leg stalls.

Designs not chosen
    *Granting credit on delivery*: a slow visitor's data would pile up in the transport's buffer without a bound.
"""

from typing import Protocol

from sellia.errors import ProtocolError
from sellia.protocol import native
from sellia.protocol.limits import INITIAL_CREDIT, MAX_CREDIT, RECORD_COST, RECORD_LIMIT
from sellia.protocol.messages import Headers
from sellia.protocol.native import DATA, END, ENDING, FRAME, FRAME_BEGIN, FRAME_MORE, HEAD, TRAILERS
from sellia.relay.mux.ledger import Ledger
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.send_half import BULK


class UrgentQueue(Protocol):
    """Sender of credit: the session's scheduler."""

    def urge(self, record: bytes) -> None:
        """Send a record ahead of bulk data."""


class ReceiveHalf:
    """Receiving half of one stream."""

    __slots__ = (
        "_ledger",
        "_scheduler",
        "ended",
        "id",
        "kept_up",
        "leg",
        "receivable",
        "stalled",
        "unreturned",
        "untaken",
        "window",
    )

    def __init__(self, scheduler: UrgentQueue, ledger: Ledger, number: int, leg: Leg) -> None:
        self._scheduler = scheduler
        self._ledger = ledger
        self.id = number
        self.leg = leg
        self.window = INITIAL_CREDIT
        #: What the peer may still send.
        self.receivable = INITIAL_CREDIT
        #: What the leg has been given and has not taken.
        self.untaken = 0
        #: What has been taken, and not yet been granted anew.
        self.unreturned = 0
        #: Whether the leg's socket takes no more for now.
        self.stalled = False
        #: Whether the leg has not stalled since credit was granted last.
        self.kept_up = True
        #: Whether the peer has ended this direction.
        self.ended = False

    # --- for the leg, by way of the stream -----------------------------------------------------------------

    def stall(self) -> None:
        """Grant no credit for what is delivered from here on."""
        self.stalled = True
        self.kept_up = False

    def flow(self) -> None:
        """Count all that was delivered as taken."""
        self.stalled = False
        self._taken()
        if self.ended:
            self._ledger.settled(self.id)

    # --- for the session -----------------------------------------------------------------------------------

    def received(self, kind: int, flags: int, payload: bytes) -> None:
        """Check a record against its credit and hand it to the leg.  Raises ProtocolError for a fault of the peer."""
        size = len(payload)
        cost = size + RECORD_COST
        self.receivable -= cost
        if self.receivable < 0:
            raise ProtocolError("more was sent on a stream than its credit allows", 1008)
        if self.ended:
            raise ProtocolError("something was sent on a stream after its end")
        if size > RECORD_LIMIT and kind in BULK:
            raise ProtocolError("a record is longer than the limit", 1008)
        self.untaken += cost
        self._ledger.held += cost
        leg = self.leg
        if kind == DATA:
            if payload:
                leg.data_received(payload)
            if flags & END and not self.ended:  # unless the leg has just reset it
                self._end([])
        elif kind == FRAME:
            leg.frame_received(flags, payload)
        elif kind == FRAME_MORE:
            leg.frame_continued(payload)
        elif kind == FRAME_BEGIN:
            leg.frame_begun(flags, native.decode_frame_length(payload))
        elif kind == HEAD:
            leg.head_received(native.decode_head(payload))
            if flags & END and not self.ended:
                self._end([])
        elif kind == ENDING:
            leg.ending_received(native.decode_ending(payload))
        elif kind == TRAILERS:
            self._end(native.decode_trailers(payload).headers)
        if not self.stalled:
            self._taken()

    def starved(self) -> bool:
        """Widen the window of a peer that has more than its credit allows; return whether the leg has kept up."""
        if self.kept_up and not self.stalled and self.window < MAX_CREDIT and not self.ended:
            amount = min(self.window, MAX_CREDIT - self.window)
            self.window += amount
            self._grant(amount + self.unreturned)
            self.unreturned = 0
            return True
        return False

    def check_invariants(self) -> None:
        """For tests: raise AssertionError where the module's invariants do not hold."""
        assert 0 <= self.receivable <= self.window
        if not self.ended:
            assert self.receivable + self.untaken + self.unreturned == self.window
        assert INITIAL_CREDIT <= self.window <= MAX_CREDIT

    # --- inside --------------------------------------------------------------------------------------------

    def _taken(self) -> None:
        """Grant credit for what has been taken, once a quarter of the window is due."""
        untaken = self.untaken
        if untaken:
            self._ledger.held -= untaken
            self.untaken = 0
            self.unreturned += untaken
        if self.ended or self.unreturned < self.window >> 2:
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

    def _grant(self, amount: int) -> None:
        self.receivable += amount
        self._scheduler.urge(native.pack_record(native.CREDIT, 0, self.id, 4) + native.pack_credit(amount))

    def _end(self, trailers: Headers) -> None:
        self.ended = True
        self.leg.end_received(trailers)
