"""Storage in a database: SQLite by default, or PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sellia.storage import reads, writes
from sellia.storage.database import Database
from sellia.storage.failures import Unstorable
from sellia.storage.interface import CHANGES_LIMIT, PAGE_LIMIT, Change, Directory
from sellia.storage.records import Answer, Event, Usage


class SqlStorage:
    """What a server remembers, in a database whose schema is this version's (`sellia.storage.opening`)."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def directory(self) -> Directory:
        with self.database.reading() as connection:
            return reads.directory(connection)

    def has_keys(self) -> bool:
        with self.database.reading() as connection:
            return reads.has_keys(connection)

    def revision(self) -> int:
        with self.database.reading() as connection:
            return reads.revision(connection)

    def write(self, changes: Sequence[Change]) -> None:
        if len(changes) > CHANGES_LIMIT:
            raise Unstorable(f"{len(changes)} changes at once are more than {CHANGES_LIMIT}.")
        if changes:
            with self.database.writing() as connection:
                writes.make(connection, changes)

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
        with self.database.reading() as connection:
            return reads.events(connection, after, limit, before, newest_first, account_id, kind, since, until)

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
        with self.database.reading() as connection:
            return reads.usage(connection, first, last, limit, account_id, name, after)

    def usage_sums(self, first: date, last: date) -> list[Usage]:
        with self.database.reading() as connection:
            return reads.usage_sums(connection, first, last)

    def usage_days(self, first: date, last: date, account_id: str | None = None) -> list[Usage]:
        with self.database.reading() as connection:
            return reads.usage_days(connection, first, last, account_id)

    def answer(self, caller: str, token: str) -> Answer | None:
        with self.database.reading() as connection:
            return reads.answer(connection, caller, token)

    def prune(
        self,
        *,
        events_before: datetime | None = None,
        usage_before: date | None = None,
        answers_before: datetime | None = None,
        limit: int = CHANGES_LIMIT,
    ) -> int:
        with self.database.writing() as connection:
            return reads.prune(connection, events_before, usage_before, answers_before, limit)

    def backup(self, path: str) -> None:
        from sellia.storage.backup import back_up

        back_up(self.database, path)

    def close(self) -> None:
        self.database.close()
