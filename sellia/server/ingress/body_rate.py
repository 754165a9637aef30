"""Minimum rate of a request's body.

It is looked at once a second and costs nothing in between.  A look that comes late does nobody wrong: what counts is
what has come by then.
"""

from typing import Final

from sellia.server.settings import ServerSettings

#: Maximum seconds that one look spends: when the server was busy for longer, that was not the visitor's fault.
LOOK: Final = 2.0


class MinimumRate:
    """Time budget of one request's body.

    It starts with ``body_grace``, is gained with bytes (one second for ``body_rate`` of them), and runs only while we
    read.  Who sends at the rate keeps what it has for ever; who sends nothing has used it up after the grace.
    """

    __slots__ = ("_left", "_rate")

    def __init__(self, settings: ServerSettings) -> None:
        self._rate = settings.body_rate
        self._left = settings.body_grace

    def lags(self, came: int, seconds: float) -> bool:
        """Spend ``seconds``, in which ``came`` bytes have come; returns whether the budget is used up."""
        self._left += came / self._rate - min(seconds, LOOK)
        return self._left < 0.0
