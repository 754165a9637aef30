"""Interface of a storage, as the server sees it.

All changes go through `Storage.write`: a sequence of changes is one transaction, so that a key and the event that tells
of it are both there or neither is.  When it returns, they outlive the process and, in a database, the machine.

Calls block and may take seconds; they may come from several threads.  Records are values: a storage never changes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol

from sellia.storage.records import Account, Answer, DirectoryRecord, Event, Key, LimitsClass, ReservedName, Usage

#: Most records that one page of events or usage has.
PAGE_LIMIT: Final = 1000

#: Most changes of one write.
CHANGES_LIMIT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Insert:
    """Add a record.  An event is given its id; `Conflict` for what exists, `Missing` for an owner that does not."""

    record: DirectoryRecord | Event | Answer


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the record of the same identity, all but a key's last use; `Missing` where there is none."""

    record: DirectoryRecord


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the record of the same identity; `Missing` where there is none, `Conflict` while others depend on it."""

    record: DirectoryRecord


@dataclass(frozen=True, slots=True)
class Used:
    """Set a key's last use; of no effect for one that does not exist any more."""

    key_id: str
    at: datetime
    address: str


@dataclass(frozen=True, slots=True)
class Add:
    """Add to the usage of its account, name and day."""

    usage: Usage


Change = Insert | Update | Delete | Used | Add


@dataclass(frozen=True, slots=True)
class Directory:
    """All that the data path needs, as it was at one moment."""

    revision: int
    accounts: Sequence[Account]
    keys: Sequence[Key]
    names: Sequence[ReservedName]
    limits: Sequence[LimitsClass]


class Storage(Protocol):
    """What a server remembers.  Every call may raise `sellia.storage.failures.StorageError`."""

    def directory(self) -> Directory:
        """Return all accounts, keys, names and limits, in one consistent state."""

    def has_keys(self) -> bool:
        """Return whether there is any key, whether it opens something or not."""

    def revision(self) -> int:
        """Return a number that a write of accounts, keys, names or limits has made greater since it was less."""

    def write(self, changes: Sequence[Change]) -> None:
        """Make all of up to ``CHANGES_LIMIT`` changes, in their order, or none."""

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
        """Return up to ``limit`` events with ids above ``after`` and below ``before``, in the order of their ids.

        Events become visible in the order of their ids, so that whoever asks for those after the last one that it has
        seen misses none.  ``kind`` is a whole word, or a group such as ``key`` for all ``key.*``; ``since`` is within
        and ``until`` outside of what is returned.
        """

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
        """Return up to ``limit`` rows of the days from ``first`` to ``last``, by day, account and name.

        ``after`` is the day, account and name of the last row of the page before.
        """

    def usage_sums(self, first: date, last: date) -> list[Usage]:
        """Return the sums by account of the days from ``first`` to ``last``: rows without a name, of day ``first``."""

    def usage_days(self, first: date, last: date, account_id: str | None = None) -> list[Usage]:
        """Return the sums by day, of all accounts or of one: rows without an account and a name."""

    def answer(self, caller: str, token: str) -> Answer | None:
        """Return the answer that was kept for a caller's idempotency key."""

    def prune(
        self,
        *,
        events_before: datetime | None = None,
        usage_before: date | None = None,
        answers_before: datetime | None = None,
        limit: int = CHANGES_LIMIT,
    ) -> int:
        """Delete up to ``limit`` of the oldest rows of each kind; return how many went.

        Whoever prunes goes on until that is 0, so that no transaction takes long.
        """

    def backup(self, path: str) -> None:
        """Write a consistent copy of everything to a new file, readable by its owner only, while others write.

        `sellia.storage.backup` says what the file is.  Raises StorageError where it exists or can't be written.
        """

    def close(self) -> None:
        """Let go of connections; nothing is called after."""
