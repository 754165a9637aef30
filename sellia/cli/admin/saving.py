"""A new file that a download is saved in: it has its name once it is complete, and no file is overwritten."""

import os
from types import TracebackType

from sellia.errors import SettingsError
from sellia.text import printable


class NewFile:
    """The file at ``path``, readable by its owner alone; ``with`` gives it its name at the end, if nothing is raised.

    Raises SettingsError where it exists or cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._part = f"{self._path}.part"
        self._descriptor = -1
        #: Bytes that have been written.
        self.size = 0

    def __enter__(self) -> "NewFile":
        if os.path.lexists(self._path):
            raise SettingsError(f"{printable(self._path)} exists already", "Choose another name.")
        try:
            if os.path.lexists(self._part):
                os.unlink(self._part)  # of a download that was killed
            self._descriptor = os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except OSError as error:
            raise self._cannot(error) from None
        return self

    def write(self, data: bytes) -> None:
        """Write a piece.  Raises SettingsError."""
        try:
            written = 0
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError as error:
            raise self._cannot(error) from None
        self.size += len(data)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                os.fsync(self._descriptor)
            os.close(self._descriptor)
            if kind is None:
                os.rename(self._part, self._path)
            else:
                os.unlink(self._part)
        except OSError as failed:
            if kind is None:
                raise self._cannot(failed) from None

    def _cannot(self, error: OSError) -> SettingsError:
        reason = os.strerror(error.errno or 0)
        return SettingsError(f"{printable(self._path)} cannot be written: {reason}", "Choose another place.")
