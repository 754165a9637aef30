"""Who is connected, counted by address or by owner: so many in all, and so many from each.

The table has an entry for each that has something open, so it is bounded by what is open.
"""

from collections.abc import Hashable
from typing import Generic, Literal, TypeVar

Key = TypeVar("Key", bound=Hashable)

Full = Literal["total", "each"]


class Quota(Generic[Key]):
    """Connections by the address that they count for, or sessions by their owner."""

    __slots__ = ("_each", "_here", "_total", "count")

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        #: How many are open.
        self.count = 0
        self._here: dict[Key, int] = {}

    def full(self, address: Key | None) -> Full | None:
        """Which bound another connection would break; None for an address means one that has no bound of its own."""
        if self.count >= self._total:
            return "total"
        return "each" if address is not None and self.crowded(address) else None

    def crowded(self, address: Key) -> bool:
        """Whether the address has as many as it may."""
        return self._here.get(address, 0) >= self._each

    def enter(self, address: Key | None) -> None:
        """Another connection is open."""
        self.count += 1
        if address is not None:
            self.settle(address)

    def leave(self, address: Key | None) -> None:
        """A connection that had entered is gone."""
        self.count -= 1
        if address is not None:
            self.unsettle(address)

    def settle(self, address: Key) -> None:
        """A connection that has entered without an address counts for this one from now on."""
        self._here[address] = self._here.get(address, 0) + 1

    def unsettle(self, address: Key) -> None:
        """It does so no more."""
        left = self._here[address] - 1
        if left:
            self._here[address] = left
        else:
            del self._here[address]

    def of(self, address: Key) -> int:
        """How many count for an address."""
        return self._here.get(address, 0)
