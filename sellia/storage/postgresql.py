"""PostgreSQL, by psycopg 3: several servers may share one database.

Each transaction sets its own time limits and takes its own locks, and no statement is prepared under a name: all of it
works through a pooler such as PgBouncer.  Writers take turns by an advisory lock of the transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from sellia.storage.database import told
from sellia.storage.failures import SchemaError, StorageError
from sellia.storage.url import DatabaseUrl

#: Seconds that a new connection may take, that a statement may run, that a writer waits for others, and that a
#: migration waits for another server's.
CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 30
LOCK_SECONDS: Final = 10
MIGRATION_SECONDS: Final = 600

#: Connections at once; threads beyond it wait.
CONNECTIONS: Final = 8

#: The number of the advisory lock that a writer has: "sellia", as bytes.
_WRITER: Final = int.from_bytes(b"sellia", "big")

_SETUP: Final = text(
    "SELECT set_config('lock_timeout', :lock, true), set_config('statement_timeout', :statement, true), "
    "set_config('idle_in_transaction_session_timeout', :statement, true)"
)
_LOCK: Final = text("SELECT pg_advisory_xact_lock(:number)")

#: What the beginning of an SQLSTATE means.
_CAUSES: Final = {
    "28": "refuses the user name or the password of its URL",
    "3D000": "does not exist: create it first, with `createdb`",
    "3F": "has no schema that this user may use: look at its search_path",
    "42501": "does not let this user do what is needed: GRANT CREATE ON SCHEMA public lets it make its tables",
    "42": "lacks a table or a column: it was changed by another program",
    "53100": "cannot be written: the disk is full",
    "53300": "has too many connections: raise its max_connections",
    "53": "has run out of memory or of another resource",
    "55P03": "is locked: another server has been writing to it for too long",
    "57014": "did not answer in time",
    "57": "is shutting down or starting up",
    "25006": "can only be read: it is a standby, or was made read-only",
    "40": "was busy with another change",
    "08": "broke the connection off",
}

#: What the server's words mean where a connection failed, for which its library gives no SQLSTATE.
_REFUSALS: Final = (
    (re.compile(r'database ".*" does not exist'), _CAUSES["3D000"]),
    (re.compile(r'password|role ".*" does not exist|no pg_hba\.conf entry|authentication'), _CAUSES["28"]),
    (re.compile(r"too many (clients|connections)|connection slots"), _CAUSES["53300"]),
    (re.compile(r"starting up|shutting down"), _CAUSES["57"]),
)


class Postgresql:
    """A PostgreSQL database by its libpq URL.

    ``program`` is what the database knows its connections by; ``patience`` is for how many seconds a call waits for
    others.
    """

    def __init__(self, url: DatabaseUrl, program: str = "sellia-server", patience: float = LOCK_SECONDS) -> None:
        try:
            import psycopg
            from psycopg.conninfo import conninfo_to_dict
        except ImportError as error:
            line = "PostgreSQL needs psycopg, which is not installed: `pip install 'sellia[postgresql]'`."
            raise StorageError(line) from error
        try:
            given = conninfo_to_dict(url.conninfo)
        except psycopg.Error as error:
            line = f"The URL of the database {url.shown} is not one that PostgreSQL's library understands."
            raise StorageError(line) from error
        self.shown = url.shown
        self._patience = patience
        self._psycopg: Any = psycopg
        self._parameters: dict[str, Any] = {
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
            **given,
            "application_name": program,
            "client_encoding": "utf8",
        }
        self.engine: Engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            poolclass=QueuePool,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=patience,
            pool_pre_ping=True,
            pool_use_lifo=True,
        )

    def _connect(self) -> Any:
        connection = self._psycopg.connect(**self._parameters, prepare_threshold=None)
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            connection.close()
            line = f"The database {self.shown} has the encoding {encoding}: create one with the encoding UTF8."
            raise SchemaError(line)
        return connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with told(self), self.engine.connect().execution_options(**options) as connection, connection.begin():
            _set_up(connection, self._patience, STATEMENT_SECONDS)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with told(self), self.engine.begin() as connection:
            _set_up(connection, self._patience, STATEMENT_SECONDS)
            connection.execute(_LOCK, {"number": _WRITER})
            yield connection

    @contextmanager
    def changing_schema(self) -> Iterator[Connection]:
        with told(self), self.engine.begin() as connection:
            _set_up(connection, MIGRATION_SECONDS, MIGRATION_SECONDS)
            connection.execute(_LOCK, {"number": _WRITER})
            yield connection

    def cause(self, error: DBAPIError) -> str:
        state = getattr(error.orig, "sqlstate", None)
        if not state:
            words = str(error.orig)
            return next((meaning for pattern, meaning in _REFUSALS if pattern.search(words)), "cannot be reached")
        for length in (5, 2):
            if state[:length] in _CAUSES:
                return _CAUSES[state[:length]]
        return f"cannot be used (PostgreSQL's error {state})"

    def close(self) -> None:
        self.engine.dispose()


def _set_up(connection: Connection, lock: float, statement: float) -> None:
    connection.execute(_SETUP, {"lock": f"{round(lock * 1000)}ms", "statement": f"{round(statement * 1000)}ms"})
