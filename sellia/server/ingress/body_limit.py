"""Limit on a request's body whose length is not declared, as its tunnel's rules set it."""

from sellia.problems import BODY_TOO_LARGE, Problem
from sellia.relay.http.policy import too_large


class BodyLimit:
    """Counts the bytes of one body, of which there may be ``limit``."""

    __slots__ = ("_came", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._came = 0

    def passes(self, data: bytes) -> bool:
        """Return whether the body is within the limit with this part of it."""
        self._came += len(data)
        return self._came <= self._limit

    @property
    def refusal(self) -> tuple[Problem, str]:
        """Problem of a body that is longer, and a sentence about it."""
        return BODY_TOO_LARGE, too_large(self._limit)
