"""Verbosity of the log.

Lines of level info tell what becomes of tunnels, links and WebSockets; they are few, and are always written.  Lines of
level debug tell of every request and every frame.  There can be ten thousand of those in a second, and Twisted spends
20 us on a line that a filter then drops, and over 100 us on one that it writes: so whoever has one to write looks at
:attr:`Verbosity.debug` first, and makes the call only if that is set::

    if verbosity.debug:
        _log.debug("...", ...)

The log belongs to the process, and so does this.  Several servers and clients may run in one process; as long as one
of them wants debug, all are heard.
"""

from typing import Final

from sellia.settings import LogLevel


class Verbosity:
    """Log level that the services of this process want; there is one, `verbosity`."""

    __slots__ = ("_wanting", "debug")

    def __init__(self) -> None:
        #: Whether lines of level debug are to be written.
        self.debug = False
        self._wanting = 0

    def begin(self, level: LogLevel) -> None:
        """Count a service that starts and wants ``level``.  To be matched by one `end`."""
        self._count(level, 1)

    def end(self, level: LogLevel) -> None:
        """Count a service that has stopped."""
        self._count(level, -1)

    def _count(self, level: LogLevel, step: int) -> None:
        if level == "debug":
            self._wanting += step
            self.debug = self._wanting > 0


verbosity: Final = Verbosity()
