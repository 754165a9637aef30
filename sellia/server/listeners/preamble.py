"""Connections that are read up to a certain point before it is known what they are: a header, or a ClientHello.

From then on another protocol has the socket, and gets what was read behind that point, or all of it.

Bounds
    Until then a connection has a place like any other, as an idle one that gives way when somebody else needs it, and
    ``handshake_timeout`` seconds.  What its reader holds is bounded by the reader.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from typing import Protocol as Interface

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from sellia.server.ingress.ingress import Ingress

Found_co = TypeVar("Found_co", covariant=True)
Found = TypeVar("Found")


class Reader(Interface[Found_co]):
    """Parser of what comes first."""

    def feed(self, data: bytes) -> Found_co | None:
        """Take more bytes; None until it is whole.  Raises ValueError for what cannot be it."""


class Preamble(Protocol, Generic[Found]):
    """Connection whose first bytes a reader takes.

    A subclass says what follows: it calls :meth:`wait` when the connection is made, and one of :meth:`become` and
    :meth:`cut` from :meth:`found`, :meth:`malformed` and :meth:`late`.
    """

    transport: Any

    busy = False  #: nobody waits for anything before it is known what the connection is

    def __init__(self, ingress: Ingress, peer: str, reader: Reader[Found]) -> None:
        self.ingress = ingress
        self.peer = peer
        self._reader: Reader[Found] | None = reader
        self._inner: Any = None
        self._place: Any = None
        self._deadline = 0.0

    # --- for the subclass --------------------------------------------------------------------------------------

    def found(self, what: Found) -> None:
        """Go on with what was read."""
        raise NotImplementedError

    def malformed(self, why: str) -> None:
        """End, because what came first cannot be it."""
        raise NotImplementedError

    def late(self) -> None:
        """End, because what comes first is not whole in time."""
        raise NotImplementedError

    def wait(self, *, trusted: bool) -> None:
        """Give the connection its place and its time; ``trusted``: it counts for no address."""
        ingress = self.ingress
        self._place = ingress.guard.acquire(self.peer, trusted=trusted)
        self._deadline = ingress.clock.seconds() + ingress.settings.handshake_timeout
        ingress.guard.places.idle(self, self._evict)
        ingress.connections.add(self)

    def become(self, make: Callable[[], Any], rest: bytes) -> None:
        """Hand the socket over to what ``make`` returns, with the bytes that it has not read.

        The place is given back first, because what is made looks for one.  ``make`` may return None, and the connection
        is cut then, as Twisted does.
        """
        self._reader = None
        self._leave()
        inner = self._inner = make()
        transport = self.transport
        if inner is None:
            transport.abortConnection()
            return
        if getattr(transport, "protocol", None) is self:
            transport.protocol = inner  # what comes need not pass by here
        inner.makeConnection(transport)
        if rest:
            inner.dataReceived(rest)

    def ignore(self) -> None:
        """Read nothing of what still comes."""
        self._reader = None

    def cut(self, limit: str = "") -> None:
        """Abort the connection, and count the ``limit`` that it has broken, if it has."""
        self._reader = None
        if limit:
            self.ingress.guard.refused(limit, self.peer, "closed")
        self.transport.abortConnection()

    # --- Twisted -----------------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        inner, reader = self._inner, self._reader
        if inner is not None:
            inner.dataReceived(data)
        elif reader is not None:
            try:
                what = reader.feed(data)
            except ValueError as error:
                self.malformed(str(error))
                return
            if what is not None:
                self.found(what)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            inner.connectionLost(reason)
        else:
            self._leave()

    # --- once a second: a Watched --------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """End a connection whose time is over."""
        if self._deadline <= now and self._reader is not None:
            self.late()

    def drop(self) -> None:
        """Cut the connection: the server stops."""
        self.transport.abortConnection()

    def drain(self) -> None:
        """Do nothing: what the connection becomes is told."""

    # --- inside --------------------------------------------------------------------------------------------------

    def _evict(self) -> None:
        """Give the place to somebody else."""
        self._leave()
        self.cut()

    def _leave(self) -> None:
        ingress = self.ingress
        if self in ingress.connections:
            ingress.connections.discard(self)
            ingress.guard.places.busy(self)
            self._place.release()
