"""Who is connected, counted by address: so many in all, and so many from each.

The table has an entry for each address that has something open, so it is bounded by what is open.
"""

from typing import Literal

Full = Literal["total", "address"]


class Census:
    """Connections by the address that they count for."""

    __slots__ = ("_each", "_here", "_total", "count")

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        #: How many are open.
        self.count = 0
        self._here: dict[str, int] = {}

    def full(self, address: str | None) -> Full | None:
        """Which bound another connection would break; None for an address means one that has no bound of its own."""
        if self.count >= self._total:
            return "total"
        return "address" if address is not None and self.crowded(address) else None

    def crowded(self, address: str) -> bool:
        """Whether the address has as many as it may."""
        return self._here.get(address, 0) >= self._each

    def enter(self, address: str | None) -> None:
        """Another connection is open."""
        self.count += 1
        if address is not None:
            self.settle(address)

    def leave(self, address: str | None) -> None:
        """A connection that had entered is gone."""
        self.count -= 1
        if address is not None:
            self.unsettle(address)

    def settle(self, address: str) -> None:
        """A connection that has entered without an address counts for this one from now on."""
        self._here[address] = self._here.get(address, 0) + 1

    def unsettle(self, address: str) -> None:
        """It does so no more."""
        left = self._here[address] - 1
        if left:
            self._here[address] = left
        else:
            del self._here[address]

    def of(self, address: str) -> int:
        """How many count for an address."""
        return self._here.get(address, 0)
