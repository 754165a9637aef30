"""Resume window of the client's session: for how long the server keeps it without a link.

The client assumes that its session has expired after ``resume_window`` and ``ping_timeout`` together without a link: by
then the server, which notices a loss within that timeout, has ended it.
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from sellia.transports.reactor.waiting import cancel

#: Seconds: the longest window that is believed of a server.
LONGEST_WINDOW: Final = 86_400.0

_log = Logger()


class ResumeWindow:
    """The window of one session after the other; calls ``expired`` when one is over.

    ``seconds`` are 0 where the server keeps nothing without a link, and None until there was a link.
    """

    def __init__(self, clock: Any, expired: Callable[[], None]) -> None:
        self.seconds: float | None = None
        self._clock = clock
        self._expired = expired
        self._timer: IDelayedCall | None = None

    def open(self, seconds: float) -> None:
        """Set the window of the session that has a link now."""
        self.cancel()
        self.seconds = min(seconds, LONGEST_WINDOW)

    def start(self, ping_timeout: float) -> bool:
        """Start the timer, because the link is lost; return False where the session is over at once."""
        if not self.seconds:
            return False
        self._timer = self._clock.callLater(self.seconds + ping_timeout, self._over)
        return True

    def cancel(self) -> None:
        """Stop the timer, if it runs."""
        timer, self._timer = self._timer, None
        cancel(timer)

    def _over(self) -> None:
        self._timer = None
        _log.info("the resume window is over: window={window:g}s", window=self.seconds)
        self._expired()
