"""Token buckets: one, or one for each of many keys in a table that nobody can fill up.

A bucket holds ``burst`` tokens at most and gains ``per_second`` of them; what happens takes one, and where there is
none it is refused and told when there will be one.  The bucket of a key is one number: the moment at which it will be
full again.  (The generic cell rate algorithm of ATM says it that way; it is the same bucket.)

Invariants
    * What is refused takes nothing: who asks again and again waits no longer than who waits.
    * A bucket that is full is as good as none, and is forgotten when others come.

Bounds
    A table has ``limit`` keys.  Beyond that the key that was used least recently is forgotten, as if its bucket were
    full: an attacker who wants one bucket forgotten has to come from ``limit`` other addresses first, each of which has
    a burst of its own anyway, and can make nobody's bucket emptier than it is.

Designs not chosen
    *A window of a second that is counted*: lets twice the rate pass at its edge.  *A timer that fills the buckets*:
    costs as much when nothing happens.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

#: Keys of one table, unless it is told otherwise: some 10 MB.
KEYS: Final = 65_536

#: Full buckets that are forgotten when another comes: more than one, so that the table shrinks faster than it grows.
_FORGOTTEN: Final = 2


#: Seconds for which a key that has taken too much has to wait at most.
_DEBT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Rate:
    """Rate limit: ``burst`` at once, and ``per_second`` in the long run."""

    burst: int
    per_second: float


class Buckets(Generic[Key]):
    """Token buckets by key, all of the same rate.  It reads no clock: ``now`` is in seconds, and never goes back."""

    __slots__ = ("_full_at", "_interval", "_limit", "_tolerance")

    def __init__(self, rate: Rate, limit: int = KEYS) -> None:
        self._limit = limit
        self._full_at: dict[Key, float] = {}  # the least recently used first
        self.set_rate(rate)

    def set_rate(self, rate: Rate) -> None:
        """Change the rate of all buckets; each will be full when it would have been."""
        self._interval = 1.0 / rate.per_second
        self._tolerance = (rate.burst - 1) * self._interval

    def take(self, key: Key, now: float) -> float:
        """Take one token of the bucket: 0.0, or the seconds until there is one."""
        full_at = self._full_at
        before = at = full_at.pop(key, 0.0)
        if at < now:
            at = now
        wait = at - now - self._tolerance
        if wait > _ROUNDING:
            full_at[key] = at
            return wait
        full_at[key] = at + self._interval
        if not before:
            self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Forget, for a new key, some keys whose buckets are full, or the oldest if there are too many."""
        full_at = self._full_at
        for _ in range(_FORGOTTEN):
            oldest = next(iter(full_at))
            if full_at[oldest] > now and len(full_at) <= self._limit:
                break
            del full_at[oldest]

    def look(self, key: Key, now: float) -> float:
        """Return what `take` would, and take nothing."""
        wait = self._full_at.get(key, now) - now - self._tolerance
        return wait if wait > _ROUNDING else 0.0

    def spend(self, key: Key, now: float, count: int) -> float:
        """Take so many tokens, and owe those that are missing: 0.0, or the seconds until none is owed.

        It owes what comes in ``_DEBT`` seconds at most.
        """
        before = self._full_at.pop(key, 0.0)
        most = now + self._tolerance + self._interval + _DEBT
        self._full_at[key] = at = min(max(before, now) + count * self._interval, most)
        if not before:
            self._forget(now)
        owed = at - now - self._tolerance - self._interval
        return owed if owed > _ROUNDING else 0.0

    def __len__(self) -> int:
        return len(self._full_at)


class Bucket:
    """Token bucket of one thing."""

    __slots__ = ("_full_at", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._full_at = 0.0

    def set_rate(self, rate: Rate) -> None:
        """Change the rate; the bucket will be full when it would have been."""
        self._rate = rate

    def take(self, now: float, count: int = 1) -> float:
        """Take so many tokens: 0.0, or the seconds until there are as many.  All of them, or none."""
        wait = self.look(now, count)
        if not wait:
            self.spend(now, count)
        return wait

    def look(self, now: float, count: int = 1) -> float:
        """Return what `take` would, and take nothing."""
        wait = max(self._full_at - now, 0.0) + (count - self._rate.burst) / self._rate.per_second
        return wait if wait > _ROUNDING else 0.0

    def spend(self, now: float, count: int = 1) -> None:
        """Take so many tokens, and owe those that are missing."""
        self._full_at = max(self._full_at, now) + count / self._rate.per_second


#: Seconds by which sums of floating-point numbers may be off.
_ROUNDING: Final = 1e-6
