"""Which clients are let in at the gateway, and as whom.

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
      the right one would tell.  It is not final, so a client that has it comes back.

Bounds
    Sessions, in all and for each of those who count; new ones also by rate, if the settings say so.
"""

from collections.abc import Hashable
from math import ceil
from typing import Final, NamedTuple

from twisted.internet.interfaces import IReactorTime

from sellia.problems import (
    KEY_REQUIRED,
    OVERLOADED,
    RATE_LIMITED,
    TOO_MANY_ATTEMPTS,
    TOO_MANY_LINKS,
    UNSUPPORTED_VERSION,
    WRONG_KEY,
    Problem,
)
from sellia.protocol.messages import VERSION, Hello, Refused
from sellia.relay.http.forwarded import counted_address
from sellia.relay.limits.quota import Quota
from sellia.relay.limits.token_bucket import Buckets, Rate
from sellia.relay.secrets import SecretDigest
from sellia.server.settings import ServerSettings

#: The limit that a full census stands for.
_FULL: Final = {"total": (OVERLOADED, "sessions"), "each": (TOO_MANY_LINKS, "sessions_per_owner")}


class Rejection(NamedTuple):
    """What a client is told, and the limit that it has reached, if it was for one."""

    refused: Refused
    limit: str = ""


class Admission:
    """One gateway's."""

    def __init__(self, settings: ServerSettings, clock: IReactorTime) -> None:
        self._clock = clock
        self._key = SecretDigest(settings.master_key.get_secret_value()) if settings.master_key else None
        self._wrong: Buckets[str] = Buckets(Rate(settings.auth_failures_burst, settings.auth_failures_rate))
        self._links: Buckets[Hashable] | None = None
        if settings.rate_limit:
            self._links = Buckets(Rate(settings.link_burst, settings.link_rate))
        self._sessions: Quota[Hashable] = Quota(settings.sessions, settings.sessions_per_owner)

    def owner(self, hello: Hello, remote: str) -> Hashable:
        """Whose the names will be: the key's, which may be any where there is no master key, or the address's."""
        if hello.key:
            return SecretDigest(hello.key)
        return "address", counted_address(remote)

    def counts_as(self, owner: Hashable, remote: str) -> Hashable:
        """Whom the sessions of an owner count for."""
        return owner if owner == self._key else counted_address(remote)

    def judge(self, hello: Hello, remote: str) -> Rejection | None:
        """Why a client that does not go on with a session is not let in; None if it is."""
        if hello.version != VERSION:
            message = f"This server speaks version {VERSION} of the protocol, the client version {hello.version}."
            return Rejection(Refused(UNSUPPORTED_VERSION.code, message, True))
        return self._judge_key(hello, remote) if self._key is not None else None

    def has_room(self, remote: str, owner: Hashable) -> Rejection | None:
        """Why there is no new session for an owner now; None if there is, and then it counts as one that was made."""
        who = self.counts_as(owner, remote)
        full = self._sessions.full(who)
        if full is not None:
            problem, limit = _FULL["total" if full == "total" else "each"]
            return Rejection(Refused(problem.code, problem.sentence, False), limit)
        wait = self._links.take(who, self._clock.seconds()) if self._links is not None else 0.0
        if wait:
            return Rejection(_wait(RATE_LIMITED, "Too many clients have come from there.", wait), "link_rate")
        return None

    def enter(self, who: Hashable) -> None:
        """A session of somebody has begun."""
        self._sessions.enter(who)

    def leave(self, who: Hashable) -> None:
        """It has ended."""
        self._sessions.leave(who)

    def shows_key(self, key: str, remote: str) -> bool:
        """Return whether a visitor shows the master key; wrong ones count as those of clients do."""
        return self._key is not None and self._judge_key(Hello(VERSION, "", key=key), remote) is None

    def _judge_key(self, hello: Hello, remote: str) -> Rejection | None:
        assert self._key is not None
        if not hello.key:
            return Rejection(Refused(KEY_REQUIRED.code, KEY_REQUIRED.sentence, True))
        address, now = counted_address(remote), self._clock.seconds()
        wait = self._wrong.look(address, now)
        if wait:
            return Rejection(_wait(TOO_MANY_ATTEMPTS, TOO_MANY_ATTEMPTS.sentence, wait), "failed_keys")
        if self._key.matches(hello.key):
            return None
        self._wrong.take(address, now)
        return Rejection(Refused(WRONG_KEY.code, WRONG_KEY.sentence, True))


def _wait(problem: Problem, sentence: str, seconds: float) -> Refused:
    return Refused(problem.code, f"{sentence} Try again in {ceil(seconds)} s.", False)
