"""A storage that is opened when it is first called, and again where that has failed.

Need
    A server starts while its database does not, and tries again until it is there.  And twistd makes a server before it
    becomes a daemon, after which connections that were open before must not be used.
"""

from collections.abc import Callable
from datetime import date
from threading import Lock
from typing import Any

from sellia.storage.failures import SchemaError, StorageAway
from sellia.storage.interface import Change, Directory, Storage
from sellia.storage.records import Answer, Event, Usage


class LateStorage:
    """A `Storage` that ``opening`` opens; it raises StorageError where it cannot."""

    def __init__(self, opening: Callable[[], Storage]) -> None:
        self._opening = opening
        self._lock = Lock()
        self._storage: Storage | None = None

    def open(self) -> Storage:
        """Return the storage, opened if it is not yet.  Blocks, and raises StorageError.

        A database of another version counts as away, once the server runs: it may be put right meanwhile.
        """
        with self._lock:
            if self._storage is None:
                try:
                    self._storage = self._opening()
                except SchemaError as error:
                    raise StorageAway(str(error)) from error
            return self._storage

    def check(self) -> None:
        """Open the storage.  Blocks, and raises StorageError: `SchemaError` for a database of another version."""
        with self._lock:
            if self._storage is None:
                self._storage = self._opening()

    def directory(self) -> Directory:
        return self.open().directory()

    def has_keys(self) -> bool:
        return self.open().has_keys()

    def revision(self) -> int:
        return self.open().revision()

    def write(self, changes: "list[Change] | Any") -> None:
        self.open().write(changes)

    def events(self, *args: Any, **named: Any) -> list[Event]:
        return self.open().events(*args, **named)

    def usage(self, *args: Any, **named: Any) -> list[Usage]:
        return self.open().usage(*args, **named)

    def usage_sums(self, first: date, last: date) -> list[Usage]:
        return self.open().usage_sums(first, last)

    def usage_days(self, first: date, last: date, account_id: str | None = None) -> list[Usage]:
        return self.open().usage_days(first, last, account_id)

    def answer(self, caller: str, token: str) -> Answer | None:
        return self.open().answer(caller, token)

    def prune(self, **named: Any) -> int:
        return self.open().prune(**named)

    def backup(self, path: str) -> None:
        self.open().backup(path)

    def close(self) -> None:
        """Let go of connections, if there are any; another call opens it again."""
        with self._lock:
            storage, self._storage = self._storage, None
        if storage is not None:
            storage.close()
