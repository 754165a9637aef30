"""Admission of clients at the gateway: which are let in, and whom they count for.

Need
    Strangers must not keep out those who have a key, nor those who come back to a session: a thousand clients behind
    one address lose their server in the same moment and all come back.  And nobody may try out keys.

Who counts as whom
    * A session that goes on, by its token and the key that it was opened with, is let in before anything is counted.
      The token has 128 bits, and proves as much as a key does.
    * Who shows the master key counts as its owner: with all others who have it, and with nobody else.
    * Where there is no master key, everybody counts by address.  A key is then a name that anybody can make up: names
      of tunnels are held for it, but nothing is allowed for its sake.
    * Wrong keys count by address.  While there were too many, no key is looked at that comes from there: the answer to
      the right one would tell.  It is not final, so a client that has it comes back.  Where keys are looked up, that
      is judged when the answer is there, too, or as many as are looked up at once could be tried out.

Bounds
    Sessions, in all and for each of those who count; new ones also by rate, if the settings say so.
"""

from collections.abc import Hashable
from math import ceil
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from sellia.errors import ProblemError
from sellia.problems import (
    FORBIDDEN,
    KEY_EXPIRED,
    KEY_REQUIRED,
    KEY_REVOKED,
    OVERLOADED,
    RATE_LIMITED,
    RETRY_AFTER_SECONDS,
    TOO_MANY_ATTEMPTS,
    TOO_MANY_LINKS,
    UNSUPPORTED_VERSION,
    WRONG_KEY,
    Problem,
)
from sellia.protocol.messages import VERSION, Hello
from sellia.relay.http.forwarded import counted_address
from sellia.relay.limits.quota import Quota
from sellia.relay.limits.token_bucket import Buckets, Rate
from sellia.server.gateway.keys import KeyStore, MasterKeys, Owner, PublicStore
from sellia.server.settings import ServerSettings

#: Refusals after which the same hello is refused again.
FINAL: Final = (UNSUPPORTED_VERSION, KEY_REQUIRED, WRONG_KEY, KEY_REVOKED, KEY_EXPIRED, FORBIDDEN)

#: The problem and the limit that a full quota stands for.
_FULL: Final = {"total": (OVERLOADED, "sessions"), "each": (TOO_MANY_LINKS, "sessions_per_owner")}


class Rejection(ProblemError):
    """A client is not let in; ``limit`` names the limit that it has reached, if it was for one."""

    def __init__(
        self, problem: Problem, detail: str = "", limit: str = "", retry_after: int = RETRY_AFTER_SECONDS
    ) -> None:
        super().__init__(problem, detail, retry_after)
        self.limit = limit


class Admission:
    """Decides for one gateway; ``keys`` is the store that knows whose a key is, that of the settings by default."""

    def __init__(self, settings: ServerSettings, clock: IReactorTime, keys: KeyStore | None = None) -> None:
        self._clock = clock
        self._master = _master_keys(settings)
        self.keys: KeyStore = keys or self._master
        self._wrong: Buckets[str] = Buckets(Rate(settings.auth_failures_burst, settings.auth_failures_rate))
        self._links: Buckets[Hashable] | None = None
        if settings.rate_limit:
            self._links = Buckets(Rate(settings.link_burst, settings.link_rate))
        self._sessions: Quota[Hashable] = Quota(settings.sessions, settings.sessions_per_owner)

    def set_limits(self, settings: ServerSettings) -> None:
        """Apply other limits, and another master key, to clients that come from now on."""
        own = self.keys is self._master
        self._master = _master_keys(settings)
        if own:
            self.keys = self._master
        self._wrong.set_rate(Rate(settings.auth_failures_burst, settings.auth_failures_rate))
        rate = Rate(settings.link_burst, settings.link_rate)
        if not settings.rate_limit:
            self._links = None
        elif self._links is None:
            self._links = Buckets(rate)
        else:
            self._links.set_rate(rate)
        self._sessions.set_bounds(settings.sessions, settings.sessions_per_owner)

    def find_owner(self, hello: Hello, remote: str) -> "Owner | Deferred[Owner]":
        """Return whom a client acts for that does not go on with a session.

        Raises ProblemError, or the Deferred fails with one, if it is not let in.
        """
        if hello.version != VERSION:
            message = f"This server speaks version {VERSION} of the protocol, the client version {hello.version}."
            raise Rejection(UNSUPPORTED_VERSION, message)
        return self.owner_of(hello.key, remote)

    def owner_of(self, key: str | None, remote: str) -> "Owner | Deferred[Owner]":
        """Return whom a key stands for.  Raises ProblemError, or the Deferred fails with one; wrong ones are counted.

        The Deferred may be cancelled.
        """
        if key:
            self._check_guesses(remote)
        try:
            found = self.keys.find(key, remote)
        except ProblemError as error:
            self._count_guess(error, remote)
            raise
        return found.addBoth(self._judge, key, remote) if isinstance(found, Deferred) else found

    def check_room(self, owner: Owner) -> None:
        """Count an attempt to open a session.  Raises Rejection if there is no room for one."""
        full = self._sessions.full(owner.account)
        if full is not None:
            problem, limit = _FULL["total" if full == "total" else "each"]
            raise Rejection(problem, limit=limit)
        wait = self._links.take(owner.account, self._clock.seconds()) if self._links is not None else 0.0
        if wait:
            raise Rejection(RATE_LIMITED, _again("Too many clients have come from there.", wait), "link_rate")

    @property
    def key_required(self) -> bool:
        """Whether only those who show a key are let in, as far as is known: a store of somebody else's may differ."""
        return self.keys.required if isinstance(self.keys, PublicStore) else True

    def count_of(self, account: Hashable) -> int:
        """Return the number of sessions that the account has."""
        return self._sessions.of(account)

    def acquire(self, account: Hashable) -> None:
        """Count a session of the account."""
        self._sessions.acquire(account)

    def release(self, account: Hashable) -> None:
        """Count a session of the account no more."""
        self._sessions.release(account)

    def shows_key(self, key: str, remote: str) -> bool:
        """Return whether a visitor shows the master key, or an operator's; wrong ones count as those of clients do."""
        store = self.keys if isinstance(self.keys, PublicStore) else self._master
        if store is self._master and not self._master.required:
            return False
        address, now = counted_address(remote), self._clock.seconds()
        if self._wrong.look(address, now):
            return False
        if store.opens(key):
            return True
        self._wrong.take(address, now)
        return False

    # --- guesses -------------------------------------------------------------------------------------------

    def _check_guesses(self, remote: str) -> None:
        wait = self._wrong.look(counted_address(remote), self._clock.seconds())
        if wait:
            message = _again(TOO_MANY_ATTEMPTS.sentence, wait)
            raise Rejection(TOO_MANY_ATTEMPTS, message, "failed_keys", ceil(wait))

    def _count_guess(self, error: ProblemError, remote: str) -> None:
        if error.problem is WRONG_KEY:
            self._wrong.take(counted_address(remote), self._clock.seconds())

    def _judge(self, found: Any, key: str | None, remote: str) -> Any:
        """Pass on the result of a lookup, unless too many of the same address have been wrong meanwhile."""
        if key:
            self._check_guesses(remote)
        if isinstance(found, Failure) and isinstance(found.value, ProblemError):
            self._count_guess(found.value, remote)
        return found


def _master_keys(settings: ServerSettings) -> MasterKeys:
    return MasterKeys(settings.master_key.get_secret_value() if settings.master_key else None)


def _again(sentence: str, seconds: float) -> str:
    return f"{sentence} Try again in {ceil(seconds)} s."
