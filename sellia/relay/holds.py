"""Names that are held for their last owners, in the order in which they become free.

It reads no clock: times are in seconds, and never go back.
"""

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hold:
    """A name is held for an owner until a time; it counts for an account meanwhile."""

    owner: Hashable
    until: float
    account: Hashable


class Holds(dict[str, Hold]):
    """Holds by name; `add` keeps their order."""

    def add(self, name: str, hold: Hold) -> None:
        """Hold a name that is not held."""
        last = self[next(reversed(self))].until if self else 0.0
        self[name] = hold
        if last > hold.until:  # names were held for longer a moment ago
            ordered = sorted(self.items(), key=lambda each: each[1].until)
            self.clear()
            self.update(ordered)

    def over(self, now: float) -> list[str]:
        """Return the names whose hold has run out."""
        names = []
        for name, hold in self.items():
            if hold.until > now:
                break
            names.append(name)
        return names

    def check_invariants(self) -> None:
        """Raise AssertionError if they are out of order; for tests."""
        untils = [hold.until for hold in self.values()]
        assert untils == sorted(untils)
