"""File of a client's log, which ``log.file`` names: for a client in the foreground and for a daemon."""

import os
from typing import Any

from twisted.logger import ILogObserver, textFileLogObserver

from sellia.client.settings import ClientSettings
from sellia.errors import SettingsError
from sellia.text import printable


def open_log(settings: ClientSettings) -> "LogFile | None":
    """Open the file that the settings name, if they name one.  Raises SettingsError where it cannot be written."""
    if settings.log_file is None:
        return None
    return LogFile(settings.log_file, settings.log_from or "log.file")


def observer_of(file: "LogFile") -> ILogObserver:
    """Return an observer that appends each event of the log to a file."""
    stream: Any = file  # An IO is more than an observer needs.
    return textFileLogObserver(stream)


class LogFile:
    """A file that a log is appended to, which nobody else can read; opened anew once it was moved or removed.

    Raises SettingsError where it cannot be opened at first.  Whatever fails later ends nothing: what cannot be written
    is lost.  ``place`` is where the path was given, and ``path`` the absolute one.
    """

    def __init__(self, path: str, place: str = "log.file") -> None:
        self.path = os.path.abspath(path)
        self._number = -1
        try:
            self._open()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "this is not the name of a file"
            raise SettingsError(
                f"{place}: cannot write {printable(path)}: {reason}",
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
        number = os.open(self.path, flags, 0o600)
        self.close()
        self._number = number

    def _same(self) -> bool:
        """Return whether the path still leads to the file that is open."""
        try:
            there, here = os.stat(self.path), os.fstat(self._number)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
