"""The recorder: writes events, usage, the last use of keys and kept names, together and once a second.

Need
    Much happens that is worth keeping and not worth waiting for.  It must not keep a disk busy, and a database that is
    away must not make memory grow.

Invariants
    * At most one write is under way; what comes meanwhile is in the next.
    * What could not be written is written later, in its order, and what did not fit is counted in an event.
    * The last use of a key is written once a minute at most.

Bounds
    ``EVENTS`` events and ``ROWS`` rows of usage wait; ``BATCH`` changes are written at once.  Events of refusals are
    bounded by `sellia.server.accounts.journal`.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from sellia.errors import ProblemError
from sellia.server.accounts.changes import Changes, Planned
from sellia.server.accounts.names import Names
from sellia.server.accounts.threads import StorageThreads
from sellia.server.settings import ServerSettings
from sellia.storage.failures import StorageAway, StorageError
from sellia.storage.interface import Add, Change, Insert, Used
from sellia.storage.records import Event, Usage

EVENTS: Final = 10_000
ROWS: Final = 20_000

#: Changes that are written at once.
BATCH: Final = 2_000

#: Seconds after a write that has failed, and between two looks for what is too old.
PAUSE: Final = 5.0
PRUNE_EVERY: Final = 3600.0

#: For how long answers to idempotency keys are kept.
ANSWERS_KEPT: Final = timedelta(days=1)

#: Seconds between two writes of a key's last use.
USE_EVERY: Final = 60.0

_log = Logger()


class Recorder:
    """Writes to one storage; ``today`` returns the time of day."""

    def __init__(
        self,
        threads: StorageThreads,
        changes: Changes,
        names: Names,
        today: Callable[[], datetime],
        settings: ServerSettings,
    ) -> None:
        self._threads = threads
        self._changes = changes
        self._names = names
        self._today = today
        self._events: deque[Event] = deque()
        self._lost = 0
        self._usage: dict[tuple[str, str, date], Usage] = {}
        self._uses: dict[str, Used] = {}
        self._used_at: dict[str, datetime] = {}
        self._writing: Deferred[None] | None = None
        self._not_before = 0.0
        self._pruned_at = 0.0
        self.set_settings(settings)

    def set_settings(self, settings: ServerSettings) -> None:
        """Keep events and usage for other times from now on."""
        self._events_kept = timedelta(seconds=settings.events_kept)
        self._usage_kept = timedelta(seconds=settings.usage_kept)

    # --- what is to be written -------------------------------------------------------------------------------

    def event(self, event: Event) -> None:
        """Keep an event."""
        if len(self._events) < EVENTS:
            self._events.append(event)
        else:
            self._lost += 1

    def add(self, rows: Sequence[Add]) -> None:
        """Keep usage."""
        for each in rows:
            usage = each.usage
            place = usage.account_id, usage.name, usage.day
            known = self._usage.get(place)
            if known is not None:
                self._usage[place] = replace(
                    known,
                    requests=known.requests + usage.requests,
                    messages=known.messages + usage.messages,
                    bytes_in=known.bytes_in + usage.bytes_in,
                    bytes_out=known.bytes_out + usage.bytes_out,
                    connected_seconds=known.connected_seconds + usage.connected_seconds,
                )
            elif len(self._usage) < ROWS:
                self._usage[place] = usage
            else:
                self._lost += 1

    def used(self, key_id: str, address: str) -> None:
        """Keep that a key was used from an address, unless that was written less than a minute ago."""
        now = self._today()
        before = self._used_at.get(key_id)
        if before is None or (now - before).total_seconds() >= USE_EVERY:
            self._used_at[key_id] = now
            self._uses[key_id] = Used(key_id, now, address)

    @property
    def waiting(self) -> int:
        """The number of changes that wait to be written."""
        return len(self._events) + len(self._usage) + len(self._uses)

    # --- writing ---------------------------------------------------------------------------------------------

    def flush(self, now: float) -> None:
        """Begin to write what waits, once a second; ``now`` is the clock's time."""
        if self._writing is None and now >= self._not_before:
            self._begin(now)

    def finish(self) -> "Deferred[None]":
        """Write what waits, if it can be written at once."""

        async def rest() -> None:
            if self._writing is not None:
                await self._writing
            await self._write(self._threads.clock.seconds())

        return Deferred.fromCoroutine(rest())

    def _begin(self, now: float) -> None:
        self._writing = Deferred()
        writing = Deferred.fromCoroutine(self._write(now))

        def ended(result: Any) -> None:
            over, self._writing = self._writing, None
            assert over is not None
            over.callback(None)
            if result is not None:
                _log.failure("a defect of Sellia's own: events and usage were not written", result)

        writing.addBoth(ended)

    async def _write(self, now: float) -> None:
        try:
            await self._write_rows()
            await self._write_names()
            if now - self._pruned_at >= PRUNE_EVERY or not self._pruned_at:
                self._pruned_at = max(now, 1.0)
                await self._prune()
        except (StorageError, ProblemError):
            self._not_before = now + PAUSE  # the threads have logged it

    async def _write_rows(self) -> None:
        """Write events, usage and uses, a batch after the other."""
        while self.waiting or self._lost:
            if self._lost and len(self._events) < EVENTS:
                detail = {"events": self._lost}
                self._events.append(Event(self._today(), "events.lost", detail=detail))
                self._lost = 0
            events = [self._events.popleft() for _ in range(min(BATCH, len(self._events)))]
            rows = [self._usage.pop(place) for place in list(self._usage)[: BATCH - len(events)]]
            uses = [self._uses.pop(key) for key in list(self._uses)[: BATCH - len(events) - len(rows)]]
            changes: list[Change] = [*map(Insert, events), *map(Add, rows), *uses]
            try:
                await self._threads.call(self._threads.storage.write, changes)
            except (StorageAway, ProblemError):
                self._events.extendleft(reversed(events))
                self.add([Add(each) for each in rows])
                for use in uses:
                    self._uses.setdefault(use.key_id, use)
                raise
            except StorageError as error:
                _log.error("{count} events and rows of usage are lost: {error}", count=len(changes), error=str(error))
            else:
                self._changes.note(uses)

    async def _write_names(self) -> None:
        """Write which names are kept, on the one path of change."""
        while True:
            changes: list[Change] = []

            def plan(changes: list[Change] = changes) -> Planned:
                changes += self._names.unwritten(BATCH)
                return Planned(changes, None)

            try:
                await self._changes.write(plan)
            except (StorageError, ProblemError):
                self._names.put_back(changes)
                raise
            if not changes:
                return

    async def _prune(self) -> None:
        """Delete what is too old."""
        now, storage = self._today(), self._threads.storage
        events, answers = now - self._events_kept, now - ANSWERS_KEPT
        usage = (now - self._usage_kept).date()
        for key, at in list(self._used_at.items()):
            if (now - at).total_seconds() >= USE_EVERY:
                del self._used_at[key]
        while await self._threads.call(storage.prune, events_before=events, usage_before=usage, answers_before=answers):
            pass
