"""Detaches a client from its terminal once its tunnels are open: ``--detach``.

Need
    A script wants the URL and a client that survives it, as in ``URL=$(sellia http 8080 --detach)``; a person wants the
    terminal back.  Whatever goes wrong before the tunnels are open is told where the command was given, with the exit
    status that it would have had in the foreground.

How
    The process forks before there is a reactor, with its settings read: nothing is read twice, and no argument or
    variable has to be handed on.  The child leaves the session of the terminal, so no hang-up reaches it, and writes to
    the streams that it has inherited as well as to its log until each tunnel has been answered for.  Then it lets go of
    the streams, which ends ``$(...)``, and tells its parent, which ends with status 0.  Ends the child before that, the
    parent ends with its status.

Bounds
    A log of ``LOG_LIMIT`` bytes and the one before it, for each client; ``LOGS`` logs of clients that have ended.

Designs not chosen
    *Starting the command again with other arguments*: a key that was typed or came on standard input would have to go
    somewhere.  *A second fork*, so that the client leads no session: it opens no terminal that could become its own.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn, TextIO

from sellia.cli.display import Display
from sellia.cli.exits import Exit
from sellia.cli.foreground import Printer
from sellia.cli.json_lines import JsonPrinter
from sellia.cli.output import LinePrinter, plain
from sellia.client.control.places import PlaceError, open_private, state_directory
from sellia.client.events import Connected, Event, Refused
from sellia.client.service import ClientService
from sellia.client.tunnel import TunnelState
from sellia.errors import SettingsError
from sellia.terminal import SteadyStream
from sellia.text import printable

#: Bytes of a log, after which a new one is begun.
LOG_LIMIT: Final = 4 * 1024 * 1024

#: Logs of clients that have ended, beyond which the oldest are removed.
LOGS: Final = 10

_LOG: Final = re.compile(r"^[a-z-]{1,32}-([0-9]{1,10})\.log(?:\.1)?$")

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

#: What the child tells its parent.
_UP: Final = b"+"


def detach(command: str, run: Callable[["Handover"], int], environment: Mapping[str, str] = os.environ) -> int:
    """Run a client in a process of its own; return the exit status, in the parent once the client is up.

    ``run`` is called in the child.  Raises SettingsError where this system, or this user's home, cannot have that.
    """
    if not hasattr(os, "fork"):
        raise SettingsError("--detach: this system cannot do that", "Leave it out, and start it as a service.")
    try:
        directory = state_directory(environment) / "log"
        os.close(open_private(directory, make=True))
    except PlaceError as error:
        hint = "Set XDG_STATE_HOME to a directory of yours, or leave --detach out."
        raise SettingsError(f"--detach: there is no place for the log: {error}", hint) from None
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    told, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(tell)
        return _wait(child, told)
    os.close(told)
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    _prune(directory)
    return run(Handover(DetachedLog(directory / f"{command.split()[-1]}-{os.getpid()}.log"), tell))


def _wait(child: int, told: int) -> int:
    """Wait until the child is up, or has ended; return the exit status.  A signal ends the child as well."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
        os._exit(Exit.INTERRUPTED if number == signal.SIGINT else 128 + number)

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        up = os.read(told, 1) == _UP
        status = Exit.OK if up else os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        os.close(told)
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status


class DetachedLog:
    """A log of limited size, as a text stream that never raises.  Raises SettingsError where it cannot be made.

    Each file begins with the date, because the lines in it have the time only.
    """

    def __init__(self, path: Path, limit: int = LOG_LIMIT) -> None:
        self.path = path
        self._limit = limit
        self._takes: tuple[int, ...] = ()
        try:
            self._number = self._open()
        except OSError as error:
            shown = printable(str(path))
            raise SettingsError(f"--detach: cannot write {shown}: {error.strerror}", "Leave --detach out.") from None

    def write(self, text: str) -> int:
        """Append ``text``, and begin a new file where there is enough in this one."""
        with suppress(OSError):
            if os.fstat(self._number).st_size >= self._limit:
                self._begin_another()
            os.write(self._number, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Nothing: nothing is buffered."""

    def take(self, *descriptors: int) -> None:
        """Have what is written to these descriptors go to the log, from now on."""
        self._takes = descriptors
        for each in descriptors:
            os.dup2(self._number, each)

    def _begin_another(self) -> None:
        os.replace(self.path, f"{self.path}.1")
        old, self._number = self._number, self._open()
        os.close(old)
        self.take(*self._takes)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        number = os.open(self.path, flags, 0o600)
        os.write(number, time.strftime("%Y-%m-%d %H:%M:%S\n").encode("ascii"))
        return number


class Outlet:
    """A text stream to several others; to the first one only once it is ``alone``."""

    encoding = "utf-8"

    def __init__(self, first: Any, *others: Any) -> None:
        self._streams = [first, *others]

    def write(self, text: str) -> int:
        """Write to all of them."""
        for each in self._streams:
            each.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush all of them."""
        for each in self._streams:
            each.flush()

    def alone(self) -> None:
        """Write to the first one only."""
        del self._streams[1:]

    def isatty(self) -> bool:
        """Return False: lines go to a file as well."""
        return False


class _Nowhere:
    """A text stream that keeps nothing."""

    def write(self, text: str) -> int:
        """Keep nothing."""
        return len(text)

    def flush(self) -> None:
        """Nothing."""


class Handover:
    """What a client that will be detached writes to, and when it lets go of the terminal."""

    def __init__(self, log: DetachedLog, tell: int, out: TextIO = sys.stdout, errors: TextIO = sys.stderr) -> None:
        self.log = log
        self._tell: int | None = tell
        self._client: ClientService | None = None
        self._printer: Any = None
        self._urls = Outlet(_Nowhere(), SteadyStream(out))
        self._events = Outlet(log, SteadyStream(out))
        self._lines = Outlet(log, SteadyStream(errors))

    def printer(self, display: Display) -> Printer:
        """Return what shows the client: URLs on standard output, and lines in the log and on standard error."""
        events: Any = self._events
        lines: Any = self._lines
        urls: Any = self._urls
        if display.as_json:
            self._printer = JsonPrinter(events, quiet=display.quiet)
        else:
            self._printer = LinePrinter(plain(lines), urls=urls, quiet=display.quiet)
        return self._printer

    @property
    def stream(self) -> Any:
        """The stream of the process's log."""
        return self._lines

    def watch(self, client: ClientService) -> None:
        """Let go once each tunnel of ``client`` is open, or has been refused."""
        self._client = client

    def notify(self, event: Event) -> None:
        """Show an event, and let go if that was what was waited for."""
        self._printer.notify(event)
        if self._tell is not None and isinstance(event, Connected | Refused) and self._up():
            self._let_go()

    def _up(self) -> bool:
        assert self._client is not None
        states = [tunnel.state for tunnel in self._client.session.tunnels]
        return TunnelState.OPEN in states and not {TunnelState.ASKED, TunnelState.WAITING} & {*states}

    def _let_go(self) -> None:
        process = os.getpid()
        self._lines.write(
            f"Runs as process {process}: 'sellia stop {process}' ends it. Its log is {printable(str(self.log.path))}\n"
        )
        for outlet in (self._urls, self._events, self._lines):
            outlet.flush()
            outlet.alone()
        self.log.take(1, 2)
        tell, self._tell = self._tell, None
        assert tell is not None
        with suppress(OSError):  # its parent may have been killed
            os.write(tell, _UP)
        os.close(tell)


def _prune(directory: Path) -> None:
    """Remove the oldest logs of clients that have ended, beyond ``LOGS`` of them."""
    ended: list[tuple[float, Path]] = []
    with suppress(OSError):
        for path in directory.iterdir():
            found = _LOG.match(path.name)
            if found is not None and not _lives(int(found[1])):
                ended.append((path.lstat().st_mtime, path))
        for _, path in sorted(ended)[: -LOGS or None]:
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True
