"""The live directory: accounts, keys, names and limits in memory, which the data path asks.

It is loaded whole and changed by what has been written, and by nothing else; `check_invariants` holds its tables
together in tests.  A look takes the same time however many there are, and finds a key by its digest alone, so that a
key that is unknown, revoked or expired is the same as none.

Memory: some 1.2 KiB for an account with a key and a name.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sellia.server.accounts.grants import Grant
from sellia.storage.interface import Change, Delete, Directory, Insert, Update, Used
from sellia.storage.records import DEFAULT_LIMITS, Account, DirectoryRecord, Key, LimitsClass, NameKind, ReservedName

#: Identity of a name: its kind and itself.
Place = tuple[NameKind, str]


class LiveDirectory:
    """All records that decide what the data path does, by what they are asked for."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.keys: dict[str, Key] = {}
        self.names: dict[Place, ReservedName] = {}
        self.limits: dict[str, LimitsClass] = {DEFAULT_LIMITS: LimitsClass(DEFAULT_LIMITS)}
        self._by_digest: dict[bytes, str] = {}
        self._keys_of: dict[str, dict[str, None]] = {}
        self._names_of: dict[str, dict[Place, None]] = {}
        self._by_name: dict[str, str] = {}
        self._grants: dict[str, tuple[Key, Grant]] = {}

    @classmethod
    def of(cls, directory: Directory) -> "LiveDirectory":
        """Return one with all records of a directory."""
        live = cls()
        records: Iterable[Sequence[DirectoryRecord]]
        records = (directory.limits, directory.accounts, directory.keys, directory.names)
        for each in records:
            for record in each:
                live._put(record)
        return live

    def take(self, other: "LiveDirectory") -> None:
        """Have what another one has from now on, which is not used any more."""
        for name in vars(self):
            setattr(self, name, getattr(other, name))

    def apply(self, changes: Iterable[Change]) -> None:
        """Make changes that have been written."""
        for change in changes:
            if isinstance(change, Delete):
                self._remove(change.record)
            elif isinstance(change, Update | Insert):
                record = change.record
                if isinstance(record, Account | Key | ReservedName | LimitsClass):
                    self._put(record)
            elif isinstance(change, Used) and change.key_id in self.keys:
                key = self.keys[change.key_id]
                self._put(replace(key, last_used_at=change.at, last_used_from=change.address))

    # --- looks -----------------------------------------------------------------------------------------------

    def key_of(self, digest: bytes, now: datetime) -> Key | None:
        """Return the key with a digest, if it opens anything now."""
        key = self.keys.get(self._by_digest.get(digest, ""))
        return key if key is not None and self.why_closed(key, now) is None else None

    def why_closed(self, key: Key, now: datetime) -> str | None:
        """Return why a key opens nothing, ``revoked`` or ``expired``, or None if it does."""
        if key.revoked_at is not None or self.accounts[key.account_id].closed_at is not None:
            return "revoked"
        return "expired" if key.expires_at is not None and key.expires_at <= now else None

    def grant_of(self, key: Key) -> Grant:
        """Return what a key permits."""
        found = self._grants.get(key.id)
        if found is None or found[0] is not key:
            found = self._grants[key.id] = key, Grant(key.scopes, key.names, key.networks)
        return found[1]

    def account_named(self, name: str) -> Account | None:
        """Return the account of that name."""
        return self.accounts.get(self._by_name.get(name, ""))

    def keys_of(self, account_id: str) -> list[Key]:
        """Return the keys of an account, in the order in which they were made."""
        return [self.keys[each] for each in self._keys_of.get(account_id, ())]

    def names_of(self, account_id: str) -> list[ReservedName]:
        """Return the names of an account: those that it has reserved, and those that are kept for it."""
        return [self.names[each] for each in self._names_of.get(account_id, ())]

    def limits_of(self, account_id: str) -> LimitsClass:
        """Return the limits of an account."""
        return self.limits[self.accounts[account_id].limits]

    # --- tables ----------------------------------------------------------------------------------------------

    def _put(self, record: DirectoryRecord) -> None:
        match record:
            case Account():
                old = self.accounts.get(record.id)
                if old is not None:
                    del self._by_name[old.name]
                self.accounts[record.id] = record
                self._by_name[record.name] = record.id
            case Key():
                before = self.keys.get(record.id)
                if before is not None:
                    self._by_digest.pop(before.digest, None)
                self.keys[record.id] = record
                if record.revoked_at is None:
                    self._by_digest[record.digest] = record.id
                self._keys_of.setdefault(record.account_id, {})[record.id] = None
            case ReservedName():
                place = record.kind, record.name
                if place in self.names:
                    self._remove(record)
                self.names[place] = record
                if record.account_id is not None:
                    self._names_of.setdefault(record.account_id, {})[place] = None
            case LimitsClass():
                self.limits[record.name] = record

    def _remove(self, record: DirectoryRecord) -> None:
        match record:
            case Account():
                old = self.accounts.pop(record.id)
                del self._by_name[old.name]
            case Key():
                before = self.keys.pop(record.id)
                self._by_digest.pop(before.digest, None)
                self._grants.pop(record.id, None)
                _discard(self._keys_of, before.account_id, before.id)
            case ReservedName():
                place = record.kind, record.name
                gone = self.names.pop(place)
                if gone.account_id is not None:
                    _discard(self._names_of, gone.account_id, place)
            case LimitsClass():
                del self.limits[record.name]

    def expiries(self) -> Iterator[tuple[datetime, str]]:
        """Yield the keys that expire and are not revoked, each with its time."""
        for key in self.keys.values():
            if key.expires_at is not None and key.revoked_at is None:
                yield key.expires_at, key.id

    def check_invariants(self) -> None:
        """Raise AssertionError if the tables disagree; for tests."""
        assert self._by_name == {each.name: each.id for each in self.accounts.values()}
        assert self._by_digest == {each.digest: each.id for each in self.keys.values() if each.revoked_at is None}
        assert {key for keys in self._keys_of.values() for key in keys} == self.keys.keys()
        owned = {place for place, each in self.names.items() if each.account_id is not None}
        assert {place for places in self._names_of.values() for place in places} == owned
        assert all(self._keys_of.values()) and all(self._names_of.values())
        assert all(key.account_id in self.accounts for key in self.keys.values())
        assert all(each.limits in self.limits for each in self.accounts.values())


def _discard(table: dict[str, dict[Any, None]], owner: str, item: object) -> None:
    items = table.get(owner)
    if items is not None:
        items.pop(item, None)
        if not items:
            del table[owner]
