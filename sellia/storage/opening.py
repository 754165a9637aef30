"""Opening of the storage that settings ask for.  Nothing of a database library is imported before."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sellia.storage.interface import Storage
from sellia.storage.url import FILE_NAME, DatabaseUrl, parse_url

if TYPE_CHECKING:
    from sellia.storage.database import Database


def place(state_dir: str | None, url: str | None) -> DatabaseUrl | None:
    """Return the database that settings name: the URL's, else the state directory's, else None."""
    if url is not None:
        return parse_url(url)
    return DatabaseUrl(file=os.path.join(state_dir, FILE_NAME)) if state_dir is not None else None


def open_database(url: DatabaseUrl) -> Database:
    """Open a database, whatever its schema.  Raises StorageError."""
    if url.file:
        from sellia.storage.sqlite import Sqlite

        return Sqlite(url.file)
    from sellia.storage.postgresql import Postgresql

    return Postgresql(url)


def open_storage(state_dir: str | None, url: str | None) -> Storage:
    """Open a storage, with its schema brought up to date; without either, one in memory.

    Blocks for as long as a migration takes.  Raises StorageError: `SchemaError` where the database cannot be used by
    this version, `StorageAway` where it cannot be reached now.
    """
    where = place(state_dir, url)
    if where is None:
        from sellia.storage.memory import MemoryStorage

        return MemoryStorage()
    from sellia.storage.migrate import migrate
    from sellia.storage.sql import SqlStorage

    database = open_database(where)
    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return SqlStorage(database)
