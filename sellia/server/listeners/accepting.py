"""Accepting of connections, and what happens while the system lets the process have no more of them.

Need
    A connection that cannot be accepted stays in the kernel's queue, and its listener stays ready to be read: a loop
    that tries again at once takes a whole core, and a line for each try fills a disk.

Bounds
    After a failure a listener is left alone for ``PAUSE`` seconds.  What waits in its queue is accepted then, if there
    is room by then.

Designs not chosen
    *Accepting and closing what waits*, with a descriptor that is kept in reserve for it, as Twisted does: who waits for
    half a second is served, who is cut off is not.
"""

import errno
import os
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

#: Seconds for which a listener is left alone.
PAUSE: Final = 0.5

#: What the system says when it has no room for another connection.
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

#: What it says of one connection that has ended while it waited, or that a packet filter has taken away.
_ENDED: Final = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.EPERM})

#: Those of ended connections that are passed over in one turn of the reactor.
_PASSED_OVER: Final = 64


#: What to say of each, and what to do.
_CAUSES: Final = {
    errno.EMFILE: "this process may have no more files open (raise LimitNOFILE= of systemd, or `ulimit -n`)",
    errno.ENFILE: "this machine may have no more files open (raise fs.file-max with `sysctl`)",
}


def cause_of(error: OSError) -> str:
    """Return why no connection can be accepted, and what to do about it."""
    return _CAUSES.get(error.errno or 0, "the system has no memory left for another socket")


class PausingSocket:
    """The socket of a listening port, which says "nothing waits" to Twisted where accepting fails.

    ``failed`` is told the cause, for people, once for each pause.
    """

    def __init__(self, port: Any, clock: IReactorTime, failed: Callable[[str], None]) -> None:
        self._port = port
        self._socket = port.socket
        self._clock = clock
        self._failed = failed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def accept(self) -> Any:
        """Accept a connection.  Raises BlockingIOError if there is none that can be accepted."""
        for _ in range(_PASSED_OVER):
            try:
                return self._socket.accept()
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._pause(error)
                elif error.errno in _ENDED:
                    continue
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def _pause(self, error: OSError) -> None:
        self._port.stopReading()
        self._clock.callLater(PAUSE, self._go_on)
        self._failed(cause_of(error))

    def _go_on(self) -> None:
        if getattr(self._port, "socket", None) is self and not self._port.disconnecting:
            self._port.startReading()


def pause_where_full(port: Any, clock: IReactorTime, failed: Callable[[str], None]) -> None:
    """Have a port that listens on a socket leave it alone for a while where accepting fails for want of room."""
    if hasattr(getattr(port, "socket", None), "accept"):
        port.socket = PausingSocket(port, clock, failed)
