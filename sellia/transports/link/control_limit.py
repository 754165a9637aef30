"""Limits of a link's control frames, and of other input that has no effect, and the pongs that a peer does not read.

Need
    A ping makes this end work and answer, and input without effect (text, small fragments, pongs that nobody asked
    for, acks of nothing, records of unknown kinds) makes it work.  Both occur between honest peers, at a rate; beyond
    it, they are a flood.

Bounds
    ``rate`` for pings of either kind together, and the same again for what has no effect.  While the peer does not
    read, one pong of each kind is kept, the last (RFC 6455, section 5.5.3).
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from sellia.errors import ProtocolError
from sellia.relay.limits.token_bucket import Bucket, Rate

#: Pings on a link whose factory does not set another rate, and as often input without effect.  This end sends one ping
#: per ``ping_interval``.
CONTROL_RATE: Final = Rate(1000, 100.0)


class ControlFrameLimit:
    """Counts for one link.  ``rate`` may be set until something has been counted; until then there is no bucket."""

    __slots__ = ("_clock", "_idle", "_pings", "rate")

    def __init__(self, clock: IReactorTime, rate: Rate) -> None:
        self._clock = clock
        self.rate = rate
        self._pings: Bucket | None = None
        self._idle: Bucket | None = None

    def ping_received(self) -> None:
        """Count a ping.  Raises ProtocolError for one too many."""
        if self._pings is None:
            self._pings = Bucket(self.rate)
        if self._pings.take(self._clock.seconds()):
            raise ProtocolError("too many pings on one link", 1008)

    def idle_received(self, count: int = 1) -> None:
        """Count input without effect.  Raises ProtocolError when there is too much of it."""
        if self._idle is None:
            self._idle = Bucket(self.rate)
        if self._idle.take(self._clock.seconds(), count):
            raise ProtocolError("too much that says nothing on one link", 1008)


class PendingPongs:
    """Pongs for a peer that does not read now: the last of each kind."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending: dict[Callable[[Any], None], Any] = {}

    def add(self, send: Callable[[Any], None], pong: Any) -> None:
        """Call ``send(pong)`` when the peer reads again; ``send`` tells the kinds apart."""
        self._pending[send] = pong

    def flush(self) -> None:
        """Send what is pending: the peer reads."""
        if self._pending:
            pending, self._pending = self._pending, {}
            for send, pong in pending.items():
                send(pong)
