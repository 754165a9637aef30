"""Proofs of control of domains: what is remembered of who has shown that a domain is theirs.

A proof counts for ``VALID`` seconds, so that a client that comes back does not wait for the DNS; then the records are
looked at again (`sellia.server.gateway.control`).  Where the DNS does not answer, it counts for ``GRACE`` seconds.
"""

from collections.abc import Callable
from typing import Final, Protocol

from sellia.relay.secrets import SecretDigest
from sellia.server.gateway.keys import Owner

#: Seconds for which a proof counts; the records of domains that tunnels have are looked at as often.
VALID: Final = 24 * 3600.0

#: Seconds for which it counts where the DNS does not answer.
GRACE: Final = 3 * VALID

#: Proofs that are remembered; the one that is oldest is forgotten first.
REMEMBERED: Final = 10_000


class DomainProofs(Protocol):
    """Proofs, kept in memory or in a store.  Every call answers at once."""

    def identity(self, owner: Owner) -> str | None:
        """Return what tells an owner from all others for as long as it exists, over restarts.

        It is in the names of DNS records, as a hash.  Empty for the one owner of a server that has no others; None for
        an owner that could be anybody, and can have no domains.
        """

    def age(self, identity: str, domain: str) -> float | None:
        """Return the seconds since an owner last showed control of a domain; None where it is not known to have."""

    def remember(self, identity: str, domain: str) -> None:
        """Note that an owner has shown control of a domain just now."""

    def forget(self, identity: str, domain: str) -> None:
        """Note that its records are gone."""


def identity_of(owner: Owner) -> str | None:
    """Return the identity of an owner whose account is known by a text, or who has the master key."""
    if owner.names != owner.account:
        return None  # a key that anybody can make up, or an address
    if isinstance(owner.account, str):
        return owner.account
    return "" if isinstance(owner.account, SecretDigest) else None


class RememberedProofs:
    """`DomainProofs` that last as long as the process; ``now`` returns the time in seconds."""

    def __init__(self, now: Callable[[], float], limit: int = REMEMBERED) -> None:
        self._now = now
        self._limit = limit
        self._proven: dict[tuple[str, str], float] = {}  # the oldest first

    def identity(self, owner: Owner) -> str | None:
        return identity_of(owner)

    def age(self, identity: str, domain: str) -> float | None:
        proven = self._proven.get((identity, domain))
        return None if proven is None else self._now() - proven

    def remember(self, identity: str, domain: str) -> None:
        self._proven.pop((identity, domain), None)
        self._proven[identity, domain] = self._now()
        if len(self._proven) > self._limit:
            del self._proven[next(iter(self._proven))]

    def forget(self, identity: str, domain: str) -> None:
        self._proven.pop((identity, domain), None)
