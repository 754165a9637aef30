"""Racing connection attempts to the server: the first whose link opens wins (RFC 8305, for one host).

Need
    A connection that a network has swallowed is not heard of again for seconds, while a new one would come through at
    once; and one that is only slow must not be given up for that.  So older attempts go on while younger ones are
    made, as for the addresses of a host in RFC 8305.

Invariants
    * An attempt ends once: its link is open, it has failed, or it is not wanted any more, because another was quicker
      or nobody wants a link.  The first two are told.
    * When a link opens, there are no others.

Bounds
    ``RACERS`` attempts at a time: when another is made, the oldest that has no connection has failed.  Each has
    ``ATTEMPT_TIME`` seconds until its link is open.
"""

from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from sellia.client.link.backoff import ATTEMPT_TIME
from sellia.client.link.tunnelled import ProxyLogin
from sellia.client.reasons import reason
from sellia.transports.link.keeper import Link
from sellia.transports.link.native import ClientLink
from sellia.transports.reactor.waiting import cancel
from sellia.transports.tls import SpeaksHttp1

#: Limit of concurrent attempts.
RACERS: Final = 4

#: Seconds after which a silent attempt is reported.
SILENCE: Final = 5.0


class Starter(Protocol):
    """Interface of the attempts' owner, the connector."""

    def build_link(self, address: IAddress | None) -> ClientLink:
        """Return the protocol for a new connection."""

    def attempt_connected(self, attempt: "Attempt") -> None:
        """Note that there is a connection, without a word from the server yet."""

    def attempt_failed(self, attempt: "Attempt", why: str) -> None:
        """Note that an attempt has failed."""

    def login_refused(self, why: str) -> None:
        """Note that the attempt that is about to fail was refused by a proxy, which wants another login."""

    def attempt_silent(self, attempt: "Attempt", why: str) -> None:
        """Note that an attempt has been silent for ``SILENCE`` seconds; it goes on."""


class Attempt(SpeaksHttp1, Factory):
    """One attempt, from dialing to an open link.  It is the factory that an endpoint is given."""

    noisy = False

    def __init__(self, attempts: "Attempts", started: float) -> None:
        self.started = started
        self.connected = False
        #: The link, once there is a connection.
        self.link: Link | None = None
        #: Timers of its report as silent, and of its end.
        self.timers: tuple[IDelayedCall, ...] = ()
        self._attempts = attempts
        self._dialled: Deferred[Any] | None = None

    def dial(self, endpoint: Any) -> None:
        """Connect."""
        dialled: Deferred[Any] = endpoint.connect(self)
        self._dialled = dialled
        dialled.addCallbacks(self._there, self._failed)

    def abandon(self, why: str) -> None:
        """Close or cancel whatever there is of it."""
        if self.link is not None:
            self.link.drop(why)
        elif self._dialled is not None:
            self._dialled.cancel()

    def buildProtocol(self, addr: IAddress | None) -> ClientLink:
        link = self.link = self._attempts.starter.build_link(addr)
        return link

    def _there(self, _: object) -> None:
        self.connected = True
        self._attempts.connected(self)

    def _failed(self, failure: Failure) -> None:
        why = f"{self._attempts.where} {reason(failure)}"
        if failure.check(ProxyLogin):
            self._attempts.login_refused(self, why)
        self._attempts.failed(self, why)


class Attempts:
    """All attempts of one client, to one endpoint at a time; ``where`` is the server's address for people."""

    def __init__(self, starter: Starter, endpoint: Any, clock: IReactorTime, where: str = "the server") -> None:
        self.starter = starter
        self.endpoint = endpoint
        self.where = where
        self._clock = clock
        #: Oldest first.
        self._under_way: list[Attempt] = []

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def connected_ones(self) -> int:
        """Number of attempts that have a connection."""
        return sum(attempt.connected for attempt in self._under_way)

    def make(self) -> Attempt:
        """Add an attempt, which is then to be dialled; the oldest makes room for it."""
        if len(self._under_way) >= RACERS:
            self._too_late(next((each for each in self._under_way if not each.connected), self._under_way[0]))
        attempt = Attempt(self, self._clock.seconds())
        attempt.timers = (
            self._clock.callLater(SILENCE, self._silent, attempt),
            self._clock.callLater(ATTEMPT_TIME, self._too_late, attempt),
        )
        self._under_way.append(attempt)
        return attempt

    def opened(self, link: Link) -> Attempt | None:
        """Give up all attempts but that of ``link``, which is open; return it, or None if it was given up itself."""
        attempt = self._of(link)
        if attempt is not None:
            self._remove(attempt)
            self.give_up("another connection was quicker")
        return attempt

    def lost(self, link: Link, why: str) -> None:
        """Fail the attempt of a connection that has ended, if it is one's."""
        attempt = self._of(link)
        if attempt is not None:
            self.failed(attempt, why)

    def give_up(self, why: str) -> None:
        """Give up all attempts."""
        for attempt in tuple(self._under_way):
            self._give_up(attempt, why)

    def stopConnecting(self) -> None:
        """Give up all attempts, when ``ReconnectingClientFactory.stopTrying`` asks for it."""
        self.give_up("the client was stopped")

    # --- for attempts --------------------------------------------------------------------------------------

    def connected(self, attempt: Attempt) -> None:
        """Tell the starter of an attempt's connection."""
        if attempt in self._under_way:
            self.starter.attempt_connected(attempt)

    def failed(self, attempt: Attempt, why: str) -> None:
        """Tell the starter of an attempt that failed by itself."""
        if self._remove(attempt):
            self.starter.attempt_failed(attempt, why)

    def login_refused(self, attempt: Attempt, why: str) -> None:
        """Tell the starter that a proxy wants another login; `failed` follows."""
        if attempt in self._under_way:
            self.starter.login_refused(why)

    # --- inside --------------------------------------------------------------------------------------------

    def _of(self, link: Link) -> Attempt | None:
        return next((attempt for attempt in self._under_way if attempt.link is link), None)

    def _silent(self, attempt: Attempt) -> None:
        self.starter.attempt_silent(attempt, self._no_answer(attempt))

    def _too_late(self, attempt: Attempt) -> None:
        why = self._no_answer(attempt)
        self._give_up(attempt, why)
        self.starter.attempt_failed(attempt, why)

    def _no_answer(self, attempt: Attempt) -> str:
        if attempt.connected:
            return f"{self.where} accepts connections and says nothing: is it a Sellia server, and is it http or https?"
        return f"{self.where} did not answer in time"

    def _give_up(self, attempt: Attempt, why: str) -> None:
        self._remove(attempt)
        attempt.abandon(why)

    def _remove(self, attempt: Attempt) -> bool:
        if attempt not in self._under_way:
            return False
        self._under_way.remove(attempt)
        timers, attempt.timers = attempt.timers, ()
        for timer in timers:
            cancel(timer)
        return True
