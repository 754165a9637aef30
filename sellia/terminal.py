"""Terminal of a process: its hang-up, and standard streams whose failures end nothing.

A terminal window that is closed, or an ssh connection that is lost, hangs up: the kernel sends SIGHUP, and every write
to the terminal fails from then on.  A pipe whose reader has left fails in the same way, and a terminal that is not one
of UTF-8 cannot show every character.  None of this is a reason to raise an exception in the middle of the work.
"""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

_STANDARD: Final = (0, 1, 2)

_ELLIPSIS: Final = "…"


def has_terminal() -> bool:
    """Return whether a terminal controls this process, so that its hang-up arrives as SIGHUP."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def on_hangup(
    leave: Callable[[], None],
    ignore: Callable[[], None],
    set_signal: Callable[[int, Any], Any] = signal.signal,
    controlled: Callable[[], bool] = has_terminal,
    asked: Callable[[], None] | None = None,
) -> None:
    """Have SIGHUP call ``leave`` where a terminal controls the process, and ``ignore`` elsewhere.

    ``asked``, if it is given, is called in place of ``leave`` while the terminal is still there: then somebody has sent
    the signal (``kill -HUP``), or a shell that will end in a moment.

    Call it when the process is as it will remain: behind twistd's fork, a daemon has no terminal.  All are called in
    the signal handler.  A process that was started to survive its terminal (``nohup``) keeps ignoring the signal.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return
    respond = _left(leave) if controlled() else ignore
    if asked is not None and respond is not ignore:
        gone, remains = respond, asked

        def respond() -> None:
            (remains if controlled() else gone)()

    def handler(number: int, frame: FrameType | None) -> None:
        respond()

    set_signal(signal.SIGHUP, handler)


def _left(leave: Callable[[], None]) -> Callable[[], None]:
    terminals = [number for number in _STANDARD if _is_terminal(number)]

    def respond() -> None:
        for number in terminals:
            if not _is_terminal(number):  # a terminal that hung up answers nothing
                discard(number)
        leave()

    return respond


def _is_terminal(number: int) -> bool:
    try:
        return os.isatty(number)
    except OSError:
        return False


def discard(number: int) -> None:
    """Redirect a descriptor to the null device."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, number)
    os.close(null)


class SteadyStream:
    """A text stream that never raises: ``rich`` and log observers write to it as to ``stream``.

    Characters that the stream's encoding lacks are escaped.  Once a write has failed because nobody reads any more,
    later ones are discarded.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write ``text`` if it can be written."""
        if self._stream is not None:
            self._try(self._stream.write, self._encodable(text))
        return len(text)

    def flush(self) -> None:
        """Flush what is buffered."""
        if self._stream is not None:
            self._try(self._stream.flush)

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        try:
            return self._stream is not None and bool(self._stream.isatty())
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """Return the descriptor of the stream; OSError if it has none, as `io` says."""
        if self._stream is None:
            raise OSError("the stream is closed")
        number: int = self._stream.fileno()
        return number

    def _encodable(self, text: str) -> str:
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            text = text.replace(_ELLIPSIS, "...").encode(self.encoding, "backslashreplace").decode(self.encoding)
        except LookupError:
            text = ascii(text)[1:-1]
        return text

    def _try(self, call: Callable[..., object], *arguments: str) -> None:
        try:
            call(*arguments)
        except BlockingIOError:
            pass  # another program has set the terminal to non-blocking, and it is full
        except (OSError, ValueError):
            stream, self._stream = self._stream, None
            forget(stream)


def forget(stream: Any) -> None:
    """Redirect a stream that failed to the null device, so that it does not fail again when the process ends."""
    try:
        discard(stream.fileno())
    except (OSError, ValueError, AttributeError):
        pass


def settle_streams() -> None:
    """Have standard output and error escape what they cannot encode, and end without an error if nobody reads them.

    Python would end a process with status 120 whose last output cannot be written.
    """
    for stream in (sys.__stdout__, sys.__stderr__):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    atexit.register(flush_streams)


def flush_streams() -> None:
    """Flush standard output and error, or discard what they hold."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                forget(stream)
