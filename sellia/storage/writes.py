"""Changes of a storage, as statements in one transaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, bindparam, case, delete, insert, update
from sqlalchemy import Insert as InsertStatement
from sqlalchemy import Update as UpdateStatement
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from sellia.storage.failures import Conflict, Missing
from sellia.storage.interface import Add, Change, Delete, Insert, Update, Used
from sellia.storage.records import Account, Answer, DirectoryRecord, Event, Key, LimitsClass, ReservedName
from sellia.storage.schema import ACCOUNTS, ANSWERS, EVENTS, KEYS, LIMITS, NAMES, REVISION, USAGE
from sellia.storage.sentences import ANSWERED, absent, named, needed, taken
from sellia.storage.texts import INTEGER_LIMIT, check, mended, storable_event, storable_usage

TABLES: Final[Mapping[type, Table]] = {
    Account: ACCOUNTS,
    Key: KEYS,
    ReservedName: NAMES,
    LimitsClass: LIMITS,
    Answer: ANSWERS,
}


def _found(table: Table) -> list[ColumnElement[bool]]:
    """Return the conditions for one row, whose primary key is in parameters of its own."""
    return [each == bindparam(f"its_{each.name}", type_=each.type) for each in table.primary_key.columns]


def _update(table: Table, names: Iterable[str]) -> UpdateStatement:
    values = {name: bindparam(name, type_=table.c[name].type) for name in names}
    return update(table).where(*_found(table)).values(values)


#: Columns that a key's `Update` leaves as they are.
_LAST_USE: Final = ("last_used_at", "last_used_from")


#: Statements that are made once: to make one takes longer than to execute it.
_INSERTS: Final = {kind: insert(table) for kind, table in TABLES.items()}
_UPDATES: Final = {
    kind: _update(table, [name for name in table.columns.keys() if name not in _LAST_USE])
    for kind, table in TABLES.items()
}
_DELETES: Final = {kind: delete(table).where(*_found(table)) for kind, table in TABLES.items()}
_USED: Final = _update(KEYS, _LAST_USE)


def make(connection: Connection, changes: Sequence[Change]) -> None:
    """Make changes in their order.  Raises StorageError for one that cannot be made, and the rest is then undone."""
    for kind, group in groupby(changes, _kind):
        if kind is Event:
            rows = [_row(storable_event(each.record)) for each in group]  # type: ignore[union-attr,arg-type]
            for row in rows:
                del row["id"]
            connection.execute(insert(EVENTS), rows)
        elif kind is Add:
            connection.execute(_upsert(connection), _sums(each for each in group if isinstance(each, Add)))
        elif kind is Used:
            connection.execute(_USED, [_use(each) for each in group if isinstance(each, Used)])
        else:
            for each in group:
                _make_one(connection, each)
    if any(changes_directory(each) for each in changes):
        connection.execute(update(REVISION).values(value=REVISION.c.value + 1))


def changes_directory(change: Change) -> bool:
    """Return whether a change is one of accounts, keys, names or limits."""
    return isinstance(change, Update | Delete) or (
        isinstance(change, Insert) and not isinstance(change.record, Event | Answer)
    )


def _kind(change: Change) -> type:
    """Return what changes that go in one statement have in common."""
    return Event if isinstance(change, Insert) and isinstance(change.record, Event) else type(change)


def _row(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _sums(changes: Iterable[Add]) -> list[dict[str, Any]]:
    """Return the rows in the order of their keys, so that no two servers wait for each other."""
    rows = [_row(storable_usage(each.usage)) for each in changes]
    return sorted(rows, key=lambda row: (row["day"], row["account_id"], row["name"]))


def _upsert(connection: Connection) -> InsertStatement:
    """Return the statement that adds a row of usage to what there is, up to the largest number."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(USAGE)
    new = statement.excluded
    sums: dict[str, Any] = {
        each: case((USAGE.c[each] > INTEGER_LIMIT - new[each], INTEGER_LIMIT), else_=USAGE.c[each] + new[each])
        for each in ("requests", "messages", "bytes_in", "bytes_out")
    }
    sums["connected_seconds"] = USAGE.c.connected_seconds + new.connected_seconds
    added: InsertStatement = statement.on_conflict_do_update(index_elements=USAGE.primary_key.columns, set_=sums)
    return added


def _make_one(connection: Connection, change: Change) -> None:
    match change:
        case Insert(Event()) | Add() | Used():
            raise AssertionError("these go together")
        case Insert(Answer() as answer):
            check(answer)
            _execute(connection, _INSERTS[Answer], _row(answer), None, ANSWERED)
        case Insert(Account() | Key() | ReservedName() | LimitsClass() as record):
            check(record)
            _execute(connection, _INSERTS[type(record)], _row(record), record, taken)
        case Update(record):
            check(record)
            values = {name: value for name, value in _row(record).items() if name not in _LAST_USE}
            _execute(connection, _UPDATES[type(record)], values | _identity(record), record, taken)
        case Delete(record):
            _execute(connection, _DELETES[type(record)], _identity(record), record, needed)


def _use(used: Used) -> dict[str, Any]:
    return {"last_used_at": used.at, "last_used_from": mended(used.address), "its_id": mended(used.key_id)}


def _execute(
    connection: Connection,
    statement: Any,
    values: dict[str, Any],
    record: DirectoryRecord | None,
    in_the_way: str | Callable[[Any], str],
) -> None:
    """Execute a statement about one record; ``in_the_way`` is what a broken constraint means."""
    try:
        found = connection.execute(statement, values).rowcount
    except IntegrityError as error:
        if record is not None and not statement.is_delete and _is_foreign_key(error):
            raise Missing(named(record)) from error
        raise Conflict(in_the_way if isinstance(in_the_way, str) else in_the_way(record)) from error
    if not found and record is not None:
        raise Missing(absent(record))


def _identity(record: DirectoryRecord) -> dict[str, Any]:
    """Return the values by which a statement finds the row of a record."""
    return {f"its_{each.name}": getattr(record, each.name) for each in TABLES[type(record)].primary_key.columns}


def _is_foreign_key(error: IntegrityError) -> bool:
    name = getattr(error.orig, "sqlite_errorname", "") or getattr(error.orig, "sqlstate", "")
    return name in ("SQLITE_CONSTRAINT_FOREIGNKEY", "23503")
