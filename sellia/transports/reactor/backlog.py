"""Backlog of input that waits for the next turn of the reactor, worked through by turns for a bounded time.

A read of one socket may bring more than is to be done at once.  What is left of it waits here, and however many have
something left, together they take ``TURN`` seconds of each turn of the reactor.

Bounds: one entry for each connection that has something left.  A piece of work should take much less than ``TURN``.
"""

from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final
from weakref import WeakKeyDictionary

from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds of a turn that what was left of earlier ones may take.
TURN: Final = 0.001

#: A piece of work: whether there is more.
Work = Callable[[], bool]


class Backlog:
    """Backlog of one reactor.  ``now`` is a clock that measures what work takes."""

    __slots__ = ("_call", "_clock", "_now", "_queue")

    def __init__(self, clock: IReactorTime, now: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._now = now
        self._queue: deque[Work] = deque()
        self._call: IDelayedCall | None = None

    def add(self, work: Work) -> None:
        """Call ``work`` in turns to come, until it returns False."""
        self._queue.append(work)
        if self._call is None:
            self._call = self._clock.callLater(0, self._run)

    def remove(self, work: Work) -> None:
        """Do not call it again."""
        self._queue.remove(work)
        if not self._queue and self._call is not None:
            self._call.cancel()
            self._call = None

    def _run(self) -> None:
        self._call = None
        queue, now = self._queue, self._now
        end = now() + TURN
        while queue:
            work = queue.popleft()
            if work():
                queue.append(work)
            if now() >= end:
                break
        if queue and self._call is None:
            self._call = self._clock.callLater(0, self._run)


_backlogs: "WeakKeyDictionary[Any, Backlog]" = WeakKeyDictionary()


def backlog_of(clock: IReactorTime) -> Backlog:
    """Return the backlog of a reactor, the same for all who ask."""
    backlog = _backlogs.get(clock)
    if backlog is None:
        backlog = _backlogs[clock] = Backlog(clock)
    return backlog
