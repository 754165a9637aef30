"""A problem: an error that Sellia answers with itself, under a stable code; and the registry of all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

CLOSE_REASON_LIMIT = 123
"""Bytes of UTF-8 that fit in a close frame beside its code (RFC 6455, section 5.5)."""

RETRY_AFTER_SECONDS: Final = 5
"""What ``Retry-After`` says unless something better is known."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Cause for which an exchange, a claim or a session ends.

    `status` answers a request and is None where no request can be waiting; `close_code` ends a WebSocket or a link and
    is None where the problem is told before the upgrade.  `sentence` says what failed, `remedy` what to do about it.
    Problems are equal whose codes are.
    """

    code: str
    status: int | None = field(compare=False)
    close_code: int | None = field(compare=False)
    sentence: str = field(compare=False)
    remedy: str = field(compare=False)

    @property
    def answer(self) -> Problem:
        """Problem that answers a request in its place: itself, or `internal` if it has no status."""
        return self if self.status is not None else PROBLEMS["internal"]

    def close_reason(self, detail: str = "") -> str:
        """The reason of a close frame: the code, then as much of the text as fits in 123 bytes."""
        reason = f"{self.code}: {detail or self.sentence}"
        return reason.encode("utf-8", "replace")[:CLOSE_REASON_LIMIT].decode("utf-8", "ignore")


PROBLEMS: dict[str, Problem] = {}
"""Every `Problem` by its code, in the order of ``docs/errors.rst``."""


def define(code: str, status: int | None, close_code: int | None, sentence: str, remedy: str) -> Problem:
    """Add a problem to the registry, and return it."""
    assert code not in PROBLEMS, code
    problem = Problem(code, status, close_code, sentence, remedy)
    PROBLEMS[code] = problem
    return problem
