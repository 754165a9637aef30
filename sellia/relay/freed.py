"""Names that became free a moment ago, and why: visitors who come too late are told what happened to the client."""

from collections.abc import Iterable, Set
from typing import Final

from sellia.problems import Problem

#: Maximum number of names that are remembered; the oldest are forgotten first.
REMEMBERED_LIMIT: Final = 1_000


class FreedNames:
    """Problems of names, each until a time in seconds."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[Problem, float]] = {}  # oldest first

    def __len__(self) -> int:
        return len(self._names)

    def remember(self, names: Iterable[str], problem: Problem, until: float) -> None:
        """Remember the problem for which names became free."""
        for name in names:
            self._names.pop(name, None)
            self._names[name] = problem, until
        while len(self._names) > REMEMBERED_LIMIT:
            del self._names[next(iter(self._names))]

    def forget(self, name: str) -> None:
        """Forget a name, which somebody has again.  Harmless for one that is not remembered."""
        self._names.pop(name, None)

    def why(self, name: str, now: float) -> Problem | None:
        """Return the problem of a name, or None."""
        problem, until = self._names.get(name, (None, 0.0))
        return problem if until > now else None

    def check_invariants(self, bound: Set[str]) -> None:
        """Raise AssertionError if a name is remembered that is bound; for tests."""
        assert not bound & self._names.keys() and len(self._names) <= REMEMBERED_LIMIT
