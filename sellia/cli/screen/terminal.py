"""Output to a terminal that never makes the client wait.

Need
    A terminal may stop reading: somebody scrolls in it, an ssh connection stalls.  A write to it would then block the
    process, and with it all visitors.

How
    The terminal is opened anew, so that only this description of it is non-blocking: the one that standard output has
    is shared with the shell.  Where it cannot be opened, the shared one is written to all the same.  What the terminal
    does not take at once is kept, and tried again when :meth:`Terminal.write` or :meth:`Terminal.flush` is called next.

Bounds
    Whoever writes looks at :attr:`Terminal.busy` first, so that no more than one picture is kept.
"""

import os
import select
import sys
import time
from collections.abc import Mapping
from typing import Any

#: Seconds for a terminal to take what is left for it at the end.
_PATIENCE = 1.0


class Terminal:
    """The terminal that ``stream`` leads to."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"
        self._shared: int = stream.fileno()
        self._own = _opened(self._shared)
        self._rest = b""
        self._gone = False

    @property
    def busy(self) -> bool:
        """Whether it has not taken all that was written."""
        self.flush()
        return bool(self._rest)

    @property
    def size(self) -> tuple[int, int]:
        """Its columns and rows; 80 and 24 where it does not know."""
        try:
            width, height = os.get_terminal_size(self._shared)
        except OSError:
            width = height = 0
        return width or 80, height or 24

    @property
    def foreground(self) -> bool:
        """Whether this process is in the foreground of the terminal, which must be the one that controls it."""
        try:
            return os.tcgetpgrp(self._shared) == os.getpgrp()
        except OSError:
            return False

    def write(self, text: str) -> None:
        """Write ``text``; characters that the terminal's encoding lacks are escaped."""
        if not self._gone:
            self._rest += text.encode(self.encoding, "backslashreplace")
            self.flush()

    def flush(self) -> None:
        """Write what is left, as far as the terminal takes it."""
        while self._rest and not self._gone:
            try:
                count = os.write(self._number, self._rest)
            except BlockingIOError:
                return
            except OSError:  # it has hung up
                self._gone, self._rest = True, b""
                return
            self._rest = self._rest[count:]

    @property
    def _number(self) -> int:
        return self._own if self._own >= 0 else self._shared

    def close(self) -> None:
        """Give the terminal a moment for what is left, and close it."""
        deadline = time.monotonic() + _PATIENCE
        self.flush()
        while self._rest and time.monotonic() < deadline:
            select.select([], [self._number], [], max(0.0, deadline - time.monotonic()))
            self.flush()
        if self._own >= 0:
            os.close(self._own)
            self._own = -1
        self._gone, self._rest = True, b""


def _opened(number: int) -> int:
    """Open the terminal at a descriptor anew, for writing without waiting; -1 where that cannot be done.

    It belongs to somebody else after ``su``, and is opened as the terminal that controls this process then.
    """
    names = ["/dev/tty"] if _controls(number) else []
    try:
        names.insert(0, os.ttyname(number))
    except OSError:
        pass
    for name in names:
        try:
            return os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            pass
    return -1


def _controls(number: int) -> bool:
    """Return whether the terminal at a descriptor is the one that controls this process."""
    try:
        os.tcgetpgrp(number)
    except OSError:
        return False
    return True


def suits(stream: Any, environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Return whether ``stream`` is a terminal that can be painted on."""
    try:
        terminal = bool(stream is not None and stream.isatty())
    except (OSError, ValueError):
        return False
    return terminal and platform != "win32" and environment.get("TERM", "dumb") not in ("dumb", "unknown", "")
