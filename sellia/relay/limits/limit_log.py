"""Rate-limited log of limits that were reached: each time counts, and few become lines.

Whoever attacks a limit reaches it a thousand times a second.  Each time counts, but only a few become lines in the log,
and the next line says how many did not.
"""

from dataclasses import dataclass
from typing import Final

from sellia.relay.limits.token_bucket import Bucket, Rate

#: Lines about one limit: so many at once, then one in ten seconds.
LINES: Final = Rate(5, 0.1)


@dataclass(slots=True)
class _Limit:
    lines: Bucket
    count: int = 0
    suppressed: int = 0


class LimitLog:
    """Counts, and suppressed lines, by the name of the limit.  Names are the code's own, a few dozen."""

    def __init__(self, rate: Rate = LINES) -> None:
        self._rate = rate
        self._limits: dict[str, _Limit] = {}

    def count(self, limit: str, now: float) -> int | None:
        """Count one more; return how many lines were suppressed before this one, or None to suppress it too."""
        found = self._limits.get(limit)
        if found is None:
            found = self._limits[limit] = _Limit(Bucket(self._rate))
        found.count += 1
        if found.lines.take(now):
            found.suppressed += 1
            return None
        suppressed, found.suppressed = found.suppressed, 0
        return suppressed

    def as_dict(self) -> dict[str, int]:
        """Return how often each limit was reached, by its name."""
        return {name: each.count for name, each in sorted(self._limits.items())}
