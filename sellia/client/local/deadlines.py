"""Deadlines of equal length, any number of them on one timer.

A timer of the reactor costs more than all else that a request needs of the clock.  Deadlines that are all equally long
end in the order in which they began, so a table in that order and a single timer do for any number of them.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Calls ``expired(item)`` when an item has been in here for ``seconds``.

    An item is in here at most once, and no more when ``expired`` is called.  The timer is left to run when the last
    item is taken out, and is then not set again; :meth:`stop` takes it away.
    """

    def __init__(self, clock: Any, seconds: float, expired: Callable[[T], None]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._expired = expired
        self._due: dict[T, float] = {}
        self._timer: Any = None

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, item: T) -> bool:
        return item in self._due

    def add(self, item: T) -> None:
        """Start the time of ``item``, anew if it is in here already."""
        due = self._due
        if item in due:
            del due[item]
        due[item] = self._clock.seconds() + self.seconds
        if self._timer is None:
            self._timer = self._clock.callLater(self.seconds, self._ring)

    def discard(self, item: T) -> None:
        """Take out ``item``, if it is in here at all."""
        self._due.pop(item, None)

    def age(self, item: T) -> float:
        """Return the seconds since ``item``, which must be in here, was added."""
        age: float = self._clock.seconds() - (self._due[item] - self.seconds)
        return age

    def newest(self) -> tuple[T, float] | None:
        """Return the item that came last, and the seconds since then, if there is one; it stays in here."""
        due = self._due
        if not due:
            return None
        item = next(reversed(due))
        return item, self._clock.seconds() - (due[item] - self.seconds)

    def pop_oldest(self) -> T:
        """Take out the item that came first, which must exist, and return it."""
        item = next(iter(self._due))
        del self._due[item]
        return item

    def stop(self) -> list[T]:
        """Forget all items and the timer; return the items."""
        items = list(self._due)
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return items

    def _ring(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        due = self._due
        while due:
            item, end = next(iter(due.items()))
            if end > now:
                if self._timer is None:
                    self._timer = self._clock.callLater(end - now, self._ring)
                return
            del due[item]
            self._expired(item)
