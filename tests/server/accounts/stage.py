"""A gateway with accounts whose storage is in memory: calls are made at once, or when a test says so.

Time passes only when a test says so; the time of day goes with it, from ``START``.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import Problem
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.server.accounts.key_operations import NewKey
from sellia.server.accounts.operations import Operations
from sellia.server.accounts.parts import Actor
from sellia.server.accounts.service import Accounts
from sellia.server.accounts.threads import StorageThreads
from sellia.storage.failures import StorageAway
from sellia.storage.interface import Change, Storage
from sellia.storage.memory import MemoryStorage
from sellia.storage.records import Event
from tests.server.gateways import Client, Server

P = ParamSpec("P")
T = TypeVar("T")

START = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)
BY = Actor("acc_op", "sl_live_oper", "127.0.0.1", "key_op")


class FaultyStorage(MemoryStorage):
    """Fails as long as ``fault`` says so; ``writes`` counts what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Exception | None = None
        self.writes = 0

    def write(self, changes: Any) -> None:
        self._check()
        self.writes += 1
        super().write(changes)

    def directory(self) -> Any:
        self._check()
        return super().directory()

    def revision(self) -> int:
        self._check()
        return super().revision()

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault


class DirectThreads(StorageThreads):
    """Makes each call at once, or keeps it in ``held`` while ``holding``."""

    def __init__(self, storage: Storage, clock: Any) -> None:
        super().__init__(storage, clock)
        self.holding = False
        self.held: list[Callable[[], None]] = []

    def start(self) -> None:
        """There are no threads."""

    def run(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> "Deferred[T]":
        answer: Deferred[T] = Deferred()

        def call() -> None:
            try:
                result = function(*args, **named)
            except Exception:
                answer.errback(Failure())
            else:
                answer.callback(result)

        if self.holding:
            self.held.append(call)
        else:
            call()
        return answer

    def let(self) -> None:
        """Make the calls that are held."""
        held, self.held = self.held, []
        for each in held:
            each()


class VisitorsDouble:
    """What accounts ask of an ingress."""

    observe: Callable[[Tunnel[Upstream]], StreamObserver | None] | None = None
    allowance: Callable[[Tunnel[Upstream], str], ProblemError | None]

    def hold_to(self, allowance: Callable[[Tunnel[Upstream], str], ProblemError | None]) -> None:
        self.allowance = allowance


class AccountsServer(Server):
    """A gateway with accounts."""

    def __init__(self, storage: MemoryStorage | None = None, *, start: bool = True, **settings: Any) -> None:
        super().__init__(**{"require_auth": True, "state_dir": "/nowhere", **settings})
        self.storage = storage or FaultyStorage()
        self.threads = DirectThreads(self.storage, self.clock)
        self.accounts = Accounts(self.storage, self.settings, self.clock, self.today, self.threads)
        self.gateway.admission.keys = self.accounts.keys
        self.visitors: Any = VisitorsDouble()
        self.accounts.attach(self.gateway, self.visitors)
        self.operations: Operations = self.accounts.operations
        if start:
            self.accounts.startService()

    def today(self) -> datetime:
        return START + timedelta(seconds=self.clock.seconds())

    def wait(self, seconds: float, step: float = 0.5) -> None:
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            super().wait(min(step, end - self.clock.seconds()), step)
            for each in list(self.gateway.guard.each_second):
                each(self.clock.seconds())
            self.talk()

    def new_key(self, account: str = "team", **wanted: Any) -> NewKey:
        """A key of an account, which is made if there is none."""
        if self.accounts.parts.live.account_named(account) is None:
            done(self.operations.create_account(account, by=BY))
        return done(self.operations.create_key(account, by=BY, **wanted))

    def with_key(self, key: NewKey, remote: str = "203.0.113.7") -> Client:
        """A client that shows a key, and is connected."""
        return self.client(key.secret, remote).connect()

    def events(self, kind: str | None = None) -> list[Event]:
        """What is written down, of a kind."""
        self.wait(1)
        return self.storage.events(kind=kind)


def done(deferred: "Deferred[T]") -> T:
    """The result of what is done at once."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    assert results, "it is not done yet"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    result: T = results[0]
    return result


class AccountsCase(SynchronousTestCase):
    """A test with an `AccountsServer`; when it is over, all tables are in order."""

    settings: dict[str, Any] = {}

    def setUp(self) -> None:
        self.server = AccountsServer(**self.settings)
        self.operations = self.server.operations
        self.storage: Any = self.server.storage

    def tearDown(self) -> None:
        self.server.registry.check_invariants()
        self.server.accounts.parts.live.check_invariants()
        self.server.accounts.parts.names.check_invariants()

    def assert_refused(self, problem: Problem, asked: "Deferred[Any] | Callable[[], Any]") -> str:
        """It is refused with this problem; return the sentence."""
        error = self.assertRaises(ProblemError, done, asked) if isinstance(asked, Deferred) else None
        if error is None:
            assert not isinstance(asked, Deferred)
            error = self.assertRaises(ProblemError, asked)
        self.assertIs(error.problem, problem, str(error))
        return str(error)

    def assert_closed(self, client: Client, word: str) -> str:
        """The client has been told that its session is over, and why."""
        from sellia.protocol.messages import Goodbye

        told = [each for each in client.heard if isinstance(each, Goodbye)]
        self.assertEqual([each.word for each in told], [word])
        return told[0].message


def away(reason: str = "The disk has left.") -> StorageAway:
    """What a storage raises that is away."""
    return StorageAway(reason)


def written(changes: list[Change]) -> list[str]:
    """The types of changes."""
    return [type(each).__name__ for each in changes]
