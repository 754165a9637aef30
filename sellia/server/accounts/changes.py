"""The one path of change: checked against memory, written, and only then in memory.

Need
    Two who ask for one name at the same moment must not both get it, and what was acknowledged must be stored.

Invariants
    * Changes are made one after the other; each is checked against all that were made before.
    * Memory changes after the write has returned, in one turn of the reactor, and those who watch are told then.
    * Where it is not known whether a write was done, or somebody else has written, the directory is read anew before
      the next change is checked.  It is read and sorted in a thread.

Bounds
    A change waits ``PATIENCE`` seconds for its turn and its write; then whoever asked is told to try again.  A write
    that was begun goes on, and memory follows it.
"""

import gc
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.errors import ProblemError
from sellia.problems import CONFLICT, DATABASE_AWAY, INVALID_VALUE
from sellia.server.accounts.live import LiveDirectory
from sellia.server.accounts.threads import StorageThreads
from sellia.storage.failures import Conflict, Missing, StorageAway, StorageError, Unstorable
from sellia.storage.interface import Change

#: Seconds for a change.
PATIENCE: Final = 10.0

T = TypeVar("T")

_log = Logger()


class Planned(NamedTuple):
    """What a change writes, and what whoever asked for it is given."""

    changes: Sequence[Change]
    result: Any


class Changes:
    """The changes of one live directory and its storage."""

    def __init__(self, live: LiveDirectory, threads: StorageThreads) -> None:
        self._live = live
        self._threads = threads
        self._lock = DeferredLock()
        #: Whether memory may not be what is stored.
        self.doubtful = True
        self._revision = 0
        #: Called with the changes that have been made; with None, all may be other than before.
        self.watchers: list[Callable[[Sequence[Change] | None], object]] = []

    def load(self) -> "Deferred[None]":
        """Read the directory, if that has to be done.  Fails with StorageError."""
        return self._lock.run(lambda: Deferred.fromCoroutine(self._refresh()))

    def make(self, plan: Callable[[], Planned]) -> "Deferred[Any]":
        """Make the change that ``plan`` returns, and return its result.

        ``plan`` may raise ProblemError; the Deferred fails with one where the change cannot be made or written.
        """
        made: Deferred[Any] = self._lock.run(lambda: Deferred.fromCoroutine(self._make(plan)))
        answer: Deferred[Any] = Deferred()

        def give_up() -> None:
            detail = f"The server's database has not answered within {PATIENCE:g} s; the change may still be made."
            answer.errback(ProblemError(DATABASE_AWAY, detail))

        timer = self._threads.clock.callLater(PATIENCE, give_up)

        def ended(result: Any) -> None:
            if answer.called:
                if isinstance(result, Failure) and result.check(ProblemError) is None:
                    _log.failure("a change failed after whoever asked had been told to try again", result)
                return
            timer.cancel()
            answer.callback(result)

        made.addBoth(ended)
        return answer

    def write(self, plan: Callable[[], Planned]) -> "Deferred[Any]":
        """Make the change that ``plan`` returns, however long that takes.  Fails with StorageError."""
        return self._lock.run(lambda: Deferred.fromCoroutine(self._planned(plan)))

    def note(self, changes: Sequence[Change]) -> None:
        """Have in memory what was written elsewhere and is nobody's to decide, such as the last use of keys."""
        self._live.apply(changes)

    async def _make(self, plan: Callable[[], Planned]) -> Any:
        try:
            return await self._planned(plan)
        except StorageError as error:
            raise told(error) from error

    async def _planned(self, plan: Callable[[], Planned]) -> Any:
        await self._refresh()
        planned = plan()
        if planned.changes:
            await self._write(planned.changes)
        return planned.result

    async def _write(self, changes: Sequence[Change]) -> None:
        try:
            revision = await self._threads.call(self._written, changes)
        except (StorageAway, Conflict, Missing):
            self.doubtful = True  # it may have been done, or somebody else has changed something
            raise
        if revision > self._revision + 1:
            self.doubtful = True
        self._revision = revision
        self._live.apply(changes)
        for each in self.watchers:
            each(changes)

    def _written(self, changes: Sequence[Change]) -> int:
        """Write, in a thread, and return the revision after it."""
        self._threads.storage.write(changes)
        return self._threads.storage.revision()

    async def _refresh(self) -> None:
        if not self.doubtful:
            return
        self._revision, fresh = await self._threads.call(self._read)
        self.doubtful = False
        self._live.take(fresh)
        for each in self.watchers:
            each(None)

    def _read(self) -> tuple[int, LiveDirectory]:
        """Read everything, in a thread.

        Collection of garbage rests meanwhile: it would go through all that was made again and again, and find nothing.
        """
        collects = gc.isenabled()
        gc.disable()
        try:
            directory = self._threads.storage.directory()
            return directory.revision, LiveDirectory.of(directory)
        finally:
            if collects:
                gc.enable()

    async def look(self) -> None:
        """Read the directory anew if somebody else has written.  Raises StorageError."""
        revision = await self._threads.call(self._threads.storage.revision)
        if revision != self._revision and not self._lock.locked:
            self.doubtful = True
        if self.doubtful:
            await self.load()


def told(error: StorageError) -> ProblemError:
    """Return what whoever asked is told of an error of the storage."""
    if isinstance(error, Unstorable):
        return ProblemError(INVALID_VALUE, str(error))
    return ProblemError(DATABASE_AWAY) if isinstance(error, StorageAway) else ProblemError(CONFLICT, str(error))
