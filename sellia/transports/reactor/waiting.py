"""Timers: waiting for something to become true, for a bounded time, and cancelling."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime


def cancel(timer: IDelayedCall | None) -> None:
    """Cancel a timer, unless it has fired, was cancelled, or was never set."""
    if timer is not None and timer.active():
        timer.cancel()


def wait_for(clock: IReactorTime, condition: Callable[[], bool], seconds: float, step: float) -> "Deferred[bool]":
    """Fires with True as soon as ``condition()`` holds, or with False when that took too long.

    It is asked at once and then every ``step`` seconds, for ``seconds`` at most.  What it raises is the Deferred's
    failure.  Not for what happens often: whoever can be told of a change should be.
    """
    end = clock.seconds() + seconds
    waited: Deferred[bool] = Deferred()

    def look() -> None:
        try:
            holds = condition()
        except Exception:
            waited.errback()
            return
        left = end - clock.seconds()
        if holds or left <= 0:
            waited.callback(holds)
        else:
            clock.callLater(min(step, left), look)

    look()
    return waited
