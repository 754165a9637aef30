"""Counts of what visitors did, from a client's events.

Bounds
    Percentiles are those of the last ``SAMPLE`` requests; of each exchange that is under way its number is kept.
"""

from collections import deque
from typing import Final

from sellia.client.events import (
    ConnectionClosed,
    ConnectionOpened,
    Event,
    RequestFinished,
    RequestRefused,
    RequestStarted,
    WebSocketClosed,
    WebSocketOpened,
    WebSocketRefused,
)

#: Requests whose durations percentiles are taken of.
SAMPLE: Final = 1000


class Figures:
    """What visitors did since the client started."""

    def __init__(self) -> None:
        #: Requests, WebSockets and connections that reached the client.
        self.total = 0
        #: Requests that the server answered itself.
        self.refused = 0
        #: Bytes from and to visitors, of exchanges that are over.
        self.bytes_in = self.bytes_out = 0
        self._requests: set[int] = set()
        self._websockets: set[int] = set()
        self._connections: set[int] = set()
        self._seconds: deque[float] = deque(maxlen=SAMPLE)
        self._ordered: list[float] | None = []

    @property
    def open(self) -> int:
        """Number of requests under way, and of open WebSockets and connections."""
        return len(self._requests) + len(self._websockets) + len(self._connections)

    def notify(self, event: Event) -> None:
        """Count an event."""
        match event:
            case RequestStarted():
                self.total += 1
                self._requests.add(event.id)
            case RequestFinished() if event.id in self._requests:  # a late reset tells an end that was told
                self._requests.discard(event.id)
                self._passed(event)
                self._seconds.append(event.seconds)
                self._ordered = None
            case WebSocketOpened():
                self._requests.discard(event.id)
                self._websockets.add(event.id)
            case WebSocketRefused():
                self._requests.discard(event.id)
            case WebSocketClosed():
                self._websockets.discard(event.id)
                self._passed(event)
            case ConnectionOpened():
                self.total += 1
                self._connections.add(event.id)
            case ConnectionClosed():
                self._connections.discard(event.id)
                self._passed(event)
            case RequestRefused():
                self.refused += 1 + event.suppressed

    def percentile(self, percent: int) -> float | None:
        """Return the seconds within which so many percent of the last requests ended; None before the first."""
        if self._ordered is None:
            self._ordered = sorted(self._seconds)
        if not self._ordered:
            return None
        return self._ordered[-(-len(self._ordered) * percent // 100) - 1]

    def _passed(self, event: RequestFinished | WebSocketClosed | ConnectionClosed) -> None:
        self.bytes_in += event.bytes_in
        self.bytes_out += event.bytes_out
