"""Keys of a terminal, one by one as they are pressed, without what Ctrl-C, Ctrl-Z and job control need being touched.

Invariants
    * Line editing and echo are off from :meth:`Keyboard.start` to :meth:`Keyboard.stop` only, signals never: the kernel
      goes on turning Ctrl-C, Ctrl-Z and Ctrl-\\ into signals.
    * The terminal is changed and read only while this process is in its foreground.  Elsewhere the kernel would stop
      the process, and the modes are those of whoever is there.
    * Ctrl-S does not stop the output: it would stop the client.
    * The modes are restored at the end of the process, whatever ends it, except for SIGKILL: then the shell does that.

Bounds
    A read that brings more than ``QUICK`` characters, or a control character, is an escape sequence or a paste, and no
    key.
"""

import atexit
import os
import signal
import termios
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

_READ: Final = 1024

#: Characters that somebody may type before they are read.
QUICK: Final = 3

#: Positions in what ``tcgetattr`` returns.
_INPUT, _LOCAL, _CHARACTERS = 0, 3, 6


@implementer(IReadDescriptor)
class Keyboard:
    """The terminal at descriptor ``number``; ``pressed`` is called with each key."""

    def __init__(self, number: int, reactor: Any, pressed: Callable[[str], None]) -> None:
        self._number = number
        self._reactor = reactor
        self._pressed = pressed
        #: The descriptor that is read: one of its own, because the other one leads elsewhere once the terminal hung up.
        self._own = -1
        self._saved: list[Any] | None = None

    @property
    def started(self) -> bool:
        """Whether keys are read."""
        return self._saved is not None

    def foreground(self) -> bool:
        """Return whether this process is in the foreground of its terminal."""
        try:
            return os.tcgetpgrp(self._number) == os.getpgrp()
        except OSError:
            return False

    def start(self) -> bool:
        """Read keys from now on, if they can be read; return whether they are."""
        if self._saved is None and self.foreground():
            try:
                saved = termios.tcgetattr(self._number)
                modes: list[Any] = termios.tcgetattr(self._number)
                modes[_INPUT] &= ~termios.IXON
                modes[_LOCAL] &= ~(termios.ICANON | termios.ECHO)
                modes[_CHARACTERS][termios.VMIN], modes[_CHARACTERS][termios.VTIME] = 1, 0
                termios.tcsetattr(self._number, termios.TCSANOW, modes)
            except (OSError, termios.error):
                return False
            self._saved, self._own = saved, os.dup(self._number)
            atexit.register(self.stop)
            self._reactor.addReader(self)
        return self.started

    def stop(self) -> None:
        """Read no more, and restore the terminal's modes."""
        saved, self._saved = self._saved, None
        if saved is None:
            return
        atexit.unregister(self.stop)
        self._reactor.removeReader(self)
        if self.foreground():
            try:
                termios.tcsetattr(self._own, termios.TCSANOW, saved)
            except (OSError, termios.error):
                pass  # it has hung up
        os.close(self._own)

    def suspend(self) -> None:
        """Stop this process, as Ctrl-Z does, and return when it goes on."""
        self.stop()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, handler)

    # --- IReadDescriptor -----------------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._own

    def logPrefix(self) -> str:
        return "keyboard"

    def doRead(self) -> Failure | None:
        if not self.foreground():
            self.stop()
            return None
        try:
            data = os.read(self._own, _READ)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self.stop()
        elif len(data) <= QUICK and data.isascii() and data.decode("ascii").isprintable():
            for key in data.decode("ascii"):
                self._pressed(key)
        return None

    def connectionLost(self, reason: Failure) -> None:
        self.stop()
