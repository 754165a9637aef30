"""Flow control for a dialect that has none: bounds of what an original peer has sent and nobody has taken.

Need
    A slow reader must cost a bounded amount of memory.  The only way to tell an original peer to wait is not to read
    its link, and that makes everybody wait who uses it.

How
    Each stream has a share.  It is large, so that most slow readers never fill it, and because an original client has
    a whole response in its memory before it sends any of it.  While a stream has more than its share, or all together
    have more than theirs, the link is not read.  When that has lasted for ``PATIENCE``, those who are to blame are
    reset as overloaded: one dead visitor must not hold up everybody for ever.

Bounds
    A stream holds ``SHARE`` and all streams together ``TOTAL``, each and one read of the link (120 KiB) or one message
    more; besides that each stream has its credit and ``stream.QUEUE_MARK``, as over any link.  A reader that has filled
    its share is cut off if it takes less than ``SHARE - EASED`` in ``PATIENCE``, that is 17 KiB/s.

Designs not chosen
    *No share, but pausing at once*: every slow reader would slow down all others.  *A share for ever*: with a reader
    that takes nothing, no other stream of the link would go on.  *Cutting off whoever fills a share*: a large download
    over a slow line would always fail, because the sender is not slowed down by anything else.
"""

from collections.abc import Callable
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sellia.protocol.limits import KIB, MIB, SESSION_HELD_LIMIT
from sellia.relay.mux.stream import Stream

#: What may wait for one reader, and what it must have come down to before the link is read on.
SHARE: Final = MIB
EASED: Final = 768 * KIB

#: The same for all readers of a link.
TOTAL: Final = SESSION_HELD_LIMIT
TOTAL_EASED: Final = TOTAL * 3 // 4

#: Seconds for which the link is not read before somebody has to go.
PATIENCE: Final = 15.0


class Waiting(Protocol):
    """What flow control needs of a leg."""

    stream: Stream

    def give_up(self) -> None:
        """Reset the stream, whose reader is too slow, on both sides as overloaded."""


class Pressure:
    """Flow control of one link.  ``pause`` and ``resume`` stop and start its reading."""

    def __init__(self, clock: IReactorTime, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._clock = clock
        self._pause = pause
        self._resume = resume
        self._waiting: dict[Waiting, None] = {}
        #: Those with more than their share, and how much that was when we last lost patience, or began to wait.
        self._heavy: dict[Waiting, int] = {}
        self._total = 0
        self._timer: IDelayedCall | None = None

    @property
    def paused(self) -> bool:
        """Whether the link is not read now."""
        return self._timer is not None

    def waits(self, leg: Waiting) -> None:
        """Note that the leg's stream is paused: more waits for its reader than a stream is to hold."""
        self._waiting[leg] = None

    def flows(self, leg: Waiting) -> None:
        """Note that the leg's stream goes on, or has ended."""
        self._waiting.pop(leg, None)
        self._heavy.pop(leg, None)

    def grew(self, leg: Waiting, size: int) -> None:
        """Count ``size`` bytes more that wait in the leg's stream, and stop reading if that is too much."""
        if size <= 0 or leg not in self._waiting:
            return
        self._total += size
        if leg.stream.queued > SHARE:
            self._heavy.setdefault(leg, leg.stream.queued)
        elif self._total <= TOTAL:
            return
        if self._timer is None:
            self._timer = self._clock.callLater(PATIENCE, self._impatient)
            self._pause()

    def look(self) -> None:
        """Go on reading if enough has been taken: once a turn, after what could be carried has been carried."""
        if not self._waiting and not self._total and self._timer is None:
            return
        self._total = sum(leg.stream.queued for leg in self._waiting)
        if self._timer is None:
            return
        for leg in [each for each in self._heavy if each.stream.queued <= EASED]:
            self._heavy.pop(leg, None)
        if not self._heavy and self._total <= TOTAL_EASED:
            self._timer.cancel()
            self._timer = None
            self._resume()

    def close(self) -> None:
        """Stop: the link is gone, or closing, and what it still says is read."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._resume()
        self._waiting.clear()
        self._heavy.clear()
        self._total = 0

    def _impatient(self) -> None:
        """Cut off those who are to blame, and read on: the link has not been read for long enough."""
        self._timer = None
        for leg, before in list(self._heavy.items()):
            now = leg.stream.queued
            if before - now < SHARE - EASED:
                leg.give_up()
            else:
                self._heavy[leg] = now
        self._total = sum(leg.stream.queued for leg in self._waiting)
        if not self._heavy:
            while self._total > TOTAL_EASED:
                worst = max(self._waiting, key=lambda each: each.stream.queued)
                self._total -= worst.stream.queued
                worst.give_up()
            self._resume()
        else:
            self._timer = self._clock.callLater(PATIENCE, self._impatient)
