"""The key store of a server with accounts: whose a key is, answered from memory.

Need
    Whoever shows a key of an account acts for it; the master key is an operator's that no storage has; and on a server
    that requires no keys, any other text is a name that somebody made up, as it is without accounts.

Invariants
    * A key that is unknown, revoked or expired, and one whose account is closed, is the same: `WRONG_KEY`, in the same
      words, and found out by one look into one table.
    * What looks like a key of an account, by its mark, is never taken for a made-up one.
    * While the directory has not been read, no key of an account is right or wrong: it is waited for, or the client is
      told to try again.

Bounds
    Lookups that wait are bounded by `sellia.server.gateway.hellos`; wrong keys by `sellia.server.gateway.admission`.
"""

from collections.abc import Callable
from datetime import datetime

from twisted.internet.defer import Deferred

from sellia.errors import ProblemError
from sellia.problems import DATABASE_AWAY, FORBIDDEN, KEY_REQUIRED, WRONG_KEY
from sellia.relay.http.forwarded import counted_address
from sellia.relay.secrets import SecretDigest
from sellia.server.accounts.grants import ADMIN_READ
from sellia.server.accounts.holders import OPERATOR, Holder, stranger
from sellia.server.accounts.live import LiveDirectory
from sellia.server.accounts.secrets import MARK, digest
from sellia.server.gateway.keys import Owner
from sellia.server.settings import ServerSettings

#: The id of the master key, which is in no storage.
MASTER_ID = "key_master"


class AccountKeys:
    """A `KeyStore`; ``today`` returns the time of day."""

    def __init__(self, live: LiveDirectory, settings: ServerSettings, today: Callable[[], datetime]) -> None:
        self._live = live
        self._today = today
        #: Whether the directory has been read, and whether that has failed lately.
        self.ready = self.failing = False
        self._waiting: list[Deferred[None]] = []
        self.set_settings(settings)

    def set_settings(self, settings: ServerSettings) -> None:
        """Take another master key, and require one or not, from now on."""
        master = settings.master_key
        self._master = SecretDigest(master.get_secret_value()) if master is not None else None
        #: Whether only those who show a key are let in.
        self.required = master is not None or bool(settings.require_auth)

    @property
    def has_master(self) -> bool:
        """Whether there is a master key."""
        return self._master is not None

    def loaded(self) -> None:
        """Answer from the directory, which has been read."""
        self.ready, self.failing = True, False
        self._release()

    def failed(self) -> None:
        """Let nobody wait for the directory: the database is away."""
        self.failing = True
        self._release()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    # --- for the gateway: a KeyStore -------------------------------------------------------------------------

    def find(self, key: str | None, remote: str) -> "Owner | Deferred[Owner]":
        """Return the owner that a key belongs to.  Raises ProblemError as `KeyStore` says."""
        if not key and self.required:
            raise ProblemError(KEY_REQUIRED)
        if not self._needs_directory(key) or self.ready:
            return self._owner(key, remote)
        if self.failing:
            raise ProblemError(DATABASE_AWAY)
        waiting: Deferred[None] = Deferred(self._waiting_ended)
        self._waiting.append(waiting)
        return waiting.addCallback(lambda _: self._found_late(key, remote))

    def moved(self, owner: Owner, key: str | None, remote: str) -> Owner:
        """Return the owner of a session that goes on: of a key's, the same one; else whoever has come now."""
        return owner if owner.names == owner.account else self._stranger(key, remote)

    def opens(self, key: str) -> bool:
        """Return whether a key is the master key, or may see how the server is."""
        if self._is_master(key):
            return True
        record = self._live.key_of(digest(key), self._today())
        return record is not None and self._live.grant_of(record).has(ADMIN_READ)

    # --- inside ----------------------------------------------------------------------------------------------

    def _waiting_ended(self, waiting: "Deferred[None]") -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)

    def _found_late(self, key: str | None, remote: str) -> Owner:
        if not self.ready:
            raise ProblemError(DATABASE_AWAY)
        return self._owner(key, remote)

    def _is_master(self, key: str) -> bool:
        return self._master is not None and self._master.matches(key)

    def _needs_directory(self, key: str | None) -> bool:
        """Return whether only the directory can tell whose a key is."""
        return bool(key) and not self._is_master(key or "") and (self.required or (key or "").startswith(MARK))

    def _owner(self, key: str | None, remote: str) -> Owner:
        if not key:
            return self._stranger(key, remote)
        if self._is_master(key):
            return Owner(OPERATOR, OPERATOR, MASTER_ID)
        record = self._live.key_of(digest(key), self._today())
        if record is None:
            if self.required or key.startswith(MARK):
                raise ProblemError(WRONG_KEY)
            return self._stranger(key, remote)
        if not self._live.grant_of(record).admits(remote):
            raise ProblemError(FORBIDDEN, f"The key {record.prefix}... may not be used from this address.")
        holder = Holder(record.account_id)
        return Owner(holder, holder, record.id)

    def _stranger(self, key: str | None, remote: str) -> Owner:
        """Return whom a key stands for that anybody can make up, or none."""
        address = counted_address(remote)
        return Owner(stranger(key), address) if key else Owner(("address", address), address)
