"""The policy of accounts: scopes, names, networks and limits, held against sessions and claims.

Everything is looked up when it is asked, so a key that was changed a moment ago counts as it is now.  The limits of an
account's class count beside those of the settings, and those of a key's own class beside both.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN, KEY_EXPIRED, KEY_REVOKED, TOO_MANY_LINKS, TOO_MANY_TUNNELS, Problem
from sellia.protocol.messages import OpenTunnel
from sellia.relay.registry import TunnelRegistry
from sellia.server.accounts.grants import SCOPES
from sellia.server.accounts.holders import Holder, place_of
from sellia.server.accounts.key_store import MASTER_ID
from sellia.server.accounts.live import LiveDirectory
from sellia.server.accounts.meters import Meter, Meters
from sellia.server.gateway.keys import Owner
from sellia.server.gateway.policy import Terms
from sellia.server.gateway.pools import Holder as Upstream
from sellia.server.gateway.sessions import ServerSession
from sellia.storage.records import Key, LimitsClass

#: The problems of keys that open nothing any more.
CLOSED = {"revoked": KEY_REVOKED, "expired": KEY_EXPIRED}


class AccountPolicy:
    """A `Policy`; ``today`` returns the time of day."""

    def __init__(
        self,
        live: LiveDirectory,
        meters: Meters,
        registry: TunnelRegistry[Upstream],
        today: Callable[[], datetime],
    ) -> None:
        self._live = live
        self._meters = meters
        self._registry = registry
        self._today = today

    def closed(self, key_id: str) -> Problem | None:
        """Return why a key of an account opens nothing any more, or None if it does."""
        key = self._live.keys.get(key_id)
        why = self._live.why_closed(key, self._today()) if key is not None else "revoked"
        return CLOSED[why] if why is not None else None

    def key_of(self, owner: Owner) -> Key | None:
        """Return the key of an account that an owner has shown; None for others."""
        return self._live.keys.get(owner.key) if isinstance(owner.names, Holder) and owner.names.account_id else None

    def limits_of(self, subject: str) -> tuple[str, LimitsClass] | None:
        """Return how an account, or a key with limits of its own, is called, and its limits."""
        account = self._live.accounts.get(subject)
        if account is not None:
            return f"The account {account.name!r}", self._live.limits_of(subject)
        key = self._live.keys.get(subject)
        if key is None or key.limits is None:
            return None
        return f"The key {key.prefix}...", self._live.limits[key.limits]

    def meters_of(self, owner: Owner) -> tuple[Meter, ...]:
        """Return the meters that count for an owner: none for those who have no account."""
        key = self.key_of(owner)
        if key is None:
            return ()
        subjects = [key.account_id] if key.limits is None else [key.account_id, key.id]
        found = [(subject, self.limits_of(subject)) for subject in subjects]
        return tuple(self._meters.meter(subject, *each) for subject, each in found if each is not None)

    # --- a Policy --------------------------------------------------------------------------------------------

    def terms(self, owner: Owner) -> Terms | None:
        """Return what a key of an account may do, or the master key; None for strangers."""
        if owner.key == MASTER_ID:
            return Terms(SCOPES, prefix="master")
        key = self.key_of(owner)
        if key is None:
            return None
        account = self._live.accounts[key.account_id]
        classes = [each.limits for each in self.meters_of(owner)]
        return Terms(
            key.scopes,
            key.names,
            key.expires_at.isoformat().replace("+00:00", "Z") if key.expires_at is not None else None,
            account.name,
            key.prefix,
            _least(each.clients for each in classes),
            _least(each.tunnels for each in classes),
        )

    def check_session(self, owner: Owner) -> None:
        """Refuse a client whose account, or key, has as many as it may."""
        for meter in self.meters_of(owner):
            most = meter.limits.clients
            if most is not None and meter.sessions >= most:
                detail = f"{meter.who} has {most:,} clients connected, which is its limit."
                raise ProblemError(TOO_MANY_LINKS, detail)

    def check_return(self, session: ServerSession, remote: str) -> None:
        """Refuse a session whose key opens nothing any more, or not from there."""
        if not _has_account(session.owner):
            return
        problem = self.closed(session.owner.key)
        if problem is not None:
            raise ProblemError(problem)
        key = self._live.keys[session.owner.key]
        if not self._live.grant_of(key).admits(remote):
            raise ProblemError(FORBIDDEN, f"The key {key.prefix}... may not be used from this address.")

    def check_claim(self, session: ServerSession, wanted: OpenTunnel, label: str) -> None:
        """Refuse what the key has no scope or pattern for, and more tunnels than there may be."""
        key = self.key_of(session.owner)
        if key is None:
            return
        grant = self._live.grant_of(key)
        if not grant.has(wanted.kind):
            detail = f"The key {key.prefix}... may not open {wanted.kind} tunnels: its scopes are "
            raise ProblemError(FORBIDDEN, f"{detail}{', '.join(key.scopes)}.")
        if not grant.may_hold(place_of(label)[1]):
            detail = f"The key {key.prefix}... may not have this name, but {_listed(grant.names)}."
            if not wanted.name:
                detail += " Ask for one of these by name."
            raise ProblemError(FORBIDDEN, detail)
        bound = self._registry.find(label)
        if bound is not None and bound.owner == session.owner.names:
            return
        for meter in self.meters_of(session.owner):
            most = meter.limits.tunnels
            if most is not None and meter.tunnels >= most:
                detail = f"{meter.who} has {most:,} tunnels open, which is its limit."
                raise ProblemError(TOO_MANY_TUNNELS, detail)


def _least(figures: Iterable[int | None]) -> int | None:
    return min((each for each in figures if each is not None), default=None)


def _has_account(owner: Owner) -> bool:
    return isinstance(owner.names, Holder) and owner.names.account_id is not None


def _listed(names: tuple[str, ...]) -> str:
    """Return patterns as a sentence has them, the first few."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"
