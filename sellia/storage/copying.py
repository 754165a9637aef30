"""Copies of whole tables, from one database to another of the same schema, within a transaction of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Table, case, delete, func, insert, select, text, update

from sellia.storage.schema import ACCOUNTS, ANSWERS, EVENTS, KEYS, LIMITS, NAMES, REVISION, USAGE

#: All tables with records, those first that others name.
TABLES: Final = (LIMITS, ACCOUNTS, KEYS, NAMES, EVENTS, USAGE, ANSWERS)

#: Rows that are in memory at once.
BATCH: Final = 1000


def counts(connection: Connection) -> dict[str, int]:
    """Return the number of rows by table."""
    return {each.name: int(connection.execute(select(func.count()).select_from(each)).scalar_one()) for each in TABLES}


def rows(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, in the order of its primary key."""
    statement = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
    for row in connection.execute(statement).mappings():
        yield dict(row)


def clear(connection: Connection) -> None:
    """Delete all rows, those of the default limits as well."""
    for table in reversed(TABLES):
        connection.execute(delete(table))


def fill(connection: Connection, table: Table, found: Iterable[Mapping[str, Any]]) -> int:
    """Insert rows, and return how many."""
    batch: list[Mapping[str, Any]] = []
    count = 0
    for row in found:
        batch.append(row)
        count += 1
        if len(batch) == BATCH:
            connection.execute(insert(table), batch)
            batch = []
    if batch:
        connection.execute(insert(table), batch)
    return count


def settle(connection: Connection, least_revision: int = 0) -> None:
    """Have ids of events go on after the largest, and let servers that look see that all has changed."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence('events', 'id'), GREATEST((SELECT max(id) FROM events), 1))")
        )
    largest = case((REVISION.c.value < least_revision, least_revision), else_=REVISION.c.value)
    connection.execute(update(REVISION).values(value=largest + 1))


def copy(source: Connection, target: Connection) -> dict[str, int]:
    """Replace all of the target's rows by the source's; return how many there are by table."""
    clear(target)
    copied = {table.name: fill(target, table, rows(source, table)) for table in TABLES}
    settle(target, int(source.execute(select(REVISION.c.value)).scalar_one()))
    return copied
