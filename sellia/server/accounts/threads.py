"""Threads for the storage: its calls block, and the reactor does not.

Need
    A disk or a database may take seconds for an answer, or for ever.  Calls are made in a few threads; whoever waits
    for one has a Deferred, and is told to try again where too many wait already.

Invariants
    * The log says once that the storage is away, or slow, and once that it is back.
    * A call that was begun is not given up: what it has done is known when it ends.
    * The process ends whether threads hang or not: they are daemons.

Bounds
    ``THREADS`` threads, and ``WAITING`` calls that are under way or wait for one.
"""

from collections.abc import Callable
from enum import Enum
from functools import partial
from threading import Thread
from typing import Any, Final, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from sellia.errors import ProblemError
from sellia.problems import DATABASE_AWAY
from sellia.storage.failures import StorageAway
from sellia.storage.interface import Storage
from sellia.text import field

THREADS: Final = 4

#: Calls that may be under way or wait.
WAITING: Final = 200

#: Seconds after which a call counts as slow, and for which `StorageThreads.finish` waits.
SLOW: Final = 2.0
FINISH_TIME: Final = 5.0

P = ParamSpec("P")
T = TypeVar("T")

_log = Logger()


class StorageState(Enum):
    """How the storage has answered lately."""

    WELL = "well"
    SLOW = "slow"
    AWAY = "away"


class _Daemons(ThreadPool):
    """Pool of threads that do not keep the process from ending."""

    threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]


class StorageThreads:
    """Calls one storage in threads.  ``start`` and ``finish`` go with the service."""

    def __init__(self, storage: Storage, reactor: Any) -> None:
        self.storage = storage
        self.state = StorageState.WELL
        #: Called when the storage is back after it was away.
        self.back: list[Callable[[], object]] = []
        self._reactor: Any = reactor
        self._pool = _Daemons(0, THREADS, "storage")
        self._under_way = 0
        self._idle: list[Deferred[None]] = []

    @property
    def clock(self) -> IReactorTime:
        """The reactor's clock."""
        clock: IReactorTime = self._reactor
        return clock

    @property
    def busy(self) -> int:
        """The number of calls that are under way or wait."""
        return self._under_way

    def start(self) -> None:
        """Begin to take calls."""
        self._pool.start()

    def call(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> "Deferred[T]":
        """Call a function in a thread.  The Deferred fails with what it raises, or at the bound `DATABASE_AWAY`."""
        if self._under_way >= WAITING:
            error = ProblemError(DATABASE_AWAY, f"{WAITING} calls wait for the server's database. Try again.")
            failed: Deferred[T] = Deferred()
            failed.errback(error)
            return failed
        self._under_way += 1
        late = self._reactor.callLater(SLOW, self._late)
        answer: Deferred[T] = self.run(function, *args, **named)

        def ended(result: Any) -> Any:
            self._under_way -= 1
            if late.active():
                late.cancel()
            self._judge(result, slow=late.called)
            idle, self._idle = (self._idle, []) if not self._under_way else ([], self._idle)
            for each in idle:
                each.callback(None)
            return result

        return answer.addBoth(ended)

    def run(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> "Deferred[T]":
        """Call a function in a thread, without bounds and judgement."""
        return deferToThreadPool(self._reactor, self._pool, function, *args, **named)

    def finish(self) -> "Deferred[None]":
        """Wait until no call is under way, for ``FINISH_TIME`` seconds at most, and end the threads that are idle."""
        done: Deferred[None] = Deferred()
        if not self._under_way:
            done.callback(None)
        else:
            late = self._reactor.callLater(FINISH_TIME, self._give_up, done)
            self._idle.append(done)
            done.addBoth(lambda _: late.cancel() if late.active() else None)
        return done.addCallback(lambda _: None if self._under_way else self._pool.stop())

    def _give_up(self, waiting: "Deferred[None]") -> None:
        if waiting in self._idle:
            self._idle.remove(waiting)
            waiting.callback(None)

    # --- how it is -------------------------------------------------------------------------------------------

    def _late(self) -> None:
        if self.state is StorageState.WELL:
            self.state = StorageState.SLOW
            _log.warn(
                "the database is slow: a call takes more than {seconds:g} s; what is in memory goes on", seconds=SLOW
            )

    def _judge(self, result: object, *, slow: bool) -> None:
        """Note how a call has ended, and log what has changed."""
        if isinstance(result, Failure) and result.check(StorageAway) is not None:
            if self.state is not StorageState.AWAY:
                _log.error(
                    "the database is away; what is in memory goes on, and nothing can be changed: {reason}",
                    reason=field(str(result.value)),
                )
            self.state = StorageState.AWAY
        elif self.state is StorageState.AWAY or (self.state is StorageState.SLOW and not slow):
            was, self.state = self.state, StorageState.WELL
            _log.info("the database is back: it was {state}", state=was.value)
            if was is StorageState.AWAY:
                for each in self.back:
                    each()
