"""Liveness of a link: a ping after an interval of silence, and the end of a link that has been silent for too long.

Need
    A connection whose other side is gone may say nothing of it for minutes.  So it is asked, and given up when neither
    an answer nor anything else comes.

Invariants
    * Whatever is received is a sign of life, not only an answer: on a slow link, pongs wait behind bulk data.
    * While this end does not read, nothing can be received, and that time does not count as silence.
    * One timer runs from :meth:`Liveness.watch` to :meth:`Liveness.stop`, and none after that.

Bounds
    A peer that has gone silent is noticed within ``timeout`` seconds of the last sign of life.

Designs not chosen
    *Autobahn's automatic pings*: they count pongs only, and a slow bulk transfer would be mistaken for death.
"""

from math import inf
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sellia.transports.reactor.waiting import cancel

#: Seconds for which one ``ask`` serves everybody who asks: strangers may cause such questions.
ASK_AGAIN: Final = 0.1


class KeptAlive(Protocol):
    """What a Liveness needs of its link."""

    def ping(self) -> None:
        """Make the peer answer."""

    def keep_alive(self, silent: float) -> None:
        """Act on an interval that is over: nothing has been received for ``silent`` seconds, less than the timeout."""

    def timed_out(self, silent: float) -> None:
        """Give the link up: nothing has been received for ``silent`` seconds."""


class Liveness:
    """Watches over one link."""

    __slots__ = ("_asked_at", "_clock", "_link", "_timer", "interval", "last", "suspended", "timeout")

    def __init__(self, link: KeptAlive, clock: IReactorTime) -> None:
        self._link = link
        self._clock = clock
        self._asked_at = -inf
        #: Seconds between two checks, and of silence after which the link is given up.
        self.interval = self.timeout = inf
        self._timer: IDelayedCall | None = None
        #: When something was last received; set by the link with each read.
        self.last = clock.seconds()
        #: Whether this end leaves its socket unread, so that silence says nothing.
        self.suspended = False

    @property
    def heard(self) -> float:
        """When something was last received, or now while this end does not read."""
        return self._clock.seconds() if self.suspended else self.last

    def suspend(self) -> None:
        """Count no silence from now on."""
        self.suspended = True

    def resume(self) -> None:
        """Count silence again, from now."""
        self.suspended = False
        self.last = self._clock.seconds()

    def ask(self) -> float:
        """Ping the peer, unless it has just been; it is alive once ``heard`` is what this returns, or more."""
        now = self._clock.seconds()
        if now - self._asked_at >= ASK_AGAIN:
            self._asked_at = now
            self.last = min(self.last, now - 0.001)
            self._link.ping()
        return self._asked_at

    def watch(self, interval: float, timeout: float) -> None:
        """Watch from now on: ``keep_alive`` every ``interval`` seconds, ``timed_out`` after ``timeout`` of silence."""
        self.interval, self.timeout = interval, timeout
        self.stop()
        self._timer = self._clock.callLater(interval, self._look)

    def look(self) -> None:
        """Check at once, if the link is watched: after a sleep of the machine, timers are late."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
            self._look()

    def stop(self) -> None:
        """Watch no more."""
        cancel(self._timer)

    def _look(self) -> None:
        silent = self._clock.seconds() - self.heard
        if silent >= self.timeout:
            self._link.timed_out(silent)
            return
        self._link.keep_alive(silent)
        self._timer = self._clock.callLater(min(self.interval, self.timeout - silent), self._look)
