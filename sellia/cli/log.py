"""The log of a client in the foreground: on standard error, above its status block, or in a file.

By itself it has unexpected failures only, because lines tell events.  A file has all of it, from ``info`` on.
"""

import os
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

from sellia.errors import SettingsError
from sellia.text import printable


class LogFile:
    """A file that a log is appended to, which nobody else can read; opened anew once it was moved or removed.

    Raises SettingsError where it cannot be opened at first.  Whatever fails later ends nothing: what cannot be written
    is lost.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._number = -1
        try:
            self._open()
        except OSError as error:
            raise SettingsError(
                f"--log-file: cannot write {printable(path)}: {error.strerror}",
                "Name a file in a directory that you can write to.",
            ) from None

    def write(self, text: str) -> None:
        """Append ``text``."""
        try:
            if not self._same():
                self._open()
            os.write(self._number, text.encode("utf-8", "backslashreplace"))
        except OSError:
            pass

    def flush(self) -> None:
        """Nothing: nothing is buffered."""

    def close(self) -> None:
        """Close the file."""
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        number = os.open(self._path, flags, 0o600)
        self.close()
        self._number = number

    def _same(self) -> bool:
        """Return whether the path still leads to the file that is open."""
        try:
            there, here = os.stat(self._path), os.fstat(self._number)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


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
        everything: Any = file
        observers.append(textFileLogObserver(everything))
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
