"""A database, whichever it is: connections, transactions, and what is raised where it cannot be worked with.

Both databases give the same promises.  One transaction writes at a time, so events become visible in the order of
their ids; a reader sees one state and waits for nobody; what was committed is on the disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, TimeoutError

from sellia.storage.failures import StorageAway


class Database(Protocol):
    """SQLite or PostgreSQL, opened."""

    @property
    def engine(self) -> Engine:
        """The connections."""

    @property
    def shown(self) -> str:
        """What people know the database by, without a password."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Open a transaction that sees one state and changes nothing."""

    def writing(self) -> AbstractContextManager[Connection]:
        """Open the one transaction that writes; it is committed at the end, or rolled back by whatever is raised."""

    def changing_schema(self) -> AbstractContextManager[Connection]:
        """Open a transaction that writes and may change tables, while others wait for it."""

    def cause(self, error: DBAPIError) -> str:
        """Return what an error of the driver means, as the end of a sentence that begins with the database."""

    def close(self) -> None:
        """Let go of the connections."""


@contextmanager
def told(database: Database) -> Iterator[None]:
    """Turn what the library raises into failures of the storage; a broken constraint passes as it is."""
    try:
        yield
    except DBAPIError as error:
        if is_constraint(error):
            raise
        raise StorageAway(f"The database {database.shown} {database.cause(error)}.") from error
    except TimeoutError as error:
        raise StorageAway(f"The database {database.shown} gives no connection: all are in use.") from error


def is_constraint(error: DBAPIError) -> bool:
    """Return whether a statement was refused for what it says, not for the state of the database."""
    return isinstance(error, IntegrityError)
