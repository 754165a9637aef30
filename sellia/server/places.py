"""Places for connections: how many there are, and who gives one up for a newcomer.

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

#: Places in excess, for those who may be about to open a link.
SPARE: Final = 100

_BY_FULL: Final = {"total": "connections", "each": "connections_per_address"}


class Place:
    """One connection's; given back once, however often :meth:`leave` is called."""

    __slots__ = ("_address", "_census", "_left", "_visitor")

    def __init__(self, census: Quota[str], address: str | None) -> None:
        self._census = census
        self._address = address
        self._visitor: str | None = None
        self._left = False
        census.enter(address)

    def settle(self, visitor: str) -> None:
        """It counts for this address as well, unless it counts for one already."""
        if self._address is None and not self._left:
            self._visitor = visitor
            self._census.settle(visitor)

    def leave(self) -> None:
        """Give it back."""
        if self._left:
            return
        self._left = True
        self._census.leave(self._address)
        if self._visitor is not None:
            self._census.unsettle(self._visitor)


class Places:
    """Those of one server: ``total`` in all, ``each`` of one address."""

    def __init__(self, total: int, each: int) -> None:
        self.census: Quota[str] = Quota(total, each)
        self._total = total
        self._idle: dict[Any, Callable[[], None]] = {}

    def full(self, address: str | None) -> str | None:
        """Return the limit for which a newcomer from there has no place, if it has none.

        What it may take is free when this returns; an idle connection may have been closed for it.
        """
        census = self.census
        reached = census.full(address)
        if reached != "total":
            return None if reached is None else _BY_FULL[reached]
        if address is not None and census.crowded(address):
            return _BY_FULL["each"]
        while census.count >= self._total and self._idle:
            self._idle.pop(next(iter(self._idle)))()
        return None if census.count < self._total + SPARE else _BY_FULL["total"]

    def enter(self, address: str | None) -> Place:
        """A connection has come."""
        return Place(self.census, address)

    @property
    def exceeded(self) -> bool:
        """Whether places in excess are taken."""
        return self.census.count > self._total

    def idle(self, who: Any, evict: Callable[[], None]) -> None:
        """``who`` is idle from now on: ``evict`` closes it, and gives its place back at once."""
        self._idle.pop(who, None)
        self._idle[who] = evict

    def busy(self, who: Any) -> None:
        """It is not idle, or gone."""
        self._idle.pop(who, None)
