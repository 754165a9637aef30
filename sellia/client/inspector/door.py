"""The port of the inspector, which is held from the start, and opened by loading the rest when somebody connects.

A client whose inspector nobody looks at pays for a socket: twisted.web, the API and the page are not loaded.
"""

import errno
import socket
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.errors import SettingsError

#: Ports that are tried where the one that is wanted is in use, before the system chooses.
_TRIES: Final = 100

#: Connections that may wait to be accepted.
_BACKLOG: Final = 64


def listen(host: str, port: int, *, exact: bool) -> socket.socket:
    """Return a socket that listens there, or at the next free port unless ``exact``.  Raises SettingsError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ports = [port] if exact else [*range(port, min(port + _TRIES, 65536)), 0]
    for each in ports:
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((host, each))
            made.listen(_BACKLOG)
            made.setblocking(False)
            return made
        except OSError as error:
            made.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or each == ports[-1]:
                line = f"inspector.listen: cannot listen on {host} port {each}: {error.strerror or error}"
                raise SettingsError(line, "Give another one with --inspector ADDRESS, or --no-inspector.") from None
    raise AssertionError("no port was tried")


@implementer(IReadDescriptor)
class Door:
    """Waits at the socket for the first connection; ``load`` returns the factory of what answers it and all others."""

    def __init__(self, listening: socket.socket, load: Callable[[], Any], reactor: Any) -> None:
        self._socket = listening
        self._load = load
        self._reactor = reactor
        self._port: Any = None
        #: Port that is listened on.
        self.number: int = listening.getsockname()[1]

    def start(self) -> None:
        """Wait from now on."""
        self._reactor.addReader(self)

    def stop(self) -> Any:
        """Listen no more; return a Deferred, or None."""
        self._reactor.removeReader(self)
        self._socket.close()
        port, self._port = self._port, None
        return port.stopListening() if port is not None else None

    @property
    def opened(self) -> bool:
        """Whether somebody has connected."""
        return self._port is not None

    def fileno(self) -> int:
        """Return the descriptor, for the reactor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """Return a name, for the reactor."""
        return "inspector"

    def doRead(self) -> None:
        """Open: somebody connects."""
        self._reactor.removeReader(self)
        factory = self._load()
        self._port = self._reactor.adoptStreamPort(self._socket.fileno(), self._socket.family, factory)
        self._socket.close()

    def connectionLost(self, reason: Failure) -> None:
        """Nothing: `stop` closes the socket."""
