"""Queries of a storage."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, func, or_, select, tuple_

from sellia.storage.interface import PAGE_LIMIT, Directory
from sellia.storage.records import Account, Answer, Event, Key, LimitsClass, ReservedName, Usage
from sellia.storage.schema import ACCOUNTS, ANSWERS, EVENTS, KEYS, LIMITS, NAMES, REVISION, USAGE
from sellia.storage.texts import INTEGER_LIMIT, mended

_Record = TypeVar("_Record")

#: Rows that are taken from the database at once.
_BATCH: Final = 1000

#: Sums are made of two halves, so that no sum of 64-bit numbers overflows.
_HALF: Final = 1 << 20


def has_keys(connection: Connection) -> bool:
    """Return whether there is any key."""
    return connection.execute(select(KEYS.c.id).limit(1)).first() is not None


def directory(connection: Connection) -> Directory:
    """Return all accounts, keys, names and limits; texts that many records share are one object.

    Collection of garbage rests meanwhile: it would go through all that was made again and again, and find nothing.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return _directory(connection)
    finally:
        if collects:
            gc.enable()


def _directory(connection: Connection) -> Directory:
    shared: dict[str, str] = {}
    limits = [LimitsClass(*row) for row in _rows(connection, select(LIMITS))]
    accounts = [Account(*row) for row in _rows(connection, select(ACCOUNTS))]
    for each in accounts:
        shared[each.id] = each.id
    for limit in limits:
        shared[limit.name] = limit.name

    def one(text: Any) -> Any:
        return shared.setdefault(text, text)

    keys = [
        Key(id_, one(account), name, prefix, digest, created, scopes, names, networks, one(limit), *rest)
        for id_, account, name, prefix, digest, created, scopes, names, networks, limit, *rest in _rows(
            connection, select(KEYS)
        )
    ]
    names = [
        ReservedName(kind, name, created, one(account), *rest)
        for kind, name, created, account, *rest in _rows(connection, select(NAMES))
    ]
    return Directory(revision(connection), accounts, keys, names, limits)


def _rows(connection: Connection, statement: Select[Any]) -> Any:
    return connection.execute(statement.execution_options(yield_per=_BATCH))


def revision(connection: Connection) -> int:
    return int(connection.execute(select(REVISION.c.value)).scalar_one())


def events(
    connection: Connection,
    after: int,
    limit: int,
    before: int | None,
    newest_first: bool,
    account_id: str | None,
    kind: str | None,
    since: datetime | None,
    until: datetime | None,
) -> list[Event]:
    statement = select(EVENTS).where(EVENTS.c.id > _number(after))
    if before is not None:
        statement = statement.where(EVENTS.c.id < _number(before))
    if account_id is not None:
        statement = statement.where(EVENTS.c.account_id == mended(account_id))
    if kind is not None:
        kind = mended(kind)
        # All words of a group are those between "key." and "key/", which is the character that follows the dot.
        group = (EVENTS.c.kind >= f"{kind}.") & (EVENTS.c.kind < f"{kind}/")
        statement = statement.where(or_(EVENTS.c.kind == kind, group))
    if since is not None:
        statement = statement.where(EVENTS.c.at >= since)
    if until is not None:
        statement = statement.where(EVENTS.c.at < until)
    statement = statement.order_by(EVENTS.c.id.desc() if newest_first else EVENTS.c.id)
    return _records(connection, statement, limit, Event)


def usage(
    connection: Connection,
    first: date,
    last: date,
    limit: int,
    account_id: str | None,
    name: str | None,
    after: tuple[date, str, str] | None,
) -> list[Usage]:
    columns = USAGE.c.day, USAGE.c.account_id, USAGE.c.name
    statement = select(USAGE).where(USAGE.c.day.between(first, last))
    if account_id is not None:
        statement = statement.where(USAGE.c.account_id == mended(account_id))
    if name is not None:
        statement = statement.where(USAGE.c.name == mended(name))
    if after is not None:
        statement = statement.where(tuple_(*columns) > (after[0], mended(after[1]), mended(after[2])))
    return _records(connection, statement.order_by(*columns), limit, Usage)


def usage_sums(connection: Connection, first: date, last: date) -> list[Usage]:
    found = _sums(connection, USAGE.c.account_id, USAGE.c.day.between(first, last))
    return [Usage(account, "", first, *figures) for account, figures in found]


def usage_days(connection: Connection, first: date, last: date, account_id: str | None) -> list[Usage]:
    wanted: ColumnElement[bool] = USAGE.c.day.between(first, last)
    if account_id is not None:
        wanted &= USAGE.c.account_id == mended(account_id)
    return [Usage("", "", day, *figures) for day, figures in _sums(connection, USAGE.c.day, wanted)]


def _sums(
    connection: Connection, by: ColumnElement[Any], wanted: ColumnElement[bool]
) -> Iterator[tuple[Any, tuple[int, int, int, int, float]]]:
    """Add up usage; no sum is too large for a database's integers, since high and low halves are added apart."""
    counted = [USAGE.c[each] for each in ("requests", "messages", "bytes_in", "bytes_out")]
    halves = [half for each in counted for half in (func.sum(each // _HALF), func.sum(each % _HALF))]
    statement = select(by, *halves, func.sum(USAGE.c.connected_seconds)).where(wanted).group_by(by).order_by(by)
    for value, *parts, seconds in connection.execute(statement):
        figures = [int(high) * _HALF + int(low) for high, low in zip(parts[::2], parts[1::2], strict=True)]
        requests, messages, bytes_in, bytes_out = (min(each, INTEGER_LIMIT) for each in figures)
        yield value, (requests, messages, bytes_in, bytes_out, float(seconds))


def answer(connection: Connection, caller: str, token: str) -> Answer | None:
    if mended(caller) != caller or mended(token) != token:
        return None
    statement = select(ANSWERS).where(ANSWERS.c.caller == caller, ANSWERS.c.token == token)
    row = connection.execute(statement).one_or_none()
    return None if row is None else Answer(*row)


def prune(
    connection: Connection,
    events_before: datetime | None,
    usage_before: date | None,
    answers_before: datetime | None,
    limit: int,
) -> int:
    gone = 0
    for table, column, moment in (
        (EVENTS, EVENTS.c.at, events_before),
        (USAGE, USAGE.c.day, usage_before),
        (ANSWERS, ANSWERS.c.at, answers_before),
    ):
        if moment is not None:
            gone += _prune(connection, table, column, moment, limit)
    return gone


def _prune(connection: Connection, table: Table, column: Any, moment: date | datetime, limit: int) -> int:
    identity = tuple_(*table.primary_key.columns)
    oldest = select(*table.primary_key.columns).where(column < moment).order_by(column).limit(limit)
    return connection.execute(delete(table).where(identity.in_(oldest))).rowcount


def _records(connection: Connection, statement: Select[Any], limit: int, kind: Callable[..., _Record]) -> list[_Record]:
    limit = max(0, min(limit, PAGE_LIMIT))
    rows: Sequence[Any] = connection.execute(statement.limit(limit)).all() if limit else ()
    return [kind(*row) for row in rows]


def _number(number: int) -> int:
    return max(-INTEGER_LIMIT, min(number, INTEGER_LIMIT))
