"""Connections to one service that nobody uses at the moment.

Need
    A request that finds a connection ready costs no dial.  A service may close a connection that is idle at any time,
    and the request that is just being written to it is then lost, without a way to know whether it was acted on.

How that race is met
    Requests that may be repeated (see :mod:`sellia.client.http`) take any idle connection, and are repeated once on a
    new one.  All others take only one that was in use less than ``FRESH`` seconds ago: no service in use closes idle
    connections that soon, while 2 and 5 seconds are common.

Bounds
    ``limit`` idle connections, each for ``seconds``; a connection that is being closed is dropped after ``CLOSE_WAIT``.
    Connections in use are bounded by the streams of the session.
"""

from typing import Any, Final, Generic, Protocol, TypeVar

from sellia.client.deadlines import Deadlines

#: Idle connections that are kept, and seconds for which each is.
IDLE_LIMIT: Final = 128
IDLE_SECONDS: Final = 30.0

#: A connection that was idle for less than so many seconds is not in danger of being closed.
FRESH: Final = 1.0

#: Seconds for a service to let a connection be closed in order.
CLOSE_WAIT: Final = 10.0


T = TypeVar("T", bound="Pooled")


class Pooled(Protocol):
    """What the pool needs of a connection."""

    def hang_up(self) -> None:
        """Close, behind what has been written."""

    def abort(self) -> None:
        """Drop at once."""


class Pool(Generic[T]):
    """Idle connections, newest first."""

    def __init__(self, clock: Any, *, limit: int = IDLE_LIMIT, seconds: float = IDLE_SECONDS) -> None:
        self._limit = limit
        self._idle: Deadlines[T] = Deadlines(clock, seconds, self.close)
        self._closing: Deadlines[T] = Deadlines(clock, CLOSE_WAIT, lambda connection: connection.abort())

    def __len__(self) -> int:
        return len(self._idle)

    def take(self, *, fresh: bool = False) -> T | None:
        """An idle connection, if there is one; with ``fresh`` only one that was in use a moment ago."""
        return self._idle.pop_newest(FRESH if fresh else None)

    def give(self, connection: T) -> None:
        """Nobody uses this connection any more, and it can be used again."""
        self._idle.add(connection)
        if len(self._idle) > self._limit:
            self.close(self._idle.pop_oldest())

    def close(self, connection: T) -> None:
        """Nobody will use this connection again."""
        self._closing.add(connection)
        connection.hang_up()

    def gone(self, connection: T) -> None:
        """This connection is closed, or is not to be used any more."""
        self._idle.discard(connection)
        self._closing.discard(connection)

    def stop(self) -> None:
        """Drop all connections."""
        for connection in self._idle.stop() + self._closing.stop():
            connection.abort()
