"""Consents: servers that the user has agreed to for the settings file of a project, asked once.

A consent is for one file and one server, so a file that names another one later is asked about again.  They are lines
of JSON in ``trusted-projects`` of the user's settings directory, which only the user may write; a file that others may
write, or have put there, counts as empty.

Bounds: ``CONSENT_LIMIT`` consents, of which the latest are kept.
"""

import json
import os
import stat
import tempfile
from collections.abc import Mapping
from typing import Final

from sellia.credentials import credentials
from sellia.directories import user_directory
from sellia.errors import SettingsError
from sellia.text import printable

#: Consents that are kept.
CONSENT_LIMIT: Final = 500

#: Characters of the file that are read.
_SIZE_LIMIT: Final = 4 * 1024 * 1024


class Known:
    """Servers that a user knows: by a key that is stored, or by having agreed to one for a project."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        store = credentials(environment)
        self.knows, self.find, self.place, self.servers = store.knows, store.find, store.place, store.servers
        self.agreed = Consents.of(environment).has


class Consents:
    """The consents in the file at ``path``; there are none, and none can be added, where it is empty."""

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Consents":
        """Return those of the user whose environment this is."""
        directory = user_directory(environment)
        return cls(os.path.join(directory, "trusted-projects") if directory else "")

    def has(self, file: str, server: str) -> bool:
        """Return whether the user has agreed to this server for this settings file."""
        return [os.path.realpath(file), server] in self._read()

    def add(self, file: str, server: str) -> None:
        """Note that the user has agreed.  Raises SettingsError where that cannot be kept."""
        each = [os.path.realpath(file), server]
        kept = [*(other for other in self._read() if other != each), each][-CONSENT_LIMIT:]
        directory = os.path.dirname(self.path)
        try:
            os.makedirs(directory, 0o700, exist_ok=True)
            number, temporary = tempfile.mkstemp(prefix=".", dir=directory)  # of mode 0600
            with open(number, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.writelines(json.dumps(other) + "\n" for other in kept)
            os.replace(temporary, self.path)
        except OSError as error:
            shown = printable(self.path or "the home directory")
            hint = f"Name the server with --server {server} instead."
            raise SettingsError(f"cannot write {shown}: {error.strerror}", hint) from None

    def _read(self) -> list[list[str]]:
        try:
            with open(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="utf-8") as stream:
                found = os.fstat(stream.fileno())
                if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    return []
                if not stat.S_ISREG(found.st_mode):
                    return []
                lines = stream.read(_SIZE_LIMIT).splitlines()
            return [each for each in map(json.loads, lines) if isinstance(each, list)]
        except (OSError, ValueError, RecursionError):
            return []
