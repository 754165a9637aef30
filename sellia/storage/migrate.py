"""Schema of a database: checked at every start, and brought up to this version's where it is older.

A migration is one transaction, under a lock: of two servers that start at once one migrates and the other waits, and
one that is killed in the middle has changed nothing.  A schema that is newer is refused: nothing here knows it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from sellia.storage.database import Database
from sellia.storage.failures import SchemaError
from sellia.storage.schema import METADATA, SCHEMA, VERSION_TABLE
from sellia.text import printable

MIGRATIONS: Final = Path(__file__).parent / "migrations"

_REVISION: Final = re.compile(r"[0-9]{4}")


def migrate(database: Database, revision: str = SCHEMA, migrations: Path = MIGRATIONS) -> None:
    """Bring a database to a schema.  Raises `SchemaError` for what is newer, or is not Sellia's."""
    with database.reading() as connection:
        if check(connection, database.shown, revision) == revision:
            return
    with database.changing_schema() as connection:
        if check(connection, database.shown, revision) != revision:
            _upgrade(connection, revision, migrations)


def check(connection: Connection, shown: str, newest: str = SCHEMA) -> str | None:
    """Return the revision of the schema, or None for an empty database.  Raises `SchemaError`."""
    if not inspect(connection).has_table(VERSION_TABLE):
        others = sorted(set(inspect(connection).get_table_names()) & set(METADATA.tables))
        if others:
            raise SchemaError(
                f"The database {shown} has a table {others[0]!r} that is not Sellia's: give Sellia a database, or a "
                "schema, of its own."
            )
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()
    if not found:
        return None
    revision = str(found[0])
    if len(found) != 1 or not _REVISION.fullmatch(revision):
        raise SchemaError(f"The database {shown} has a schema that is not Sellia's ({printable(revision)[:40]}).")
    if revision > newest:
        raise SchemaError(
            f"The database {shown} was written by a newer version of Sellia: its schema is {revision}, and this one "
            f"knows those up to {newest}. Install that version again, or restore a backup of the time before it."
        )
    return revision


def _upgrade(connection: Connection, revision: str, migrations: Path) -> None:
    # Alembic takes a third of a second to import, and most starts do not need it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("version_locations", str(migrations / "steps").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
