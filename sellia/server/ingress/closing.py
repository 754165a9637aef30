"""Lingering close of a visitor's connection, from its last answer on (RFC 9112, section 9.6).

Need
    What was written is to arrive.  A socket that is closed while it has bytes that nobody has read sends a reset, and
    that can overtake the answer (RFC 9112, 9.6): so whoever still sends is read for a while.  And Twisted does not
    close a connection whose producer is paused.

Bounds
    A visitor that sends on after its answer is read, and ignored, for ``LINGER`` at most.  One that is slow to take its
    last answer has all the time it needs, as long as it takes some of it in each ``patience`` seconds.
"""

from typing import Any, Final

from sellia.transports.reactor.sockets import half_close, unsent

#: Seconds for which a visitor that has been answered may go on sending before its connection is cut.
LINGER: Final = 2.0


class LingeringClose:
    """Close of a connection whose last answer has been written to ``transport``.  Call :meth:`check` once a second."""

    __slots__ = ("_deadline", "_patience", "_transport", "_unsent")

    def __init__(self, transport: Any, now: float, patience: float) -> None:
        self._transport = transport
        self._deadline = now + LINGER
        self._patience = patience
        self._unsent = -1

    def close(self, *, more: bool) -> None:
        """Close in order; ``more`` says that the visitor may still send."""
        transport = self._transport
        transport.unregisterProducer()
        if not (more and half_close(transport)):
            transport.loseConnection()

    def break_off(self, *, delimited: bool) -> None:
        """Close so that no response is taken for complete; ``delimited`` says that its framing shows that it is not."""
        transport = self._transport
        transport.unregisterProducer()
        if delimited:
            transport.loseConnection()
        else:
            transport.abortConnection()

    def check(self, now: float) -> None:
        """Cut the connection if it is over its time."""
        if now < self._deadline:
            return
        left = unsent(self._transport)
        if left == self._unsent:
            self._transport.abortConnection()
            return
        self._unsent = left
        if left:
            self._deadline = now + self._patience
        else:
            self._deadline = now + LINGER
            self._transport.loseConnection()
