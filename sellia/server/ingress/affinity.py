"""Affinity of a visitor's connection: its number for clients, and which of them are told when it is closed.

A client may keep a connection to its service for one visitor's connection alone (``docs/protocol.rst``, 4.4).  A
proxy's connection carries the requests of many visitors, so it has no number.
"""

from typing import Final

from sellia.protocol.messages import VisitorLeft
from sellia.relay.mux.stream import StreamOwner
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.interim import through_a_proxy


class Affinity:
    """Affinity of one connection; ``number`` is 0 for a connection that has none."""

    __slots__ = ("_checked", "_number", "_sessions", "last")

    def __init__(self, number: int = 0) -> None:
        self._number = number
        #: Whether a request has been checked for the fields that proxies add.
        self._checked = False
        #: Sessions whose clients may keep a connection to a service.
        self._sessions: set[StreamOwner] | None = None
        #: The session whose client completed the last response, if it has been noted.
        self.last: StreamOwner | None = None

    def number_for(self, request: Request) -> int:
        """Return the number, which is 0 from the first request on if that came through a proxy, which pools."""
        if self._number and not self._checked:
            self._checked = True
            if through_a_proxy(request):
                self._number = 0
        return self._number

    def answered(self, session: StreamOwner) -> None:
        """Note a session whose client has completed a response."""
        if self._number:
            self.last = session
            if self._sessions is None:
                self._sessions = set()
            self._sessions.add(session)

    def end(self) -> None:
        """Tell clients that no more requests come from the connection: they close what they kept for it."""
        sessions, self._sessions = self._sessions, None
        self.last = None
        for session in sessions or ():
            if not session.closed:
                session.send_control(VisitorLeft(self._number))


NO_AFFINITY: Final = Affinity()
