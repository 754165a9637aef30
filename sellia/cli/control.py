"""Asks the clients that this user runs on this machine: ``sellia status``, ``stop`` and ``reload``.

Without a reactor: the sockets block, each within a deadline, so that the answer is there as fast as Python starts.
What a client says is not trusted: it is text from outside where it is shown, and of a bounded length.
"""

import os
import select
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from sellia.cli.exits import Exit
from sellia.cli.main import nearest
from sellia.client.control.lines import ANSWER_LIMIT, ANSWER_TIME, ControlError, decode, encode
from sellia.client.control.peers import peer_process
from sellia.client.control.places import PlaceError, socket_directories
from sellia.client.control.sockets import connect, connections, process_of
from sellia.text import printable

#: Bytes that are read at once.
_READ: Final = 64 * 1024

#: Lines of a refusal that are shown.
_LINES: Final = 200

#: Seconds for a process to be gone after its last word.
_GONE_TIME: Final = 5.0


class ControlFailure(click.ClickException):
    """What was asked for cannot be done.  ``word`` is the client's own, where it has refused."""

    exit_code = Exit.FAILED

    def __init__(self, message: str, word: str = "") -> None:
        super().__init__(message)
        self.word = word


@dataclass(frozen=True, slots=True)
class Running:
    """One client that runs.  ``status`` is what it told of itself, or None if it does not answer."""

    path: Path
    process: int
    status: Mapping[str, Any] | None

    @property
    def command(self) -> str:
        """The command that it was started with."""
        return printable(str((self.status or {}).get("command") or "a client"), 64)

    @property
    def shown(self) -> str:
        """How it is named to people."""
        return f"{self.command} (process {self.process})"

    @property
    def tunnels(self) -> Sequence[Mapping[str, Any]]:
        """Its tunnels, as it told them."""
        found = (self.status or {}).get("tunnels")
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


@dataclass(frozen=True, slots=True)
class Chosen:
    """A client, and the one of its tunnels that is meant, or None for all of it."""

    client: Running
    tunnel: str | None = None


# --- finding ---------------------------------------------------------------------------------------------------


def running(environment: Mapping[str, str] | None = None) -> list[Running]:
    """Return the clients of this user, by process, each with what it tells of itself.

    A directory that cannot be trusted is left out, which is said on standard error.
    """
    end = time.monotonic() + ANSWER_TIME
    asked: dict[socket.socket, Path] = {}
    found: list[Running] = []
    try:
        for path, connection in _connections(os.environ if environment is None else environment):
            if connection is not None and _say(connection, {"command": "status"}):
                asked[connection] = path
            else:
                found.append(Running(path, process_of(path.name), None))
        found += [_running(asked[each], line) for each, line in _answers(asked, end)]
    finally:
        for each in asked:
            each.close()
    return sorted(found, key=lambda each: each.process)


def _connections(environment: Mapping[str, str]) -> Iterator[tuple[Path, socket.socket | None]]:
    for directory in socket_directories(environment):
        try:
            yield from connections(directory, ANSWER_TIME)
        except PlaceError as error:
            click.echo(f"Clients there are not looked for: {error}.", err=True)


def _running(path: Path, line: bytes | None) -> Running:
    process = process_of(path.name)
    try:
        status = decode(line).get("status") if line is not None else None
    except ControlError:
        status = None
    if not isinstance(status, dict):
        return Running(path, process, None)
    told = status.get("pid")
    return Running(path, told if isinstance(told, int) and told > 0 else process, status)


def _answers(asked: Iterable[socket.socket], end: float) -> Iterator[tuple[socket.socket, bytes | None]]:
    """Yield the first line of each connection as it comes, or None for one that says nothing by ``end``."""
    parts = {connection: bytearray() for connection in asked}
    with selectors.DefaultSelector() as selector:
        for connection in parts:
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ)
        while parts and (left := end - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                ready: Any = key.fileobj
                data = _receive(ready)
                parts[ready] += data
                whole = b"\n" in data
                if whole or not data or len(parts[ready]) > ANSWER_LIMIT:
                    selector.unregister(ready)
                    line = bytes(parts.pop(ready))
                    yield ready, line.partition(b"\n")[0] if whole else None
        for connection in parts:
            yield connection, None


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_READ)
    except OSError:
        return b""


def _say(connection: socket.socket, request: dict[str, Any]) -> bool:
    try:
        connection.sendall(encode(request))
    except OSError:
        connection.close()
        return False
    return True


# --- choosing --------------------------------------------------------------------------------------------------


def choose(clients: Sequence[Running], word: str | None, every: bool | None, verb: str) -> list[Chosen]:
    """Return the clients, or the tunnel, that ``word`` means: a process, or a tunnel's name.

    Without a word, the only client that there is.  ``every`` is None for a command that has no ``--all``.  Raises
    ControlFailure where there is none, and UsageError where it is not said which one is meant.
    """
    if every:
        return [Chosen(each) for each in clients]
    if not clients:
        raise ControlFailure("No client of this user runs on this machine.")
    if word is None:
        if len(clients) > 1:
            more = "" if every is None else ", or --all"
            raise click.UsageError(
                f"Several clients run on this machine. Say which one is meant{more}:\n"
                + "\n".join(f"  sellia {verb} {each.process}  {summary(each)}" for each in clients)
            )
        return [Chosen(clients[0])]
    found = [Chosen(each) for each in clients if word == str(each.process)] or [
        Chosen(each, _text(tunnel, "name"))
        for each in clients
        for tunnel in each.tunnels
        if word in (tunnel.get("name"), tunnel.get("subdomain"))
    ]
    if not found:
        known = [name for each in clients for name in names_of(each)]
        raise ControlFailure(
            f"No client has the process or the tunnel {printable(word, 64)}.{nearest(word, known)} "
            "'sellia status' shows what runs."
        )
    if len(found) > 1:
        raise click.UsageError(
            f"Several clients have a tunnel {printable(word, 64)}. Give the process of the one that is meant:\n"
            + "\n".join(f"  sellia {verb} {each.client.process}  {summary(each.client)}" for each in found)
        )
    return found


def completions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the process of a client, or the name of a tunnel, for a shell."""
    return [
        CompletionItem(name, help=summary(each))
        for each in running()
        for name in names_of(each)
        if name.startswith(incomplete) and name.isprintable() and not name.startswith("-")
    ]


def names_of(client: Running) -> list[str]:
    """Return what a client can be named by: its process, and the names of its tunnels."""
    names = [_text(tunnel, key) for tunnel in client.tunnels for key in ("name", "subdomain")]
    return [str(client.process), *(name for name in dict.fromkeys(names) if name)]


def summary(client: Running) -> str:
    """Return one line about a client: its command and its tunnels."""
    if client.status is None:
        return f"{client.command}, which does not answer"
    names = [_text(tunnel, "name") or _text(tunnel, "subdomain") for tunnel in client.tunnels]
    shown = ", ".join(printable(name, 64) for name in names[:8]) + (", ..." if len(names) > 8 else "")
    return f"{client.command}: {shown}" if shown else client.command


def _text(tunnel: Mapping[str, Any], key: str) -> str:
    value = tunnel.get(key)
    return value if isinstance(value, str) else ""


# --- asking ----------------------------------------------------------------------------------------------------


def ask(
    client: Running, request: dict[str, Any], seconds: float | None = ANSWER_TIME, *, until_gone: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield the answers of one client, until it has said all; ``seconds`` for each, None to wait without end.

    ``until_gone`` also waits for its process to end, where it has not said that it goes on.  Raises ControlFailure if
    it refuses, or does not answer.
    """
    hangs = ControlFailure(
        f"{client.shown} does not answer. 'kill {client.process}' ends it in order, if it still can; "
        f"'kill -9 {client.process}' ends it at once."
    )
    try:
        connection = connect(client.path, ANSWER_TIME)
    except BlockingIOError:
        raise hangs from None
    except OSError:
        return  # it has ended meanwhile
    with connection:
        connection.settimeout(seconds)
        process = peer_process(connection) if until_gone else None
        with _process(process) as gone:
            if not _say(connection, request):
                return
            try:
                for line in _lines(connection):
                    answer = decode(line)
                    if "error" in answer:
                        message = str(answer.get("message")).splitlines()
                        shown = "\n".join(printable(each, 4096) for each in message[:_LINES])
                        raise ControlFailure(shown, str(answer.get("error")))
                    yield answer
                    if "stopped" in answer:
                        return
            except TimeoutError:
                raise hangs from None
            except ControlError:
                raise ControlFailure(f"{client.shown} gave an answer that is none.") from None
            gone()


@contextmanager
def _process(process: int | None) -> Iterator[Callable[[], object]]:
    """Yield what waits for a process to end, for ``_GONE_TIME`` seconds at most."""
    if process is None or not hasattr(os, "pidfd_open"):
        yield lambda: None  # its connection was closed, which is all that is known
        return
    try:
        descriptor = os.pidfd_open(process)
    except OSError:
        yield lambda: None
        return
    try:
        yield lambda: select.select([descriptor], [], [], _GONE_TIME)
    finally:
        os.close(descriptor)


def _lines(connection: socket.socket) -> Iterator[bytes]:
    buffer = bytearray()
    while True:
        try:
            data = connection.recv(_READ)
        except ConnectionResetError:
            return
        if not data:
            return
        buffer += data
        while (end := buffer.find(b"\n")) >= 0:
            yield bytes(buffer[:end])
            del buffer[: end + 1]
        if len(buffer) > ANSWER_LIMIT:
            raise ControlError("bad-line", "The answer is too long.")
