"""Inspectors of running clients, as ``sellia requests``, ``replay`` and ``why`` ask them over HTTP.

Need
    Several clients may run on this machine, each with an inspector of its own, whose token is known to nobody else.
    A client tells it on its control socket, which only its user reaches; so no token is in a file, or typed.

Invariants
    * Exchanges are numbered by each client: where several have the one that is meant, nothing is guessed.
    * A token goes to the inspector that it was told for, and to nothing else.  What an inspector says is text from
      outside where it is shown.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

import click

from sellia.cli.control import ControlFailure, Running, ask, choose, completions, running, summary
from sellia.cli.exits import Exit
from sellia.cli.texts import safe

if TYPE_CHECKING:
    from sellia.cli.http_calls import Fetched

#: Bytes of an answer: a body of 1 MiB, or 10,000 exchanges.
ANSWER_LIMIT: Final = 64 * 1024 * 1024

#: Seconds for which a stream of events may go on.
FOR_EVER: Final = 10.0**8

_Result = TypeVar("_Result")
_Command = TypeVar("_Command", bound=Callable[..., Any])

_STATUSES: Final = {400: Exit.USAGE, 422: Exit.USAGE, 401: Exit.NOT_AUTHORISED, 403: Exit.NOT_AUTHORISED}


class InspectorFailure(click.ClickException):
    """An inspector has refused what was asked, or is not there.  ``status`` is that of its answer."""

    def __init__(self, message: str, status: int = 0, exit_code: int = Exit.FAILED) -> None:
        super().__init__(message)
        self.status = status
        self.exit_code = exit_code  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Inspector:
    """One inspector: where it is, what opens it, and the client whose it is, if that is known."""

    address: str
    authorization: str
    client: Running | None = None

    @property
    def shown(self) -> str:
        """How it is named to people."""
        return self.client.shown if self.client is not None else safe(self.address)


# --- options -------------------------------------------------------------------------------------------------------


def inspector_options(command: _Command) -> _Command:
    """Add the options that say which inspector is asked."""
    command = click.option(
        "--inspector",
        "url",
        metavar="URL",
        envvar="SELLIA_INSPECTOR_URL",
        help="Ask the inspector at this URL, as its client has printed it. $SELLIA_INSPECTOR_URL keeps the token out of"
        " the list of processes.",
    )(command)
    return click.option(
        "--client",
        "which",
        metavar="NAME|PID",
        shell_complete=completions,
        help="Ask this client: the name of one of its tunnels, or its process.",
    )(command)


def clients_of(which: str | None, verb: str) -> list[Running]:
    """Return the clients that are asked: the one that is meant, or all."""
    clients = running()
    if which is None:
        return clients
    return [each.client for each in choose(clients, which, None, f"{verb} --client")]


def inspectors(which: str | None, url: str | None, verb: str) -> list[Inspector]:
    """Return the inspectors that are asked.  Raises ControlFailure where there is none."""
    if url is not None:
        return [of_url(url)]
    clients = clients_of(which, verb)
    if not clients:
        raise ControlFailure("No client of this user runs on this machine.")
    found = list(of_clients(clients))
    if not found:
        several = "No client of this user that runs on this machine has" if which is None else "This client has not"
        raise ControlFailure(f"{several} an inspector: start it without --no-inspector.")
    return found


def of_clients(clients: Sequence[Running]) -> Iterator[Inspector]:
    """Yield the inspectors of these clients, as they tell."""
    for client in clients:
        try:
            for answer in ask(client, {"command": "inspector"}):
                told = answer.get("inspector")
                if isinstance(told, dict) and isinstance(told.get("token"), str) and told.get("address"):
                    yield Inspector(str(told["address"]).rstrip("/"), f"Bearer {told['token']}", client)
        except ControlFailure:
            continue  # it has none, or is an older one


def of_url(url: str) -> Inspector:
    """Return the inspector at a URL: with a token or a password in it, or one of this user's clients'."""
    parts = urlsplit(url if "//" in url else f"http://{url}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme not in ("http", "https") or not host:
        raise click.UsageError("--inspector needs the URL of an inspector, such as http://127.0.0.1:4040.")
    shown = f"[{host}]" if ":" in host else host
    address = f"{parts.scheme}://{shown}{f':{port}' if port else ''}"
    token = parse_qs(parts.query).get("token")
    if token:
        return Inspector(address, f"Bearer {token[0]}")
    if parts.password:
        return Inspector(address, "Basic " + b64encode(f":{parts.password}".encode()).decode())
    for each in of_clients(running()):
        if each.address == address:
            return each
    raise click.UsageError(
        f"No client of this user has an inspector at {safe(address)}: give the whole URL that its client has printed,"
        " with its token."
    )


def only(found: Sequence[Inspector], verb: str) -> Inspector:
    """Return the only inspector.  Raises UsageError where there are several."""
    if len(found) > 1:
        raise click.UsageError(
            "Several clients run on this machine. Say which one is meant:\n" + "\n".join(_choices(found, verb))
        )
    return found[0]


def one_of(found: Sequence[Inspector], id: str, verb: str) -> Inspector:
    """Return the only inspector that knows an exchange.  Raises UsageError where several do."""
    if len(found) > 1:
        raise click.UsageError(
            f"Several clients have an exchange {safe(id)}. Say which one is meant:\n"
            + "\n".join(_choices(found, f"{verb} {safe(id)}"))
        )
    return found[0]


def _choices(found: Sequence[Inspector], verb: str) -> Iterator[str]:
    for each in found:
        if each.client is not None:
            yield f"  sellia {verb} --client {each.client.process}  {summary(each.client)}"


# --- calls ---------------------------------------------------------------------------------------------------------


class InspectorCalls:
    """Calls of the API of one inspector."""

    def __init__(self, inspector: Inspector, reactor: Any) -> None:
        from sellia.cli.http_calls import HttpCalls

        self.inspector = inspector
        self._calls: HttpCalls = HttpCalls(inspector.address, reactor)

    async def get(self, path: str, **query: str) -> Any:
        """Return what a GET answers with.  Raises InspectorFailure and UnreachableError."""
        return self._json(await self._made("GET", path, query))

    async def body(self, path: str, **query: str) -> bytes:
        """Return the bytes that a GET answers with.  Raises InspectorFailure and UnreachableError."""
        return (await self._made("GET", path, query)).body

    async def post(self, path: str, value: Mapping[str, Any], seconds: float | None = None) -> Any:
        """Return what a POST of JSON answers with.  Raises InspectorFailure and UnreachableError."""
        body = json.dumps(value).encode()
        return self._json(await self._made("POST", path, {}, body, timeout=seconds))

    async def follow(self, path: str, take: Callable[[bytes], None], **query: str) -> None:
        """Give ``take`` what a stream says, until it ends.  Raises InspectorFailure and UnreachableError."""
        await self._made("GET", path, query, timeout=FOR_EVER, take=take)

    async def _made(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | None = None, **how: Any
    ) -> "Fetched":
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items() if value)
        headers = {"Authorization": self.inspector.authorization}
        if body is not None:
            headers["Content-Type"] = "application/json"
        where = f"{path}?{asked}" if asked else path
        fetched = await self._calls.fetch(method, where, headers, body, limit=ANSWER_LIMIT, **how)
        if fetched.status in (200, 201, 204):
            return fetched
        try:
            told = json.loads(fetched.body)
            detail = told["detail"] if isinstance(told, dict) else ""
        except (ValueError, KeyError):
            detail = ""
        message = safe(str(detail)) or f"{self.inspector.shown} answered {fetched.status}, which no inspector does."
        raise InspectorFailure(message, fetched.status, _STATUSES.get(fetched.status, Exit.FAILED))

    def _json(self, fetched: "Fetched") -> Any:
        try:
            value = json.loads(fetched.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise InspectorFailure(f"{self.inspector.shown} gave an answer that is not one of an inspector.")
        return value


async def knowing(found: Sequence[Inspector], path: str, reactor: Any) -> list[tuple[Inspector, Any]]:
    """Return the inspectors that have something at a path, each with what it answers.

    Raises InspectorFailure and UnreachableError where there is one only, which cannot be asked.
    """
    from sellia.errors import UnreachableError

    known = []
    for each in found:
        try:
            known.append((each, await InspectorCalls(each, reactor).get(path)))
        except InspectorFailure as error:
            if error.status != 404:
                raise
        except UnreachableError:
            if len(found) == 1:
                raise
    return known


def run_calls(work: Callable[[Any], Coroutine[Any, Any, _Result]]) -> _Result:
    """Run ``work`` on the process's reactor; an inspector that cannot be reached becomes a failure of the command."""
    from sellia.cli.http_calls import run
    from sellia.errors import UnreachableError

    try:
        return run(work)
    except UnreachableError as error:
        raise InspectorFailure(str(error), exit_code=Exit.UNREACHABLE) from None
