"""Listener on the control socket of one client, and the protocol of whoever asks."""

from collections.abc import Callable
from socket import AF_UNIX
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IAddress, IDelayedCall, IPushProducer, IReadDescriptor
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.client.control.lines import REQUEST_LIMIT, REQUEST_TIME, ControlError, encode, request_of
from sellia.client.control.peers import is_ours
from sellia.client.control.sockets import SocketFile
from sellia.errors import SettingsError
from sellia.transports.reactor.waiting import cancel

#: Connections at once.
CONNECTIONS: Final = 16

#: Connections that are accepted in one turn of the reactor.
_TURN: Final = 8

#: Seconds without accepting after the process has run out of descriptors.
_PAUSE: Final = 1.0

#: Seconds between two looks at what a client that stops still waits for.
_STEP: Final = 0.25

_log = Logger()


class Commands(Protocol):
    """What can be asked of a client."""

    def status(self) -> dict[str, Any]:
        """Return what the client does now, without secrets."""

    def stop(self, tunnel: str | None, now: bool) -> None:
        """End the client, or close one of its tunnels; ``now``: without waiting.  Raises ControlError."""

    def left(self, tunnel: str | None) -> dict[str, Any] | None:
        """Return what the client, or a tunnel that was closed, still waits for; None when it waits for nothing."""

    def inspector(self) -> dict[str, Any]:
        """Return where the inspector is, with the token of this run.  Raises ControlError where there is none."""

    def why(self, id: str | None) -> dict[str, Any]:
        """Return the cause with this id, or the latest.  Raises ControlError where there is none."""

    def reload(self) -> dict[str, Any]:
        """Read the settings again, and act on what differs.  Raises ControlError and SettingsError."""


@implementer(IPushProducer)
class ControlProtocol(LineOnlyReceiver):
    """One question, and its answers."""

    delimiter = b"\n"
    MAX_LENGTH = REQUEST_LIMIT
    transport: Any

    def __init__(self, commands: Commands, clock: Any, done: Callable[["ControlProtocol"], None]) -> None:
        self._commands = commands
        self._clock = clock
        self._done = done
        self._asked = False
        self._full = False
        self._told: dict[str, Any] | None = None
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)
        self._timer = self._clock.callLater(REQUEST_TIME, self.transport.abortConnection)

    def connectionLost(self, reason: Failure | None = None) -> None:
        cancel(self._timer)
        self._done(self)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._refuse(ControlError("bad-line", f"The line is longer than {REQUEST_LIMIT} bytes."))

    def lineReceived(self, line: bytes) -> None:
        if self._asked:
            return  # one line for each connection
        self._asked = True
        cancel(self._timer)
        try:
            command, tunnel, now = request_of(line)
            if command == "status":
                self._end({"status": self._commands.status()})
            elif command == "inspector":
                self._end({"inspector": self._commands.inspector()})
            elif command == "why":
                self._end({"cause": self._commands.why(tunnel)})
            elif command == "reload":
                self._end({"reloaded": self._commands.reload()})
            else:
                self._commands.stop(tunnel, now)
                self._wait(tunnel)
        except ControlError as error:
            self._refuse(error)
        except SettingsError as error:
            self._refuse(ControlError("settings", str(error)))
        except Exception:
            _log.failure("a control command failed because of a mistake in it")
            self._refuse(ControlError("internal", "The client has a defect; its log says more."))

    def _refuse(self, error: ControlError) -> None:
        self._end({"error": error.word, "message": str(error)})

    def _end(self, answer: dict[str, Any]) -> None:
        cancel(self._timer)
        self.transport.write(encode(answer))
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        # An answer that nobody reads is not kept for ever.
        self._timer = self._clock.callLater(REQUEST_TIME, self.transport.abortConnection)

    def _wait(self, tunnel: str | None) -> None:
        """Tell what is waited for, as often as it changes, until nothing is."""
        left = self._commands.left(tunnel)
        if left is None:
            self._end({"stopped": True})
            return
        if left != self._told and not self._full:
            self._told = left
            self.transport.write(encode({"waiting": left}))
        self._timer = self._clock.callLater(_STEP, self._wait, tunnel)

    # --- a producer ----------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """Say nothing for now: whoever asked does not read."""
        self._full = True

    def resumeProducing(self) -> None:
        """Go on."""
        self._full = False

    def stopProducing(self) -> None:
        """Nothing: connectionLost says it."""


class ControlFactory(Factory):
    """Makes the protocols of one client; ``open`` are those that are connected."""

    noisy = False

    def __init__(self, commands: Commands, clock: Any) -> None:
        self._commands = commands
        self._clock = clock
        self.open: set[ControlProtocol] = set()

    @property
    def full(self) -> bool:
        """Whether there are as many connections as may be."""
        return len(self.open) >= CONNECTIONS

    def buildProtocol(self, addr: IAddress | None) -> ControlProtocol:
        protocol = ControlProtocol(self._commands, self._clock, self.open.discard)
        self.open.add(protocol)
        return protocol


@implementer(IReadDescriptor)
class ControlListener:
    """Accepts connections of this user's processes on a socket file.

    Twisted's own port for Unix sockets would give the file a mode that lets everybody in, for a moment at least, and
    its protocols would know nothing of their peers.
    """

    def __init__(self, file: SocketFile, factory: ControlFactory, reactor: Any) -> None:
        self._file = file
        self._factory = factory
        self._reactor = reactor
        self._pause: IDelayedCall | None = None

    def start(self) -> None:
        """Accept from now on."""
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Accept no more, and remove the file.  Connections go on."""
        self._reactor.removeReader(self)
        cancel(self._pause)
        self._file.close()

    def fileno(self) -> int:
        """Return the descriptor, for the reactor."""
        return self._file.socket.fileno()

    def logPrefix(self) -> str:
        """Return a name, for the reactor."""
        return "control"

    def doRead(self) -> None:
        """Accept what waits."""
        for _ in range(_TURN):
            try:
                connection, _address = self._file.socket.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError:  # no descriptor is left
                self._reactor.removeReader(self)
                self._pause = self._reactor.callLater(_PAUSE, self.start)
                return
            with connection:
                if is_ours(connection) and not self._factory.full:
                    connection.setblocking(False)
                    self._reactor.adoptStreamConnection(connection.fileno(), AF_UNIX, self._factory)

    def connectionLost(self, reason: Failure) -> None:
        """Nothing: the file is closed by `stop`."""
