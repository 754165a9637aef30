"""Operations: everything that an operator can ask of a server's accounts, as plain calls without HTTP.

What reads memory returns at once; what changes or reads the storage returns a Deferred.  Both tell of what cannot be by
ProblemError, in a sentence for people.  Who may call what is for the caller to decide: `authenticate` returns who shows
a key, and with which scopes.  ``by`` is that actor, for the audit.

The calls: accounts, create_account, update_account, delete_account; keys, key, own_limits, create_key, update_key,
rotate_key, revoke_key; names, kept_names, name, place, reserve_name, release_name, domain_records, check_domain,
vouch_for; limits, set_limits, delete_limits; sessions, session, kick, overview; events, usage, usage_sums, usage_days,
backup, answer, keep_answer.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from sellia.errors import ProblemError
from sellia.problems import WRONG_KEY
from sellia.server.accounts.account_operations import AccountOperations
from sellia.server.accounts.changes import told
from sellia.server.accounts.grants import SCOPES, TUNNEL_SCOPES
from sellia.server.accounts.key_operations import KeyOperations
from sellia.server.accounts.key_store import MASTER_ID
from sellia.server.accounts.name_operations import NameOperations
from sellia.server.accounts.parts import Actor, Parts
from sellia.server.accounts.session_operations import SessionOperations
from sellia.server.gateway.keys import Owner
from sellia.storage.failures import StorageError
from sellia.storage.interface import Insert
from sellia.storage.records import Account, Answer, Event, Key, Usage

T = TypeVar("T")


class Caller(NamedTuple):
    """Whoever shows a key, and the scopes that it has."""

    actor: Actor
    scopes: frozenset[str]


class Operations:
    """The operations of one server; ``count`` returns what its ``/health`` tells an operator."""

    def __init__(self, parts: Parts, count: Callable[[], dict[str, Any]]) -> None:
        self.parts = parts
        accounts, keys, names = AccountOperations(parts), KeyOperations(parts), NameOperations(parts)
        sessions = SessionOperations(parts, count)
        self.accounts, self.create_account = accounts.accounts, accounts.create
        self.update_account, self.delete_account = accounts.update, accounts.delete
        self.limits, self.set_limits, self.delete_limits = accounts.limits, accounts.set_limits, accounts.delete_limits
        self.keys, self.create_key, self.update_key = keys.keys, keys.create, keys.update
        self.rotate_key, self.revoke_key, self.own_limits = keys.rotate, keys.revoke, keys.own_limits
        self.names, self.kept_names = names.names, names.kept
        self.place, self.name = names.place, names.record
        self.reserve_name, self.release_name = names.reserve, names.release
        self.domain_records, self.check_domain, self.vouch_for = names.records, names.check_domain, names.vouch
        self.sessions, self.session, self.kick = sessions.sessions, sessions.session, sessions.kick
        self.overview = sessions.overview

    def account(self, account: str) -> Account:
        """Return an account by its id or its name.  Raises ProblemError."""
        return self.parts.account(account)

    def key(self, key_id: str) -> Key:
        """Return a key by its id.  Raises ProblemError."""
        return self.parts.key(key_id)

    def authenticate(self, key: str | None, address: str) -> "Deferred[Caller]":
        """Return who shows a key.  Fails with ProblemError; wrong ones count as those of clients do."""

        def found(owner: Owner) -> Caller:
            if owner.key == MASTER_ID:
                return Caller(Actor(None, "master", address, MASTER_ID), frozenset(SCOPES))
            record = self.parts.live.keys.get(owner.key)
            if record is None:
                raise ProblemError(WRONG_KEY)
            self.parts.recorder.used(record.id, address)
            scopes = frozenset(each for each in SCOPES if self.parts.live.grant_of(record).has(each))
            return Caller(Actor(record.account_id, record.prefix, address, record.id), scopes)

        asked: Deferred[Any] = maybeDeferred(self.parts.gateway.admission.owner_of, key, address)
        return asked.addCallback(found)

    @property
    def tunnel_scopes(self) -> tuple[str, ...]:
        """The scopes that are kinds of tunnels."""
        return TUNNEL_SCOPES

    # --- the storage -----------------------------------------------------------------------------------------

    def events(self, **wanted: Any) -> "Deferred[list[Event]]":
        """Return a page of events, as `sellia.storage.interface.Storage.events` says."""
        return self._read(self.parts.threads.storage.events, **wanted)

    def usage(self, first: date, last: date, **wanted: Any) -> "Deferred[list[Usage]]":
        """Return a page of usage, as `sellia.storage.interface.Storage.usage` says."""
        return self._read(self.parts.threads.storage.usage, first, last, **wanted)

    def usage_sums(self, first: date, last: date) -> "Deferred[list[Usage]]":
        """Return the usage of accounts, added up."""
        return self._read(self.parts.threads.storage.usage_sums, first, last)

    def usage_days(self, first: date, last: date, account_id: str | None = None) -> "Deferred[list[Usage]]":
        """Return the usage of days, added up."""
        return self._read(self.parts.threads.storage.usage_days, first, last, account_id)

    def answer(self, caller: str, token: str) -> "Deferred[Answer | None]":
        """Return the answer that was kept for an idempotency key."""
        return self._read(self.parts.threads.storage.answer, caller, token)

    def keep_answer(self, answer: Answer) -> "Deferred[None]":
        """Keep an answer for whoever repeats a request."""
        return self._read(self.parts.threads.storage.write, [Insert(answer)])

    def backup(self, path: str, *, by: Actor) -> "Deferred[None]":
        """Write a consistent copy of everything to a new file of the server's machine."""
        parts = self.parts

        def done(_: object) -> None:
            parts.recorder.event(
                Event(parts.today(), "backup.made", by.account_id, by.key_prefix, by.address, "backup", {})
            )

        return self._read(parts.threads.storage.backup, path).addCallback(done)

    def _read(self, function: Callable[..., T], *args: Any, **named: Any) -> "Deferred[T]":
        return self.parts.threads.call(function, *args, **named).addErrback(_as_problem)


def _as_problem(failure: Failure) -> Any:
    """Raise what whoever asked is told."""
    if isinstance(failure.value, StorageError):
        raise told(failure.value) from failure.value
    return failure
