"""Peers that take nothing of what waits for them, checked once a second and free in between."""

from typing import Any

from sellia.transports.reactor.sockets import unsent


class Stall:
    """Time for which a peer has taken nothing of what waits for it.

    What is added in the meantime is not mistaken for progress: only when less waits than before something was taken.
    As long as something waits, nothing is added without end, because a stream's window bounds it.
    """

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        self._left = 0
        self._since = now

    def seconds(self, left: int, now: float) -> float:
        """Return for how many seconds nothing was taken, ``left`` bytes waiting now."""
        if left < self._left:
            self._since = now
        self._left = left
        return now - self._since


class Unread:
    """Writer to ``transport`` whose peer is watched: a mixin for connections of visitors and WebSockets."""

    transport: Any

    _stall: Stall | None = None

    def unread(self, now: float) -> float:
        """Return for how many seconds the peer has taken nothing of what waits for it."""
        left = unsent(self.transport)
        if not left:
            self._stall = None
            return 0.0
        if self._stall is None:
            self._stall = Stall(now)
        return self._stall.seconds(left, now)
