"""Connection pool of one service: idle connections, and who may use them again.

Need
    A request that finds a connection ready costs no dial.  But what a service left on a connection must never reach
    somebody else: many services leave a request's body unread, and take it for the next request, or send a body
    behind the head that answers HEAD.

Whose a connection is
    One is *clean* while it has carried nothing but requests without a body and answers that must be read whole; any
    visitor may use it.  After anything else it belongs to the visitor's connection that used it last (`owner`), and
    nobody else gets it.  Where the server does not tell visitors' connections apart, it is closed.

How the race with a service that closes is met
    A service may close an idle connection at any time.  Before each use the socket is looked at, so what has arrived
    counts: the end of the connection, or bytes that nobody asked for.  What is on its way cannot be seen.  So requests
    that may not be repeated take only a connection that was in use less than ``FRESH`` seconds ago, or half of the
    shortest time after which this service has ever closed one.

Bounds
    ``limit`` idle connections, each for ``seconds``; a connection that is being closed is dropped after ``CLOSE_WAIT``.
    Connections with a login (:mod:`sellia.relay.http.logins`) stay until their visitor's connection is closed,
    ``limit`` of them at most.  Connections in use are bounded by the streams of the session.
"""

from typing import Any, Final, Generic, Protocol, TypeVar

from sellia.client.local.deadlines import Deadlines

#: Limit of idle connections, and of the seconds for which each is kept.
IDLE_LIMIT: Final = 128
IDLE_SECONDS: Final = 30.0

#: Seconds for which an idle connection counts as safe from being closed by the service.
FRESH: Final = 1.0

#: Seconds for a connection to close in order, before it is dropped.
CLOSE_WAIT: Final = 10.0

#: Seconds for which a connection with a login is kept for its visitor's next request.
LOGIN_SECONDS: Final = 3600.0


T = TypeVar("T", bound="Pooled")


class Pooled(Protocol):
    """Interface of a connection in the pool."""

    #: Number of the visitor's connection that alone may use it; 0 for a clean one.
    owner: int

    #: Whether it carries a login.
    login: bool

    def quiet(self) -> bool:
        """Return whether nothing waits in the socket: no bytes, and no end."""

    def hang_up(self) -> None:
        """Close, behind what has been written."""

    def abort(self) -> None:
        """Drop at once."""


class Pool(Generic[T]):
    """Idle connections, newest first."""

    def __init__(self, clock: Any, *, limit: int = IDLE_LIMIT, seconds: float = IDLE_SECONDS) -> None:
        self._limit = limit
        self._clock = clock
        #: Seconds for which an idle connection of this service is safe from being closed, as far as is known.
        self.safe = FRESH
        self._clean: Deadlines[T] = Deadlines(clock, seconds, self.close)
        self._owned: Deadlines[T] = Deadlines(clock, seconds, self._expired)
        self._logins: Deadlines[T] = Deadlines(clock, LOGIN_SECONDS, self._expired)
        self._closing: Deadlines[T] = Deadlines(clock, CLOSE_WAIT, lambda connection: connection.abort())
        self._by_owner: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self._clean) + len(self._by_owner)

    def take(self, owner: int = 0, *, fresh: bool = False) -> T | None:
        """Take an idle connection for a request that came on the visitor's connection ``owner``, if there is one.

        With ``fresh`` only one that was in use a moment ago, unless it has a login, for which there is no substitute.
        """
        kept = self._by_owner.pop(owner, None) if self._by_owner else None
        if kept is not None:
            table = self._logins if kept.login else self._owned
            idle = table.age(kept)
            table.discard(kept)
            if fresh and idle >= self.safe and not kept.login:
                self.close(kept)
            elif self._usable(kept, idle):
                return kept
        table = self._clean
        while (found := table.newest()) is not None:
            newest, idle = found
            if fresh and idle >= self.safe:
                break
            table.discard(newest)
            if self._usable(newest, idle):
                return newest
        return None

    def take_login(self, owner: int) -> T | None:
        """Take the connection with the login of the visitor's connection ``owner``, if there is one."""
        connection = self._by_owner.get(owner)
        return self.take(owner) if connection is not None and connection.login else None

    def give(self, connection: T) -> None:
        """Keep a connection that nobody uses any more, and that can be used again."""
        owner = connection.owner
        if not owner:
            self._clean.add(connection)
            if len(self._clean) + len(self._by_owner) > self._limit:
                self.close(self._clean.pop_oldest())
            return
        before = self._by_owner.pop(owner, None)
        if before is not None:
            self._forget(before)
            self.close(before)
        self._by_owner[owner] = connection
        (self._logins if connection.login else self._owned).add(connection)
        if len(self) > self._limit:
            self._make_room()

    def close(self, connection: T) -> None:
        """Close a connection in order."""
        self._closing.add(connection)
        connection.hang_up()

    def gone(self, connection: T) -> None:
        """Forget a connection that is closed, or is not to be used any more."""
        self._clean.discard(connection)
        if self._by_owner.get(connection.owner) is connection:
            del self._by_owner[connection.owner]
            self._forget(connection)
        self._closing.discard(connection)

    def closed_by_service(self, connection: T) -> None:
        """Forget a connection that the service has closed; if it was idle, connections of that age are not safe."""
        for table in (self._clean, self._owned, self._logins):
            if connection in table:
                self.caught(table.age(connection))
        self.gone(connection)

    def caught(self, idle: float) -> None:
        """Lower ``safe``: the service closed a connection that had been idle for ``idle`` seconds."""
        self.safe = min(self.safe, idle / 2)

    def left(self, owner: int) -> None:
        """Close what was kept for the visitor's connection ``owner``, which is closed."""
        connection = self._by_owner.pop(owner, None)
        if connection is not None:
            self._forget(connection)
            self.close(connection)

    def disown(self) -> None:
        """Close what was kept for visitors' connections, because the session is over."""
        for owner in list(self._by_owner):
            self.left(owner)

    def stop(self) -> None:
        """Drop all connections."""
        self._by_owner.clear()
        for table in (self._clean, self._owned, self._logins, self._closing):
            for connection in table.stop():
                connection.abort()

    # --- inside --------------------------------------------------------------------------------------------

    def _expired(self, connection: T) -> None:
        """Close a connection that was kept for its visitor long enough."""
        self._by_owner.pop(connection.owner, None)
        self.close(connection)

    def _forget(self, connection: T) -> None:
        self._owned.discard(connection)
        self._logins.discard(connection)

    def _usable(self, connection: T, idle: float) -> bool:
        """Return whether the service has neither closed a connection nor sent bytes unasked; else drop it."""
        if connection.quiet():
            return True
        self.caught(idle)
        connection.abort()
        return False

    def _make_room(self) -> None:
        """Close the oldest: one that anybody may use, else one that is kept for its visitor, else a login."""
        for table in (self._clean, self._owned, self._logins):
            if len(table):
                oldest = table.pop_oldest()
                if oldest.owner:
                    self._by_owner.pop(oldest.owner, None)
                self.close(oldest)
                return
