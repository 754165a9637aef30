"""Probe for visitors that may be gone although nothing says so: half-closed ones, and those of whom nothing is read.

Need
    A visitor that has sent FIN behind its request is answered (RFC 9112, 9.6).  One that has closed its connection
    sends the same FIN, and is told apart by the reset that comes when it is written to.  So whatever the answer will
    be, its first bytes are written then: ``HTTP/1.1`` and a space, or, where it is under way in chunks, a zero in front
    of the next chunk's size.  While reading is paused not even FIN need arrive, as it waits behind what is not read: so
    the same bytes are written one at a time, after 4, 8, 16 seconds and so on.

Bounds
    As many bytes as every answer begins with, and ``_ZEROS`` zeros in an answer.  The kernel is asked once a second,
    and only while nothing is read.
"""

from typing import Any, Final

from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.transports.reactor.sockets import ENDED, GONE, hangup

#: Beginning of every answer.
BEGINNING: Final = b"HTTP/1.1 "

#: Seconds for which nothing is read of a visitor before it is probed.
_STILL: Final = 4

#: Maximum zeros in front of chunks' sizes in an answer: there are parsers that read no more than 16 digits.
_ZEROS: Final = 8


class VisitorProbe:
    """Probe of one connection.  What it returns is to be written; :meth:`rest` then shortens the next answer."""

    __slots__ = ("_begun", "_still", "_told", "_zeroed", "_zeros")

    def __init__(self) -> None:
        #: Seconds for which nothing has been read.
        self._still = 0
        #: Whether the kernel's FIN has been probed.
        self._told = False
        #: Bytes of the next answer's beginning that have been written.
        self._begun = 0
        #: An exchange, and the zeros that have been written for it.
        self._zeroed: VisitorHttpLeg | None = None
        self._zeros = 0

    def clear(self) -> None:
        """Start counting seconds anew: something may be read."""
        self._still = 0

    def let_go(self) -> None:
        """Drop the reference to an exchange."""
        self._zeroed = None

    def look(self, transport: Any, *, paused: bool) -> int | None:
        """Ask the kernel about a visitor of whom nothing is read, once a second.

        Returns None if it is gone, else how many bytes of the answer's beginning are due as a probe.
        """
        events = hangup(transport)
        self._still += 1
        if events & GONE:
            return None
        if events & ENDED and not self._told:
            self._told = True
            return len(BEGINNING)
        return 1 if paused and self._still >= _STILL and self._still & (self._still - 1) == 0 else 0

    def bytes_for(self, exchange: VisitorHttpLeg, count: int) -> bytes:
        """Return what can be written without a change to the answer: ``count`` bytes of its beginning, or a zero."""
        if exchange.head_sent:
            zeros = self._zeros if self._zeroed is exchange else 0
            if not exchange.may_write_zero or zeros >= _ZEROS:
                return b""
            self._zeroed, self._zeros = exchange, zeros + 1
            return b"0"
        begun, self._begun = self._begun, min(self._begun + count, len(BEGINNING))
        return BEGINNING[begun : self._begun]

    @property
    def begun(self) -> bool:
        """Whether an answer has been begun, whose rest is to pass through :meth:`rest`."""
        return self._begun > 0

    def rest(self, answer: bytes) -> bytes:
        """Return an answer without the bytes of its beginning that have been written."""
        assert answer.startswith(BEGINNING)
        begun, self._begun = self._begun, 0
        return answer[begun:]
