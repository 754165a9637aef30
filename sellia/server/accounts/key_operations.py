"""Operations on keys: made and shown once, rotated with an overlap, revoked for good."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from twisted.internet.defer import Deferred

from sellia.errors import ProblemError
from sellia.problems import CONFLICT, INVALID_VALUE
from sellia.server.accounts.account_operations import NAME_LENGTH, NOTE_LENGTH, checked
from sellia.server.accounts.changes import Planned
from sellia.server.accounts.grants import ADMIN_WRITE, checked_networks, checked_patterns, checked_scopes
from sellia.server.accounts.own_limits import Limits, inherited, limited, own_figures
from sellia.server.accounts.parts import Actor, Parts
from sellia.server.accounts.secrets import digest, new_secret, shown
from sellia.storage.interface import Change, Insert, Update
from sellia.storage.records import Key, LimitsClass, new_id

#: Most keys of an account that are not revoked, and the longest overlap of a rotation in seconds.
KEYS_EACH = 1_000
OVERLAP = 90 * 24 * 3600


class Unchanged:
    """Stands for a time that is not to be changed, where None takes it away."""


UNCHANGED = Unchanged()


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key, and its secret, which nobody can show again."""

    key: Key
    secret: str = field(repr=False)


class KeyOperations:
    """Operations on the keys of one server; those that change fail with ProblemError."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def keys(self, account: str | None = None) -> list[Key]:
        """Return all keys, or those of an account, in the order in which they were made.  Raises ProblemError."""
        live = self._parts.live
        found = list(live.keys.values()) if account is None else live.keys_of(self._parts.account(account).id)
        return sorted(found, key=lambda each: (each.created_at, each.id))

    def create(
        self,
        account: str,
        *,
        name: str = "",
        scopes: Sequence[str] = ("http",),
        names: Sequence[str] = (),
        networks: Sequence[str] = (),
        expires_at: datetime | None = None,
        limits: Limits = None,
        by: Actor,
    ) -> "Deferred[NewKey]":
        """Make a key of an account, named by its id or its name; ``limits`` is a class, or figures of its own."""
        parts = self._parts

        def plan() -> Planned:
            owner = parts.account(account)
            if owner.closed_at is not None:
                raise ProblemError(CONFLICT, f"The account {owner.name!r} is closed.")
            self._check_room(owner.id)
            secret = new_secret()
            key = Key(
                new_id("key"),
                owner.id,
                checked(name or "key", "name of a key", NAME_LENGTH),
                shown(secret),
                digest(secret),
                parts.today(),
                checked_scopes(scopes),
                checked_patterns(names),
                checked_networks(networks),
                expires_at=self._expiry(expires_at),
            )
            key, before, _ = limited(parts.live, key, limits)
            detail = {"account": owner.id, "name": key.name, "prefix": key.prefix, "scopes": " ".join(key.scopes)}
            told = parts.told("key.created", by, key.id, detail)
            return Planned([*before, Insert(key), told], NewKey(key, secret))

        return parts.changes.make(plan)

    def update(
        self,
        key_id: str,
        *,
        name: str | None = None,
        scopes: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        networks: Sequence[str] | None = None,
        expires_at: datetime | None | Unchanged = UNCHANGED,
        limits: Limits | Unchanged = UNCHANGED,
        by: Actor,
    ) -> "Deferred[Key]":
        """Change what is given of a key; it counts for what comes from then on.  A revoked one stays as it is."""
        parts = self._parts

        def plan() -> Planned:
            old = self._open(key_id)
            new = replace(
                old,
                name=old.name if name is None else checked(name, "name of a key", NAME_LENGTH),
                scopes=old.scopes if scopes is None else checked_scopes(scopes),
                names=old.names if names is None else checked_patterns(names),
                networks=old.networks if networks is None else checked_networks(networks),
                expires_at=old.expires_at if isinstance(expires_at, Unchanged) else self._expiry(expires_at),
            )
            before: Sequence[Change] = ()
            after: Sequence[Change] = ()
            if not isinstance(limits, Unchanged):
                new, before, after = limited(parts.live, new, limits)
            if new == old and not before:
                return Planned([], old)
            if ADMIN_WRITE in old.scopes and ADMIN_WRITE not in new.scopes:
                self._check_last(old)
            told = parts.told("key.updated", by, new.id, {"prefix": new.prefix})
            return Planned([*before, Update(new), *after, told], new)

        return parts.changes.make(plan)

    def rotate(self, key_id: str, *, overlap_seconds: float = 0.0, by: Actor) -> "Deferred[NewKey]":
        """Make a key in the place of another one, which goes on for ``overlap_seconds``."""
        parts = self._parts

        def plan() -> Planned:
            old = self._open(key_id)
            if not 0 <= overlap_seconds <= OVERLAP:
                raise ProblemError(INVALID_VALUE, f"An overlap has from 0 to {OVERLAP:,} seconds.")
            now, secret = parts.today(), new_secret()
            new = replace(
                old,
                id=new_id("key"),
                prefix=shown(secret),
                digest=digest(secret),
                created_at=now,
                replaces=old.id,
                last_used_at=None,
                last_used_from="",
            )
            ends = now + timedelta(seconds=overlap_seconds)
            if overlap_seconds:
                ended = replace(old, expires_at=min(ends, old.expires_at or ends))
            else:
                ended = replace(old, revoked_at=now, revoked_reason="It was rotated.")
            detail: dict[str, str | float] = {"by": new.id, "prefix": old.prefix, "overlap_seconds": overlap_seconds}
            new, before, _ = inherited(parts.live, new, old)
            changes: list[Change] = [*before, Insert(new), Update(ended), parts.told("key.rotated", by, old.id, detail)]
            return Planned(changes, NewKey(new, secret))

        return parts.changes.make(plan)

    def revoke(self, key_id: str, *, reason: str = "", by: Actor) -> "Deferred[Key]":
        """Revoke a key for good; its sessions end, and their clients are told the reason.  Again: nothing happens."""
        parts = self._parts

        def plan() -> Planned:
            old = parts.key(key_id)
            if old.revoked_at is not None:
                return Planned([], old)
            if ADMIN_WRITE in old.scopes:
                self._check_last(old)
            why = checked(reason, "note", NOTE_LENGTH)
            new = replace(old, revoked_at=parts.today(), revoked_reason=why)
            told = parts.told("key.revoked", by, old.id, {"prefix": old.prefix, "reason": why})
            return Planned([Update(new), told], new)

        return parts.changes.make(plan)

    def own_limits(self, key: Key) -> LimitsClass | None:
        """Return the figures of a key's own, if it has some and not a class that others share."""
        return own_figures(self._parts.live, key)

    # --- inside ----------------------------------------------------------------------------------------------

    def _open(self, key_id: str) -> Key:
        """Return a key that opens something.  Raises ProblemError."""
        key = self._parts.key(key_id)
        why = self._parts.live.why_closed(key, self._parts.today())
        if why is not None:
            raise ProblemError(CONFLICT, f"The key {key.prefix}... is {why}.")
        return key

    def _check_room(self, account_id: str) -> None:
        now = self._parts.today()
        keys = [each for each in self._parts.live.keys_of(account_id) if not self._parts.live.why_closed(each, now)]
        if len(keys) >= KEYS_EACH:
            raise ProblemError(CONFLICT, f"The account has {KEYS_EACH:,} keys, which is the limit: revoke some.")

    def _check_last(self, key: Key) -> None:
        """Refuse to take the last key away with which keys can be made.  Raises ProblemError."""
        live, now = self._parts.live, self._parts.today()
        others = (
            each
            for each in live.keys.values()
            if each.id != key.id and ADMIN_WRITE in each.scopes and live.why_closed(each, now) is None
        )
        if not self._parts.keys.has_master and next(others, None) is None:
            detail = f"The key {key.prefix}... is the last one with {ADMIN_WRITE}: make another one first."
            raise ProblemError(CONFLICT, detail)

    def _expiry(self, at: datetime | None) -> datetime | None:
        if at is None:
            return None
        if at.tzinfo is None:
            raise ProblemError(INVALID_VALUE, "A time needs its offset from UTC, as in 2030-01-31T12:00:00Z.")
        if at <= self._parts.today():
            raise ProblemError(INVALID_VALUE, "The key would have expired already.")
        return at.astimezone(UTC)
