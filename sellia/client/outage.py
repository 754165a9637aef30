"""What ends while the link is away, for the line that says that it is back.

Counted are WebSockets, and requests that fail.  A WebSocket counts once it ends, though its socket may take a while to
close; a request counts when its failure is told.
"""

from collections.abc import Iterable

from sellia.client.events import Event, RequestFinished
from sellia.transports.websocket.pipe import WebSocketLeg


class Outage:
    """One loss of the link, from when it is noticed until all that the other side did meanwhile is known."""

    __slots__ = ("_failed", "_pipes")

    def __init__(self, pipes: Iterable[WebSocketLeg]) -> None:
        self._pipes = [pipe for pipe in pipes if not pipe.ending]
        self._failed = 0
        for pipe in self._pipes:
            pipe.link_away()

    def heard(self, event: Event) -> None:
        """This was told to whoever listens."""
        if isinstance(event, RequestFinished) and event.error is not None:
            self._failed += 1

    @property
    def ended(self) -> int:
        """WebSockets that have ended, and requests that have failed."""
        return self._failed + sum(pipe.ending for pipe in self._pipes)

    @property
    def pings_answered(self) -> int:
        """Pings of services that were answered here."""
        return sum(pipe.pings_answered for pipe in self._pipes)
