"""Streams that we have reset, and of which late records may still arrive.

Need
    The peer goes on sending on a stream until our reset has reached it.  Such records are late and are dropped; the
    same records after that are a fault of the peer.  What tells the two apart is the peer's word that it has our
    parcel with the reset: a parcel that it began to build after that has nothing of the stream any more.

Bounds
    ``LINGERING_LIMIT`` streams are remembered.  Of older ones late is not told from wrong any more, which costs nothing
    but strictness.
"""

from typing import Final

from sellia.protocol.limits import LINGERING_LIMIT

#: Where a reset is that waits for its parcel.
_WAITING: Final = 0


class RecentlyReset:
    """Streams of one session that were reset here."""

    __slots__ = ("_forgiven", "_fresh", "parcels")

    def __init__(self) -> None:
        #: Number of a stream -> parcel with our reset, or ``_WAITING``; oldest first, and empty most of the time.
        self.parcels: dict[int, int] = {}
        #: Those whose resets wait, in order.
        self._fresh: list[int] = []
        #: Streams up to these numbers (even, odd) are forgiven whatever arrives.
        self._forgiven = [0, 0]

    def __len__(self) -> int:
        return len(self.parcels)

    def add(self, number: int) -> None:
        """Add a stream whose reset is on its way into a parcel."""
        self.parcels[number] = _WAITING
        self._fresh.append(number)
        if len(self.parcels) > LINGERING_LIMIT:
            oldest = next(iter(self.parcels))
            del self.parcels[oldest]
            self._forgiven[oldest & 1] = max(oldest, self._forgiven[oldest & 1])

    def left_in(self, parcel: int) -> None:
        """Note that all resets that waited have left, the last of them in this parcel."""
        if self._fresh:
            for number in self._fresh:
                if number in self.parcels:
                    self.parcels[number] = parcel
            self._fresh.clear()

    def outlived(self, ack: int) -> None:
        """Forget streams that were reset in our parcels up to ``ack``: the builder of a parcel knew of them.

        Only a parcel's own ack tells: what the builder of the parcel had queued before our reset arrived is in it or
        in earlier ones.  An ``Ack``, or a new link's count, may overtake a parcel that is sent again.
        """
        quiet = []
        for number, parcel in self.parcels.items():
            if not _WAITING < parcel <= ack:
                break
            quiet.append(number)
        for number in quiet:
            del self.parcels[number]

    def excuses(self, number: int) -> bool:
        """Return whether a record for this stream, which is not open, may be late."""
        return number in self.parcels or number <= self._forgiven[number & 1]
