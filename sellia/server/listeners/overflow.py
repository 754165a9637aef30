"""Overflow: connections for which there is no room are told so, and nothing that they send is read.

Bounds: ``TURNED_AWAY`` of them are told at a time, each has ``LINGER`` seconds to take note, and costs a fifth of what
a visitor's connection does.  Beyond that they are closed at once, without a word, and so are those that would have to
be given a TLS handshake first.
"""

from typing import Any, Final

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from sellia.problems import OVERLOADED
from sellia.relay.http.error_responses import answer, to_bytes
from sellia.server.ingress.closing import LINGER
from sellia.server.ingress.ingress import Ingress
from sellia.server.ingress.patience import NEVER
from sellia.transports.reactor.sockets import half_close, is_tls

#: Maximum connections that are told at a time.
TURNED_AWAY: Final = 100

_NO_ROOM: Final = to_bytes(answer(OVERLOADED), close=True)


class OverflowConnection(Protocol):
    """Connection for which there is no room."""

    transport: Any

    def __init__(self, ingress: Ingress, peer: str, limit: str) -> None:
        self._ingress = ingress
        self._peer = peer
        self._limit = limit
        self._deadline = NEVER

    def connectionMade(self) -> None:
        ingress, transport = self._ingress, self.transport
        # over TLS, there would be a handshake first
        told = not is_tls(transport) and ingress.guard.turned_away < TURNED_AWAY
        ingress.guard.refused(self._limit, self._peer, 503 if told else "closed")
        if not told:
            transport.abortConnection()
            return
        ingress.guard.turned_away += 1
        ingress.connections.add(self)
        self._deadline = ingress.clock.seconds() + LINGER
        transport.write(_NO_ROOM)
        if not half_close(transport):
            transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self in self._ingress.connections:
            self._ingress.connections.discard(self)
            self._ingress.guard.turned_away -= 1

    def check(self, now: float) -> None:
        """Cut the connection once it has had its time; called once a second."""
        if self._deadline <= now:
            self.transport.abortConnection()

    def drop(self) -> None:
        """Cut the connection: the server stops."""
        self.transport.abortConnection()

    def drain(self) -> None:
        """Do nothing: it has been told already that there is no room."""

    busy = False  #: nothing is on its way to it
