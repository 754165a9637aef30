"""Peers that take nothing of what waits for them.  They are looked at once a second, and cost nothing in between."""

from typing import Any

from sellia.relay.limits.stall import Stall
from sellia.transports.reactor.sockets import unsent


class Unread:
    """What writes to ``transport``, for whoever watches over it."""

    transport: Any

    _stall: Stall | None = None

    def unread(self, now: float) -> float:
        """For how many seconds the peer has taken nothing of what waits for it."""
        left = unsent(self.transport)
        if not left:
            self._stall = None
            return 0.0
        if self._stall is None:
            self._stall = Stall(now)
        return self._stall.seconds(left, now)
