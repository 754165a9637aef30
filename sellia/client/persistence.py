"""Persistence: whether a client goes on trying to get a link, and for how long it waits for its first one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall

from sellia.errors import UnreachableError
from sellia.transports.reactor.waiting import cancel


@dataclass(frozen=True, slots=True)
class Persistence:
    """What one run of a client does without a link; by default it tries for ever.

    ``connect_timeout``: seconds within which the first link must carry a session.
    """

    retry: bool = True
    connect_timeout: float | None = None


def no_link(reason: str, after: str = "") -> str:
    """Return the sentence for a client that gives up."""
    return f"No link to the server{after}: {reason}."


#: Trying for ever.
FOR_EVER: Final = Persistence()


class FirstLink:
    """Wait for the first link; ``give_up`` is called with what is to be told when it has taken too long."""

    def __init__(self, clock: Any, seconds: float | None, give_up: Callable[[UnreachableError], None]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._give_up = give_up
        self._reason = "it has not answered"
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to wait."""
        if self._seconds is not None:
            self._timer = self._clock.callLater(self._seconds, self._too_late, self._seconds)

    def failed(self, reason: str) -> None:
        """Note why there is none so far."""
        self._reason = reason

    def over(self) -> None:
        """Wait no longer: it is there, or nobody wants it any more."""
        cancel(self._timer)
        self._timer = None

    def _too_late(self, seconds: float) -> None:
        self._timer = None
        self._give_up(UnreachableError(no_link(self._reason, f" within {seconds:g} s (--connect-timeout)")))
