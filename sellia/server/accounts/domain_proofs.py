"""Proofs of control of domains: with the account's reservation where there is one, else as long as the process lasts.

A domain that an operator vouches for has no proof to show, and its age is 0 for ever.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.errors import ProblemError
from sellia.server.accounts.changes import Changes, Planned
from sellia.server.accounts.holders import OPERATOR, Holder
from sellia.server.accounts.live import LiveDirectory
from sellia.server.gateway.domains import RememberedProofs
from sellia.server.gateway.keys import Owner
from sellia.storage.interface import Update
from sellia.storage.records import NameKind, ReservedName

_log = Logger()


class AccountProofs:
    """`DomainProofs` of accounts; ``today`` returns the time of day."""

    def __init__(self, live: LiveDirectory, changes: Changes, today: Callable[[], datetime]) -> None:
        self._live = live
        self._changes = changes
        self._today = today
        self._others = RememberedProofs(lambda: today().timestamp())

    def identity(self, owner: Owner) -> str | None:
        """Return the id of an account; empty for whoever has the master key, None for strangers."""
        if owner.names == OPERATOR:
            return ""
        return owner.names.account_id if isinstance(owner.names, Holder) else None

    def age(self, identity: str, domain: str) -> float | None:
        """Return the seconds since an owner last showed control of a domain."""
        record = self._record(identity, domain)
        if record is None or record.proved_at is None:
            return self._others.age(identity, domain)
        if not record.proof:
            return 0.0
        seconds = (self._today() - record.proved_at).total_seconds()
        known = self._others.age(identity, domain)
        return seconds if known is None else min(seconds, known)

    def remember(self, identity: str, domain: str) -> None:
        """Note that an owner has shown control of a domain just now."""
        self._others.remember(identity, domain)
        self._set(identity, domain, self._today())

    def forget(self, identity: str, domain: str) -> None:
        """Note that its records are gone; whose domain it is, is open again."""
        self._others.forget(identity, domain)
        self._set(identity, domain, None)

    def _record(self, identity: str, domain: str) -> ReservedName | None:
        """Return what an account has reserved."""
        found = self._live.names.get((NameKind.DOMAIN, domain))
        return found if found is not None and identity and found.account_id == identity else None

    def _set(self, identity: str, domain: str, proved_at: datetime | None) -> None:
        if self._record(identity, domain) is None:
            return

        def plan() -> Planned:
            record = self._record(identity, domain)
            if record is None or not record.proof:
                return Planned([], None)
            return Planned([Update(replace(record, proved_at=proved_at))], None)

        written: Deferred[object] = self._changes.make(plan)
        written.addErrback(_not_written)


def _not_written(failure: Failure) -> None:
    """A proof that is not stored is looked for again: nothing is lost but the time of a look."""
    if failure.check(ProblemError) is None:
        _log.failure("a proof of a domain was not written", failure)
