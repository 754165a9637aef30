"""Times at which keys expire, the next one first."""

import heapq
from collections.abc import Iterable
from datetime import datetime


class Expiries:
    """A heap of times with the ids of keys.  A key whose time was changed is told at both times."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str]] = []

    def add(self, at: datetime, key_id: str) -> None:
        """Add a time."""
        heapq.heappush(self._heap, (at, key_id))

    def replace(self, times: Iterable[tuple[datetime, str]]) -> None:
        """Have these and no others."""
        self._heap = list(times)
        heapq.heapify(self._heap)

    def over(self, now: datetime) -> list[str]:
        """Take out and return the keys whose times are over."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            found.append(heapq.heappop(self._heap)[1])
        return found
