"""Keys of clients: whose they are, and whom a client counts for.

A key store may answer at once or later: `sellia.server.gateway.hellos` holds the link of a client whose key is being
looked up.  `MasterKeys` knows the server's master key and answers at once; `sellia.server.accounts` has the store of a
server with accounts.
"""

from collections.abc import Hashable
from typing import NamedTuple, Protocol, runtime_checkable

from twisted.internet.defer import Deferred

from sellia.errors import ProblemError
from sellia.problems import KEY_REQUIRED, WRONG_KEY
from sellia.relay.http.forwarded import counted_address
from sellia.relay.secrets import SecretDigest


class Owner(NamedTuple):
    """The party that a client acts for."""

    names: Hashable  #: the owner of its names: a value that is the same again when the same client comes back
    account: Hashable  #: the account that its sessions and names count for
    key: str = ""  #: the id of the key in its store, where keys have ids


class KeyStore(Protocol):
    """The keys that open sessions."""

    def find(self, key: str | None, remote: str) -> "Owner | Deferred[Owner]":
        """Return the owner that a key belongs to, for a client at ``remote``.

        Raises ProblemError, or the Deferred fails with one, for a key that opens nothing: `WRONG_KEY` counts as a guess
        of that address.  A Deferred is cancelled when nobody waits for its result any more.
        """

    def moved(self, owner: Owner, key: str | None, remote: str) -> Owner:
        """Return the owner of a session whose client goes on with it, and has shown its key again, from ``remote``."""


@runtime_checkable
class PublicStore(Protocol):
    """A key store that can tell of itself; one that cannot is taken to let in nobody without a key."""

    @property
    def required(self) -> bool:
        """Whether only those who show a key are let in."""

    def opens(self, key: str) -> bool:
        """Return whether a key is an operator's, who may see how the server is."""


class MasterKeys:
    """The store of a server with one key for all, or with none.

    With a master key, it is the owner and the account of all who show it.  Without one, any key is a name that anybody
    can make up: it owns names, but everybody counts by address.
    """

    def __init__(self, key: str | None) -> None:
        self._key = SecretDigest(key) if key is not None else None

    @property
    def required(self) -> bool:
        """Whether there is a master key."""
        return self._key is not None

    def opens(self, key: str) -> bool:
        """Return whether this is the master key."""
        return self._key is not None and self._key.matches(key)

    def find(self, key: str | None, remote: str) -> Owner:
        if self._key is not None:
            if not key:
                raise ProblemError(KEY_REQUIRED)
            if not self._key.matches(key):
                raise ProblemError(WRONG_KEY)
        return self._owner(key, remote)

    def moved(self, owner: Owner, key: str | None, remote: str) -> Owner:
        # Who has come in by a master key counts as its owner for as long as the session lasts, also when the server has
        # another one meanwhile.
        return owner if owner.names == owner.account else self._owner(key, remote)

    def _owner(self, key: str | None, remote: str) -> Owner:
        address = counted_address(remote)
        if not key:
            return Owner(("address", address), address)
        names = SecretDigest(key)
        return Owner(names, names if names == self._key else address)
