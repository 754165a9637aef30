"""The log of a client in the foreground: on standard error, above its status block, or in a file.

By itself it has unexpected failures only, because lines tell events.  A file has all of it, from ``info`` on.
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    PredicateResult,
    globalLogBeginner,
    textFileLogObserver,
)

from sellia.client.log_file import LogFile, observer_of


class LineStream:
    """A text stream that hands on what is written to it."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take

    def write(self, text: str) -> None:
        """Hand ``text`` on."""
        self._take(text)

    def flush(self) -> None:
        """Nothing: nothing is buffered."""


#: The least level of what ``begin_log`` shows by itself, by how verbose it is to be.
_LEVELS: Final = (None, LogLevel.info, LogLevel.debug)


def begin_log(shown: Any, verbose: int, file: LogFile | None = None) -> None:
    """Send the log to the stream ``shown``: failures, from 1 on what happens, from 2 on all; and to a file all of it.

    What passes debug guards, and so whether there are debug events at all, is not decided here.
    """
    level = _LEVELS[min(verbose, 2)]
    observers = [_from(level, textFileLogObserver(shown))]
    if file is not None:
        observers.append(observer_of(file))
    globalLogBeginner.beginLoggingTo(observers, discardBuffer=True, redirectStandardIO=False)


def _from(level: Any, observer: ILogObserver) -> Any:
    if level is LogLevel.debug:
        return observer

    def worth_it(event: LogEvent) -> Any:
        if event.get("log_failure") is not None or (level is not None and event.get("log_level", level) >= level):
            return PredicateResult.yes
        return PredicateResult.no

    predicate: Any = worth_it  # A zope interface is not a Protocol to mypy.
    return FilteringLogObserver(observer, [predicate])
