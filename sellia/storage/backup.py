"""Backups: a file with a consistent copy of everything, made while servers write, and its way back.

Need
    An operator copies a running server's memory to one file, and gets it back after a disk, a mistake or an upgrade.

Invariants
    * A backup is an SQLite database of the schema that its server had, also where the server's is in PostgreSQL: one
      file, readable by its owner only, without a log beside it, that restores into either database.
    * It has its name only once it is complete, checked and on the disk; no file is overwritten.
    * A restore looks at the whole file before it touches anything: integrity, references, schema.  What was there is
      kept under another name (SQLite), or replaced in one transaction (PostgreSQL).
    * Nothing is restored under a server that runs.

Not chosen: SQLite's incremental backup, which starts anew whenever somebody writes, and may never end; copying the
file, which misses what is in the log.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, create_engine, select, text
from sqlalchemy.pool import NullPool

from sellia.storage import copying
from sellia.storage.database import Database
from sellia.storage.failures import SchemaError, StorageAway, StorageError
from sellia.storage.migrate import check, migrate
from sellia.storage.postgresql import Postgresql
from sellia.storage.schema import REVISION
from sellia.storage.sqlite import APPLICATION_ID, FileLock, Sqlite, cause, make_private_file
from sellia.storage.url import DatabaseUrl
from sellia.text import printable

_HEADER: Final = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has done: rows by table, and where the database that was there is kept, or an empty text."""

    rows: dict[str, int]
    kept: str


def back_up(database: Database, path: str) -> None:
    """Write a backup to a new file.  Raises StorageError."""
    with _new_file(path) as part:
        if isinstance(database, Sqlite):
            _vacuum_into(database, part)
        else:
            _copy_into(database, part)
        _settle(part)
        examine(part)


def _vacuum_into(database: Sqlite, part: str) -> None:
    raw = database.engine.raw_connection()
    try:
        raw.driver_connection.execute("VACUUM INTO ?", (part,))  # type: ignore[union-attr]
    except sqlite3.Error as error:
        raise StorageAway(f"The backup cannot be written: the database {database.shown} {cause(error)}.") from error
    finally:
        raw.close()


def _copy_into(database: Database, part: str) -> None:
    copy = Sqlite(part)
    try:
        migrate(copy)
        with database.reading() as source, copy.changing_schema() as target:
            copying.copy(source, target)
    finally:
        copy.close()
        with suppress(OSError):
            os.unlink(f"{part}-lock")


def _settle(part: str) -> None:
    """Make the file complete without a log, so that it can be read from where nothing can be written."""
    connection = sqlite3.connect(part, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
    finally:
        connection.close()


@contextmanager
def _new_file(path: str) -> Iterator[str]:
    """Yield the path of a file that gets its name, which nothing has, at the end."""
    path = os.path.abspath(path)
    part = f"{path}.part"
    try:
        if os.path.lexists(path):
            raise StorageError(f"The file {printable(path)} exists already: choose another name.")
        with suppress(FileNotFoundError):
            os.unlink(part)  # of a backup that was killed
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            yield part
            sync(part)
            _name(part, path)
            sync(os.path.dirname(path))
        except BaseException:
            for each in (part, f"{part}-wal", f"{part}-shm", f"{part}-lock"):
                with suppress(OSError):
                    os.unlink(each)
            raise
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise StorageAway(f"The file {printable(path)} cannot be written: {reason}.") from error


def _name(part: str, path: str) -> None:
    """Give a file its name, which nothing has."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise StorageError(f"The file {printable(path)} exists already: choose another name.") from None
    except OSError:
        os.rename(part, path)  # of a file system without links
    else:
        os.unlink(part)


def sync(path: str) -> None:
    """Have a file, or what a directory lists, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def examine(path: str) -> str:
    """Return the schema of a backup.  Raises StorageError for what cannot be restored, and says why."""
    shown = printable(path)
    try:
        with open(path, "rb") as file:
            if file.read(len(_HEADER)) != _HEADER:
                raise StorageError(f"{shown} is no backup of Sellia.")
        if os.path.exists(f"{path}-wal") and os.path.getsize(f"{path}-wal"):
            line = f"{shown} is not complete without {shown}-wal beside it: make a backup with `sellia admin backup`."
            raise StorageError(line)
    except OSError as error:
        raise StorageError(f"{shown} cannot be read: {os.strerror(error.errno or 0)}.") from error
    connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise StorageError(f"{shown} is no backup of Sellia.")
        if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
            raise StorageError(f"{shown} is damaged: choose another backup.")
        if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise StorageError(f"{shown} is damaged: it has records that name others, which are not there.")
    except sqlite3.DatabaseError as error:
        raise StorageError(f"{shown} is damaged: choose another backup.") from error
    finally:
        connection.close()
    return _schema(path)


def _schema(path: str) -> str:
    uri = f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=NullPool)
    with engine.connect() as connection:
        schema = check(connection, printable(path))
    if schema is None:
        raise SchemaError(f"{printable(path)} is no backup of Sellia: it has no tables.")
    return schema


def restore(url: DatabaseUrl, path: str) -> Restored:
    """Replace a database by a backup, of this schema or an older one.  Raises StorageError, with nothing changed."""
    examine(path)
    return _restore_file(url.file, path) if url.file else _restore_rows(url, path)


def _restore_file(target: str, path: str) -> Restored:
    target = os.path.abspath(target)
    shown = printable(target)
    if os.path.exists(target) and os.path.samefile(target, path):
        raise StorageError(f"{shown} is the database itself, and no backup of it.")
    make_private_file(target)
    lock = FileLock(target)
    if not lock.alone():
        raise StorageError(f"The database {shown} is in use: stop the server that runs with it.")
    part = f"{target}.restoring"
    try:
        rows = _prepared(path, part)
        kept = _keep(target)
        os.replace(part, target)
        sync(os.path.dirname(target))
        return Restored(rows, kept)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise StorageAway(f"The database {shown} cannot be replaced: {reason}.") from error
    finally:
        for each in (part, f"{part}-wal", f"{part}-shm", f"{part}-lock"):
            with suppress(OSError):
                os.unlink(each)
        lock.release()


def _prepared(path: str, part: str) -> dict[str, int]:
    """Copy a backup and bring it to this schema; return the rows by table."""
    with suppress(FileNotFoundError):
        os.unlink(part)
    with open(path, "rb") as source, open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        while data := source.read(1 << 20):
            file.write(data)
    database = Sqlite(part)
    try:
        migrate(database)
        with database.writing() as connection:
            copying.settle(connection)
        with database.reading() as connection:
            rows = copying.counts(connection)
    finally:
        database.close()
    _settle(part)
    examine(part)
    sync(part)
    return rows


def _keep(target: str) -> str:
    """Put the database that is there aside, with its log; return where it is, or an empty text for an empty one."""
    if not os.path.getsize(target):
        return ""
    kept = f"{target}.before-restore-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    number = 0
    while os.path.lexists(kept):
        number += 1
        kept = f"{kept.partition('Z')[0]}Z-{number}"
    # What is in the log goes into the file; a damaged one is kept as it is, with its log.
    with suppress(sqlite3.Error):
        connection = sqlite3.connect(target, isolation_level=None)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
    os.link(target, kept)
    for suffix in ("-wal", "-shm"):
        if os.path.exists(target + suffix):
            os.rename(target + suffix, kept + suffix)
    return kept


def _restore_rows(url: DatabaseUrl, path: str) -> Restored:
    copy = f"{os.path.abspath(path)}.restoring"
    database = Postgresql(url, "sellia-admin")
    try:
        migrate(database)
        _prepared(path, copy)
        source_database = Sqlite(copy)
        try:
            with source_database.reading() as source, database.writing() as target:
                _refuse_servers(database, target)
                old = int(target.execute(select(REVISION.c.value)).scalar_one())
                rows = copying.copy(source, target)
                copying.settle(target, old)
        finally:
            source_database.close()
    finally:
        database.close()
        for suffix in ("", "-wal", "-shm", "-lock"):
            with suppress(OSError):
                os.unlink(copy + suffix)
    return Restored(rows, "")


def _refuse_servers(database: Postgresql, connection: Connection) -> None:
    """Raise StorageError while a server is connected to the database."""
    statement = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'sellia-server' AND pid <> pg_backend_pid()"
    )
    if connection.execute(statement).scalar_one():
        raise StorageError(f"The database {database.shown} is in use: stop the servers that run with it.")
