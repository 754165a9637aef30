"""SQLite: one file, with its write-ahead log beside it.

The log (WAL) lets readers go on while one writes; ``synchronous=FULL`` has each commit on the disk before it returns.
Threads of this process take turns by a lock, other processes by SQLite's own, for ten seconds.

A server keeps a shared lock on ``FILE-lock``, so that a restore, which needs it alone, never replaces the file under
it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from sellia.storage.database import told
from sellia.storage.failures import StorageAway, StorageError
from sellia.text import printable

#: Seconds that one waits for another process to finish writing.
BUSY_SECONDS: Final = 10.0

#: Connections at once; as many threads wait for one.
CONNECTIONS: Final = 8

#: What ``PRAGMA application_id`` says of our files: "Sell".
APPLICATION_ID: Final = 0x53656C6C

#: Oldest version of SQLite that has all that is used: upserts, row values, ``VACUUM INTO``.
OLDEST: Final = (3, 27, 0)

_CAUSES: Final = {
    sqlite3.SQLITE_BUSY: "is locked: another process has been writing to it for too long",
    sqlite3.SQLITE_LOCKED: "is locked: another process has been writing to it for too long",
    sqlite3.SQLITE_FULL: "cannot be written: the disk is full",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
    sqlite3.SQLITE_CORRUPT: "is damaged: stop the server, and restore a backup with `sellia admin restore`",
    sqlite3.SQLITE_NOTADB: "is no database, or is damaged: choose another file, or restore a backup",
    sqlite3.SQLITE_READONLY: "cannot be written by this user: check who owns the file and its directory",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that the directory exists, and who owns it",
    sqlite3.SQLITE_PERM: "cannot be opened by this user: check who owns the file and its directory",
    sqlite3.SQLITE_ERROR: "lacks a table or a column: it was changed by another program",
}


class Sqlite:
    """An SQLite database in a file, which is made, for its owner only, where there is none.

    ``patience`` is for how many seconds a call waits for others.
    """

    def __init__(self, path: str, patience: float = BUSY_SECONDS) -> None:
        if sqlite3.sqlite_version_info < OLDEST:
            raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old: 3.27 or newer is needed.")
        self.path = os.path.abspath(path)
        self.shown = printable(self.path)
        self._patience = patience
        self._writer = threading.Lock()
        make_private_file(self.path)
        self._lock = FileLock(self.path)
        self._lock.share()
        try:
            self._use_log()
        except BaseException:
            self._lock.release()
            raise
        self.engine: Engine = create_engine(
            "sqlite://",
            creator=self._connect,
            poolclass=QueuePool,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=patience,
        )
        event.listen(self.engine, "begin", _begin)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._patience, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA trusted_schema=OFF")
        return connection

    def _use_log(self) -> None:
        """Have the file use a write-ahead log, which it remembers.

        SQLite does not wait for others that do the same, so this does.
        """
        end = time.monotonic() + self._patience
        while True:
            try:
                connection = sqlite3.connect(self.path, timeout=self._patience, isolation_level=None)
                try:
                    connection.execute("PRAGMA journal_mode=WAL")
                    return
                finally:
                    connection.close()
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                if code != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise StorageAway(f"The database {self.shown} {cause(error)}.") from error
            time.sleep(0.02)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with told(self), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        if not self._writer.acquire(timeout=self._patience):
            raise StorageAway(f"The database {self.shown} is locked: other writes of this server take too long.")
        try:
            with told(self), self.engine.connect().execution_options(sellia_writes=True) as connection:
                with connection.begin():
                    yield connection
        finally:
            self._writer.release()

    @contextmanager
    def changing_schema(self) -> Iterator[Connection]:
        # Foreign keys cannot be switched within a transaction, and a table that is rebuilt would be one that others
        # name; they are looked at as a whole before the commit.
        with self._writer, told(self), self.engine.connect().execution_options(sellia_writes=True) as connection:
            raw: Any = connection.connection.driver_connection
            raw.execute("PRAGMA foreign_keys=OFF")
            try:
                with connection.begin():
                    yield connection
                    if raw.execute("PRAGMA foreign_key_check").fetchone() is not None:
                        raise StorageError(
                            f"The database {self.shown} has records that name others which do not exist."
                        )
                    raw.execute(f"PRAGMA application_id={APPLICATION_ID}")
            finally:
                raw.execute("PRAGMA foreign_keys=ON")

    def cause(self, error: DBAPIError) -> str:
        return cause(error.orig)

    def close(self) -> None:
        self.engine.dispose()
        self._lock.release()


def cause(error: BaseException | None) -> str:
    """Return what an error of SQLite means, as the end of a sentence."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return _CAUSES.get(code, f"cannot be used (SQLite's error {code})")


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("sellia_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def make_private_file(path: str) -> None:
    """Make an empty file that only its owner can read, with its directories, where there is none."""
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Never opened where it exists: closing a file drops the locks that SQLite of this process has on it.
        if not os.path.exists(path):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        pass  # another process was quicker, or a directory's name is taken by a file, which opening tells
    except OSError as error:
        raise StorageAway(f"The database {printable(path)} cannot be made: {os.strerror(error.errno or 0)}.") from error


class FileLock:
    """A lock on ``FILE-lock`` that processes share, or that one has alone."""

    def __init__(self, path: str) -> None:
        self._path = f"{path}-lock"
        self._descriptor: int | None = None

    def share(self) -> None:
        """Take part; raises StorageAway while somebody has it alone."""
        if not self._take(fcntl.LOCK_SH):
            raise StorageAway(f"The database {printable(self._path[:-5])} is being replaced: try again in a moment.")

    def alone(self) -> bool:
        """Return whether nobody else takes part, and keep others out from then on."""
        return self._take(fcntl.LOCK_EX)

    def _take(self, kind: int) -> bool:
        try:
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise StorageAway(f"The file {printable(self._path)} cannot be made: {reason}.") from error
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
