"""Storage in this process: the double that tests of the data path use, and what a server without a database has.

It keeps the contract that the SQL storage keeps (``tests/storage/contract.py``), and the newest ``EVENTS_LIMIT`` events
and ``ROWS_LIMIT`` answers and rows of usage.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Callable, Hashable, Sequence
from datetime import date, datetime
from typing import Final

from sellia.storage.failures import Conflict, Missing, StorageError, Unstorable
from sellia.storage.interface import CHANGES_LIMIT, PAGE_LIMIT, Add, Change, Delete, Directory, Insert, Update, Used
from sellia.storage.records import (
    DEFAULT_LIMITS,
    Account,
    Answer,
    DirectoryRecord,
    Event,
    Key,
    LimitsClass,
    ReservedName,
    Usage,
)
from sellia.storage.sentences import ANSWERED, absent, named, needed, taken
from sellia.storage.texts import INTEGER_LIMIT, check, mended, storable_event, storable_usage

EVENTS_LIMIT: Final = 100_000
ROWS_LIMIT: Final = 100_000

_Unique = tuple[str, Hashable] | None


class MemoryStorage:
    """Keeps everything in dictionaries; of use to one process, and lost with it."""

    def __init__(self, events_limit: int = EVENTS_LIMIT) -> None:
        self._events_limit = events_limit
        self._lock = threading.Lock()
        self._revision = 0
        self._records: dict[type, dict[Hashable, DirectoryRecord]] = {
            Account: {},
            Key: {},
            ReservedName: {},
            LimitsClass: {DEFAULT_LIMITS: LimitsClass(DEFAULT_LIMITS)},
        }
        self._unique: set[_Unique] = set()
        self._events: dict[int, Event] = {}
        self._next_event = 1
        self._usage: dict[tuple[date, str, str], Usage] = {}
        self._answers: dict[tuple[str, str], Answer] = {}

    def directory(self) -> Directory:
        with self._lock:
            return Directory(
                self._revision,
                [each for each in self._records[Account].values() if isinstance(each, Account)],
                [each for each in self._records[Key].values() if isinstance(each, Key)],
                [each for each in self._records[ReservedName].values() if isinstance(each, ReservedName)],
                [each for each in self._records[LimitsClass].values() if isinstance(each, LimitsClass)],
            )

    def has_keys(self) -> bool:
        with self._lock:
            return bool(self._records[Key])

    def revision(self) -> int:
        with self._lock:
            return self._revision

    def write(self, changes: Sequence[Change]) -> None:
        if len(changes) > CHANGES_LIMIT:
            raise Unstorable(f"{len(changes)} changes at once are more than {CHANGES_LIMIT}.")
        with self._lock:
            undo: list[Callable[[], object]] = []
            try:
                for change in changes:
                    self._make(change, undo)
            except BaseException:
                for step in reversed(undo):
                    step()
                raise
            if any(_in_directory(each) for each in changes):
                self._revision += 1
            while len(self._events) > self._events_limit:
                del self._events[next(iter(self._events))]
            for table in (self._usage, self._answers):
                while len(table) > ROWS_LIMIT:
                    del table[next(iter(table))]  # type: ignore[arg-type]

    def _make(self, change: Change, undo: list[Callable[[], object]]) -> None:
        match change:
            case Insert(Event() as event):
                number = self._next_event
                self._next_event += 1
                self._events[number] = dataclasses.replace(storable_event(event), id=number)
                undo.append(lambda: self._events.pop(number))
            case Insert(Answer() as answer):
                check(answer)
                place = (answer.caller, answer.token)
                if place in self._answers:
                    raise Conflict(ANSWERED)
                self._answers[place] = answer
                undo.append(lambda: self._answers.pop(place))
            case Insert(Account() | Key() | ReservedName() | LimitsClass() as record):
                check(record)
                if identity(record) in self._records[type(record)]:
                    raise Conflict(taken(record))
                self._put(record, undo)
            case Update(record):
                check(record)
                old = self._existing(record)
                if isinstance(record, Key) and isinstance(old, Key):
                    record = dataclasses.replace(
                        record, last_used_at=old.last_used_at, last_used_from=old.last_used_from
                    )
                self._put(record, undo)
            case Delete(record):
                self._delete(self._existing(record), undo)
            case Used(key_id, at, address):
                key = self._records[Key].get(key_id)
                if isinstance(key, Key):
                    self._put(dataclasses.replace(key, last_used_at=at, last_used_from=mended(address)), undo)
            case Add(usage):
                self._add(storable_usage(usage), undo)

    def _existing(self, record: DirectoryRecord) -> DirectoryRecord:
        found = self._records[type(record)].get(identity(record))
        if found is None:
            raise Missing(absent(record))
        return found

    def _put(self, record: DirectoryRecord, undo: list[Callable[[], object]]) -> None:
        """Set a record, if what it names exists and nobody else has what is unique of it."""
        table, place = self._records[type(record)], identity(record)
        old = table.get(place)
        if any(other not in self._records[kind] for kind, other in _named(record)):
            raise Missing(named(record))
        had, has = _unique(old), _unique(record)
        if has is not None and has != had and has in self._unique:
            raise Conflict(taken(record))
        self._set_unique(had, has)
        undo.append(lambda: self._set_unique(has, had))
        table[place] = record
        undo.append((lambda: table.pop(place)) if old is None else (lambda: table.__setitem__(place, old)))

    def _set_unique(self, old: _Unique, new: _Unique) -> None:
        self._unique -= {old}
        self._unique |= {new}

    def _delete(self, record: DirectoryRecord, undo: list[Callable[[], object]]) -> None:
        place = (type(record), identity(record))
        for other in itertools.chain(*(each.values() for each in self._records.values())):
            if place in _named(other):
                raise Conflict(needed(record))
        self._records[place[0]].pop(place[1])
        unique = _unique(record)
        self._unique -= {unique}
        undo.append(lambda: self._set_unique(None, unique))
        undo.append(lambda: self._records[place[0]].__setitem__(place[1], record))

    def _add(self, usage: Usage, undo: list[Callable[[], object]]) -> None:
        place = (usage.day, usage.account_id, usage.name)
        old = self._usage.get(place)
        self._usage[place] = usage if old is None else total(old, usage)
        undo.append((lambda: self._usage.pop(place)) if old is None else (lambda: self._usage.__setitem__(place, old)))

    def events(
        self,
        after: int = 0,
        limit: int = PAGE_LIMIT,
        *,
        before: int | None = None,
        newest_first: bool = False,
        account_id: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Event]:
        with self._lock:
            found = list(reversed(self._events.values())) if newest_first else list(self._events.values())
        matching = (
            each
            for each in found
            if each.id > after
            and (before is None or each.id < before)
            and (account_id is None or each.account_id == account_id)
            and (kind is None or each.kind == kind or each.kind.startswith(f"{kind}."))
            and (since is None or each.at >= since)
            and (until is None or each.at < until)
        )
        return list(itertools.islice(matching, max(0, min(limit, PAGE_LIMIT))))

    def usage(
        self,
        first: date,
        last: date,
        limit: int = PAGE_LIMIT,
        *,
        account_id: str | None = None,
        name: str | None = None,
        after: tuple[date, str, str] | None = None,
    ) -> list[Usage]:
        with self._lock:
            rows = sorted(
                (place, each)
                for place, each in self._usage.items()
                if first <= each.day <= last
                and (account_id is None or each.account_id == account_id)
                and (name is None or each.name == name)
                and (after is None or place > after)
            )
        return [each for _, each in rows[: max(0, min(limit, PAGE_LIMIT))]]

    def usage_sums(self, first: date, last: date) -> list[Usage]:
        sums: dict[str, Usage] = {}
        with self._lock:
            for each in self._usage.values():
                if first <= each.day <= last:
                    start = sums.get(each.account_id, Usage(each.account_id, "", first))
                    sums[each.account_id] = total(start, each)
        return [sums[each] for each in sorted(sums)]

    def usage_days(self, first: date, last: date, account_id: str | None = None) -> list[Usage]:
        sums: dict[date, Usage] = {}
        with self._lock:
            for each in self._usage.values():
                if first <= each.day <= last and account_id in (None, each.account_id):
                    sums[each.day] = total(sums.get(each.day, Usage("", "", each.day)), each)
        return [sums[each] for each in sorted(sums)]

    def answer(self, caller: str, token: str) -> Answer | None:
        with self._lock:
            return self._answers.get((caller, token))

    def prune(
        self,
        *,
        events_before: datetime | None = None,
        usage_before: date | None = None,
        answers_before: datetime | None = None,
        limit: int = CHANGES_LIMIT,
    ) -> int:
        with self._lock:
            events = [n for n, each in self._events.items() if events_before is not None and each.at < events_before]
            usage = sorted(each for each in self._usage if usage_before is not None and each[0] < usage_before)
            answers = [
                place
                for place, each in self._answers.items()
                if answers_before is not None and each.at < answers_before
            ]
            for number in events[:limit]:
                del self._events[number]
            for row in usage[:limit]:
                del self._usage[row]
            for place in answers[:limit]:
                del self._answers[place]
            return sum(min(limit, len(each)) for each in (events, usage, answers))

    def backup(self, path: str) -> None:
        raise StorageError("Nothing is stored: the server has no state directory and no database.")

    def close(self) -> None:
        pass


def identity(record: DirectoryRecord) -> Hashable:
    """Return what a record is known by among those of its type."""
    match record:
        case Account() | Key():
            return record.id
        case ReservedName():
            return (record.kind, record.name)
        case LimitsClass():
            return record.name


def total(one: Usage, other: Usage) -> Usage:
    """Return the first with the second's figures added."""
    return dataclasses.replace(
        one,
        requests=min(one.requests + other.requests, INTEGER_LIMIT),
        messages=min(one.messages + other.messages, INTEGER_LIMIT),
        bytes_in=min(one.bytes_in + other.bytes_in, INTEGER_LIMIT),
        bytes_out=min(one.bytes_out + other.bytes_out, INTEGER_LIMIT),
        connected_seconds=one.connected_seconds + other.connected_seconds,
    )


def _named(record: DirectoryRecord) -> list[tuple[type, Hashable]]:
    """Return what a record depends on."""
    match record:
        case Account():
            return [(LimitsClass, record.limits)]
        case Key():
            return [
                (Account, record.account_id),
                *([(LimitsClass, record.limits)] if record.limits is not None else []),
            ]
        case ReservedName():
            return [(Account, record.account_id)] if record.account_id is not None else []
        case LimitsClass():
            return []


def _unique(record: DirectoryRecord | None) -> _Unique:
    """Return what of a record is unique besides its identity."""
    match record:
        case Account():
            return ("account", record.name)
        case Key():
            return ("digest", record.digest)
        case _:
            return None


def _in_directory(change: Change) -> bool:
    return isinstance(change, Update | Delete) or (
        isinstance(change, Insert) and not isinstance(change.record, Event | Answer)
    )
