"""The file of a recording, and the thread that writes to it.

The thread owns the connection.  It is given one batch at a time and says when that is in the file, or why it is not;
nobody waits for it but who closes the recording.
"""

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from queue import SimpleQueue
from typing import Final

from sellia.errors import SettingsError
from sellia.inspector.recording.schema import (
    APPLICATION,
    BEGUN,
    MISSING,
    TABLES,
    VERSION,
    WRITTEN,
    BodyRow,
    FrameRow,
    Missing,
)
from sellia.text import printable

#: Bytes that the file of what is not in the tables yet keeps, once it has been emptied.
_JOURNAL: Final = 16 << 20

_NAME_ANOTHER: Final = "Name a file that does not exist yet, or a recording of yours."


class Batch:
    """What goes into the file in one transaction.  ``begun`` exchanges were not there before."""

    __slots__ = ("begun", "bodies", "frames", "missing", "records", "size")

    def __init__(self) -> None:
        self.records: dict[int, bytes] = {}
        self.bodies: list[BodyRow] = []
        self.frames: list[FrameRow] = []
        self.missing = Missing()
        self.begun = 0
        self.size = 0


def prepare(path: str, place: str = "inspector.record") -> int:
    """Make the file of a recording, or look whether it can go on; return the number of its last exchange.

    Raises SettingsError, with ``place`` as where the path was given.
    """
    shown = printable(path)
    try:
        _make(path)
        with closing(_connect(path)) as connection:
            _upgrade(connection)
            (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM exchanges").fetchone()
    except _NoRecording as error:
        raise SettingsError(f"{place}: {shown} {error}", _NAME_ANOTHER) from None
    except FileNotFoundError:
        directory = printable(os.path.dirname(os.path.abspath(path)))
        raise SettingsError(f"{place}: there is no directory {directory}", f"mkdir -p {directory}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is not the name of a file"
        hint = "Name a file in a directory that you can write to."
        raise SettingsError(f"{place}: cannot write {shown}: {reason}", hint) from None
    except sqlite3.Error as error:
        raise SettingsError(f"{place}: cannot write {shown}: {reason_of(error)}", _NAME_ANOTHER) from None
    return int(last)


class _NoRecording(Exception):
    """A file exists that is not one to write to; the text goes on from its name."""


def _make(path: str) -> None:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        number = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise _NoRecording("exists, and is no file") from None
        if found.st_uid != os.geteuid():
            raise _NoRecording("exists, and belongs to somebody else") from None
        if found.st_size and not is_recording(path):
            raise _NoRecording("exists, and is not a recording of Sellia") from None
        os.chmod(path, 0o600)
        number = os.open(path, flags)
    os.close(number)


def is_recording(path: str) -> bool:
    """Return whether a file begins as SQLite's do, with the mark of a recording.  Raises OSError."""
    with open(path, "rb") as file:
        head = file.read(100)
    return head.startswith(b"SQLite format 3\0") and head[68:72] == APPLICATION.to_bytes(4, "big")


def _connect(path: str, limit: int = 0) -> sqlite3.Connection:
    """Return a connection that keeps everybody else out; ``limit`` is the file's in bytes, 0 for none."""
    connection = sqlite3.connect(path, timeout=0.0, isolation_level=None)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL}")
        if limit:
            (page,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count = {max(1, limit // page)}")
    except BaseException:
        connection.close()
        raise
    return connection


def _upgrade(connection: sqlite3.Connection) -> None:
    """Make the tables of a new recording.  Raises _NoRecording for one of a newer version."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise _NoRecording("was recorded by a newer version of Sellia")
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    for each in TABLES:
        connection.execute(each)
    connection.execute("INSERT INTO facts VALUES (?, ?)", (BEGUN, time.time()))
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def reason_of(error: sqlite3.Error) -> str:
    """Return in our words why SQLite could not do something."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return _REASONS.get(code, "the file cannot be used as a recording any more")


_REASONS: Final = {
    sqlite3.SQLITE_BUSY: "another client records to it",
    sqlite3.SQLITE_LOCKED: "another client records to it",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
    sqlite3.SQLITE_READONLY: "it may not be written to",
    sqlite3.SQLITE_PERM: "it may not be written to",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is damaged",
}

#: Called with None when a batch is in the file, or with why it is not; in whichever thread `Writer` was told to.
Done = Callable[[str | None], None]


class Writer:
    """Thread that writes the batches of one recording, which `prepare` has made.

    ``call`` calls something in the thread of whoever gives the batches.  ``limit`` is the file's in bytes.
    """

    def __init__(self, path: str, limit: int, call: Callable[[Callable[[], None]], None]) -> None:
        self.path = path
        self.limit = limit
        self._call = call
        self._work: SimpleQueue[tuple[Batch | None, Done]] = SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        # A daemon: a disk that hangs does not keep the process from ending, and a transaction that was cut off is none.
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def start(self) -> None:
        """Wait for batches."""
        self._thread.start()

    def write(self, batch: Batch, done: Done) -> None:
        """Write a batch, and say whether it is in the file."""
        self._work.put((batch, done))

    def close(self, done: Done) -> None:
        """Close the file behind all batches that were given."""
        self._work.put((None, done))

    # --- in the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        batch: Batch | None = Batch()
        while batch is not None:
            batch, done = self._work.get()
            self.work(batch, done)

    def work(self, batch: Batch | None, done: Done) -> None:
        """Write a batch, or close the file, in this thread."""
        reason = None
        try:
            if batch is not None:
                self._write(batch)
            else:
                self._close()
        except sqlite3.Error as error:
            reason = self._reason(error)
        self._call(partial(done, reason))

    def _write(self, batch: Batch) -> None:
        connection = self._connection
        if connection is None:
            connection = self._connection = _connect(self.path, self.limit)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR REPLACE INTO exchanges VALUES (?, ?)", batch.records.items())
            connection.executemany("INSERT OR REPLACE INTO bodies VALUES (?, ?, ?, ?)", batch.bodies)
            connection.executemany("INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", batch.frames)
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (WRITTEN, time.time()))
            missing = batch.missing
            if missing:
                added = zip(MISSING, (missing.exchanges, missing.frames, missing.octets), strict=True)
                connection.executemany(
                    "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                    added,
                )
            connection.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _reason(self, error: sqlite3.Error) -> str:
        reason = reason_of(error)
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL and self._connection is not None and self.limit:
            with suppress(sqlite3.Error):
                (count,) = self._connection.execute("PRAGMA page_count").fetchone()
                (most,) = self._connection.execute("PRAGMA max_page_count").fetchone()
                if count >= most - _NEARLY:
                    return f"it has the {self.limit:,} bytes of inspector.record_limit"
        return reason


#: Pages that a file may lack to its limit when a transaction that was too large for it is undone.
_NEARLY: Final = 4096
