"""Quotas of open connections or sessions: so many in all, and so many of each address or owner.

The table has an entry for each that has something open, so it is bounded by what is open.
"""

from collections.abc import Hashable
from typing import Generic, Literal, TypeVar

Key = TypeVar("Key", bound=Hashable)

Full = Literal["total", "each"]


class Quota(Generic[Key]):
    """Counts what is open, by the key that it is charged to: ``total`` in all, ``each`` of one key."""

    __slots__ = ("_charged", "_each", "_total", "count")

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        #: The number of units that are acquired.
        self.count = 0
        self._charged: dict[Key, int] = {}

    def set_bounds(self, total: int, each: int) -> None:
        """Change the bounds; units that are acquired stay so, also beyond them."""
        self._total = total
        self._each = each

    def full(self, key: Key | None) -> Full | None:
        """Return the bound that another unit would break, or None.  The key None has no bound of its own."""
        if self.count >= self._total:
            return "total"
        return "each" if key is not None and self.crowded(key) else None

    def crowded(self, key: Key) -> bool:
        """Return whether a key is charged with as many units as it may have."""
        return self._charged.get(key, 0) >= self._each

    def acquire(self, key: Key | None) -> None:
        """Count a unit, and charge it to a key if there is one."""
        self.count += 1
        if key is not None:
            self.charge(key)

    def release(self, key: Key | None) -> None:
        """Count a unit no more that was acquired with this key."""
        self.count -= 1
        if key is not None:
            self.refund(key)

    def charge(self, key: Key) -> None:
        """Charge a unit to a key that was acquired without one."""
        self._charged[key] = self._charged.get(key, 0) + 1

    def refund(self, key: Key) -> None:
        """Undo a charge."""
        left = self._charged[key] - 1
        if left:
            self._charged[key] = left
        else:
            del self._charged[key]

    def of(self, key: Key) -> int:
        """Return the number of units that a key is charged with."""
        return self._charged.get(key, 0)
