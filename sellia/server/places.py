"""Places for connections: admission of new ones, and eviction of the longest idle.

When all places are taken, the connection that has been idle for longest is closed: one on which no request is under
way, or a link whose hello has not come.  Where nobody is idle, a newcomer gets one of ``SPARE`` places in excess; on
such a one a client's link is all that may begin, so that who has a key gets in, however many strangers hold on.

A link that carries a session gives its place back: sessions have bounds of their own.

Bounds: one entry for each connection that is idle, in the order in which they became so; closing one takes the same
time however many there are.
"""

from collections.abc import Callable
from typing import Any, Final

from sellia.relay.limits.quota import Quota

#: Places in excess of the limit, for connections on which a link may be opened.
SPARE: Final = 100

_BY_FULL: Final = {"total": "connections", "each": "connections_per_address"}


class Place:
    """The place of one connection; released once, however often :meth:`release` is called."""

    __slots__ = ("_address", "_left", "_quota", "_visitor")

    def __init__(self, quota: Quota[str], address: str | None) -> None:
        self._quota = quota
        self._address = address
        self._visitor: str | None = None
        self._left = False
        quota.acquire(address)

    def charge(self, visitor: str) -> None:
        """Charge the place to a visitor's address, unless it is charged to one already."""
        if self._address is None and not self._left:
            self._visitor = visitor
            self._quota.charge(visitor)

    def release(self) -> None:
        """Give the place back."""
        if self._left:
            return
        self._left = True
        self._quota.release(self._address)
        if self._visitor is not None:
            self._quota.refund(self._visitor)


class Places:
    """The places of one server: ``total`` in all, ``each`` of one address."""

    def __init__(self, total: int, each: int) -> None:
        self.quota: Quota[str] = Quota(total, each)
        self._total = total
        self._idle: dict[Any, Callable[[], None]] = {}

    def set_bounds(self, total: int, each: int) -> None:
        """Change the number of places; connections that have one keep it."""
        self._total = total
        self.quota.set_bounds(total, each)

    def full(self, address: str | None) -> str | None:
        """Return the limit that keeps out a new connection from an address, or None if there is a place for it.

        An idle connection may have been closed to make room.
        """
        quota = self.quota
        reached = quota.full(address)
        if reached != "total":
            return None if reached is None else _BY_FULL[reached]
        if address is not None and quota.crowded(address):
            return _BY_FULL["each"]
        while quota.count >= self._total and self._idle:
            self._idle.pop(next(iter(self._idle)))()
        return None if quota.count < self._total + SPARE else _BY_FULL["total"]

    def acquire(self, address: str | None) -> Place:
        """Take a place for a new connection."""
        return Place(self.quota, address)

    @property
    def exceeded(self) -> bool:
        """Whether places in excess are taken."""
        return self.quota.count > self._total

    def idle(self, who: Any, evict: Callable[[], None]) -> None:
        """Mark a connection as idle; ``evict`` closes it, and releases its place at once."""
        self._idle.pop(who, None)
        self._idle[who] = evict

    def busy(self, who: Any) -> None:
        """Mark a connection as busy, or gone."""
        self._idle.pop(who, None)
