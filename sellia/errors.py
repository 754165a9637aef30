"""Exceptions that Sellia raises on purpose, told apart by whose mistake it is.

The exceptions form one tree::

    SelliaError
    |-- SettingsError         what we did wrong: a setting cannot be right
    |-- UnreachableError      nobody's: no server answered where one was expected
    |   `-- ProxyLoginError     ... because a proxy on the way wants another user or password
    |-- ProtocolError         what they did wrong: the peer broke the dialect
    |   `-- LimitExceeded       ... by asking for more than a stated bound
    `-- ProblemError          one exchange cannot go on; whoever asked is told which problem it is
        `-- RefusedError        what we did wrong, as the gateway sees it: a key, a name, a version

A mistake of ours is reported to the user, who can mend it, and stops what depends on it.  A
mistake of theirs ends the link (``ProtocolError``) or the exchange (``ProblemError``) that it
came on, and nothing else: it never ends the process and never shows as a traceback.
``str()`` of each is a sentence that can be shown as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sellia.problems import BAD_FRAME, RETRY_AFTER_SECONDS, Problem, problem_of

#: Faults of settings that one message shows.
FAULTS_SHOWN: Final = 20


class SelliaError(Exception):
    """The root of all errors that Sellia raises on purpose."""


class SettingsError(SelliaError):
    """Settings are missing, malformed or contradict each other; nothing was started.

    ``line`` says what and where, ``hint`` what to do, ``at`` is the file with the line and the column, from 1, where
    there is one.  An error of several faults (`of`) has the first one's, and all of them in ``faults``; `str` is a line
    and a hint for each, up to ``FAULTS_SHOWN``.  ``missing`` marks what was not given at all, and may come from a flag.
    """

    def __init__(self, line: str, hint: str = "", at: tuple[str, int, int] = ("", 0, 0), missing: bool = False) -> None:
        super().__init__(f"{line}\nHint: {hint}" if hint else line)
        self.line = line
        self.hint = hint
        self.at = at
        self.missing = missing
        self.faults: tuple[SettingsError, ...] = (self,)

    @classmethod
    def of(cls, faults: Sequence[SettingsError]) -> SettingsError:
        """Make one error of at least one."""
        first = faults[0]
        if len(faults) == 1:
            return first
        whole = cls(first.line, first.hint, first.at)
        whole.faults = tuple(faults)
        more = len(faults) - FAULTS_SHOWN
        whole.args = (
            "\n".join([*map(str, faults[:FAULTS_SHOWN]), *([f"and {more} more faults"] if more > 0 else [])]),
        )
        return whole


class UnreachableError(SelliaError):
    """No Sellia server answered: ``line`` says where and what happened instead, ``hint`` what to do; `str` is both."""

    def __init__(self, line: str, hint: str = "") -> None:
        super().__init__(f"{line}\nHint: {hint}" if hint else line)
        self.line = line
        self.hint = hint


class ProxyLoginError(UnreachableError):
    """A proxy on the way to the server wants another user or password."""


class ProtocolError(SelliaError):
    """The peer broke a protocol: its connection is closed with `code`, and one line logged.

    `problem` is what the other side of a WebSocket is told.
    """

    def __init__(self, message: str, code: int = 1002, problem: Problem = BAD_FRAME) -> None:
        super().__init__(message)
        self.code = code
        self.problem = problem

    @property
    def reason(self) -> str:
        """Reason of the close frame that tells of it."""
        return f"{self.problem.code}: {self}"


class LimitExceeded(ProtocolError):
    """The peer went past a stated bound, and nothing was allocated for it."""


class ProblemError(SelliaError):
    """One exchange, or a claim, ends with `problem`, which whoever asked is told.

    `detail` is a whole sentence that says it more exactly than the catalogue can.  `retry_after`, in seconds, counts
    for answers with 429 and 503.  Where a problem is an expected outcome it is returned, not raised.
    """

    #: Value of the ``Allow`` field of a 405; empty for the methods that Sellia's own pages have.
    allow: bytes = b""

    def __init__(self, problem: Problem, detail: str = "", retry_after: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(detail or problem.sentence)
        self.problem = problem
        self.detail = detail
        self.retry_after = retry_after


class RefusedError(ProblemError):
    """The gateway refused us, with ``word``.

    It is in the catalogue unless the server is newer than we are, so ``remedy`` can be empty.
    """

    def __init__(self, word: str, message: str) -> None:
        super().__init__(problem_of(word), message)
        self.word = word
        self.message = message

    @property
    def remedy(self) -> str:
        """What to do about it, as the catalogue says."""
        return self.problem.remedy
