"""The parts of a server's accounts, as its operations use them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sellia.errors import ProblemError
from sellia.problems import NO_SUCH_THING
from sellia.server.accounts.changes import Changes
from sellia.server.accounts.journal import AccountJournal
from sellia.server.accounts.key_store import AccountKeys
from sellia.server.accounts.live import LiveDirectory
from sellia.server.accounts.meters import Meters
from sellia.server.accounts.names import Names
from sellia.server.accounts.policy import AccountPolicy
from sellia.server.accounts.recorder import Recorder
from sellia.server.accounts.threads import StorageThreads
from sellia.server.gateway.gateway import Gateway
from sellia.storage.interface import Insert
from sellia.storage.records import Account, Event, Key
from sellia.text import printable


class Actor(NamedTuple):
    """Whoever asks for an operation, for the audit."""

    account_id: str | None = None
    key_prefix: str = ""
    address: str = ""
    key_id: str = ""


#: The server itself.
SERVER = Actor()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a server has that keeps accounts; ``today`` returns the time of day."""

    live: LiveDirectory
    threads: StorageThreads
    changes: Changes
    names: Names
    meters: Meters
    keys: AccountKeys
    policy: AccountPolicy
    recorder: Recorder
    journal: AccountJournal
    gateway: Gateway
    today: Callable[[], datetime]

    def account(self, account: str) -> Account:
        """Return an account by its id or its name.  Raises ProblemError."""
        found = self.live.accounts.get(account) or self.live.account_named(account)
        if found is None:
            raise ProblemError(NO_SUCH_THING, f"There is no account {printable(account, 64)!r}.")
        return found

    def key(self, key_id: str) -> Key:
        """Return a key by its id.  Raises ProblemError."""
        found = self.live.keys.get(key_id)
        if found is None:
            raise ProblemError(NO_SUCH_THING, f"There is no key {printable(key_id, 64)!r}.")
        return found

    def told(self, kind: str, by: Actor, subject: str, detail: Mapping[str, Any] | None = None) -> Insert:
        """Return the change that writes down an operation with what it changes."""
        return Insert(Event(self.today(), kind, by.account_id, by.key_prefix, by.address, subject, detail or {}))
