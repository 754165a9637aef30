"""Who is too slow with the body of a request.

It is looked at once a second and costs nothing in between.  A look that comes late does nobody wrong: what counts is
what has come by then.
"""

from typing import Final

from sellia.server.settings import ServerSettings

#: Seconds of one look that count at most: when the server was busy for longer, that was not the visitor's fault.
LOOK: Final = 2.0


class MinimumRate:
    """The time that the body of one request has left.

    It starts with ``body_grace``, is gained with octets (one second for ``body_rate`` of them), and runs only while we
    read.  Who sends at the rate keeps what it has for ever; who sends nothing has used it up after the grace.
    """

    __slots__ = ("_left", "_rate")

    def __init__(self, settings: ServerSettings) -> None:
        self._rate = settings.body_rate
        self._left = settings.body_grace

    def lags(self, came: int, seconds: float) -> bool:
        """So many octets have come in so many seconds: whether that was too little, all in all."""
        self._left += came / self._rate - min(seconds, LOOK)
        return self._left < 0.0
