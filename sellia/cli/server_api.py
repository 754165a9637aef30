"""Calls of the command line to a server's HTTP API (``docs/http-api.rst``).

Commands ask a server what it is and what a key may do.  Every answer becomes a report, a RefusedError with the server's
own code, or an UnreachableError that says what stands there instead.
"""

from typing import Any, Final, TypeVar

import msgspec

from sellia.cli.http_calls import CHECK_URL, HttpCalls
from sellia.client.proxies import DIRECT, Proxies
from sellia.errors import RefusedError, UnreachableError
from sellia.protocol.http_api import KEY_PATH, VERSION_PATH, KeyReport, VersionReport
from sellia.text import printable

#: Characters of a text of the server's that are shown.
_SHOWN: Final = 200

_NO_API: Final = "It is an older Sellia server or an original one, which both lack this, or another program."

_Report = TypeVar("_Report", VersionReport, KeyReport)


class _Problem(msgspec.Struct, frozen=True):
    """An error as the server tells it."""

    error: str
    message: str = ""
    detail: str = ""


class ServerApi:
    """The HTTP API of the server at ``server``, through ``proxies``.

    ``ca`` names a file with authorities that are trusted besides the machine's.
    """

    def __init__(self, server: str, reactor: Any, ca: str | None = None, proxies: Proxies = DIRECT) -> None:
        self._calls = HttpCalls(server, reactor, ca, proxies)
        self.server = self._calls.server

    async def version(self) -> VersionReport:
        """Ask what the server is.  Raises UnreachableError."""
        return await self._get(VERSION_PATH, VersionReport)

    async def key(self, key: str | None) -> KeyReport:
        """Ask what a key may do, or who shows none.  Raises RefusedError for a key that opens nothing."""
        return await self._get(KEY_PATH, KeyReport, key)

    async def _get(self, path: str, kind: type[_Report], key: str | None = None) -> _Report:
        headers = {"Accept": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        fetched = await self._calls.fetch("GET", path, headers)
        if fetched.status == 200:
            try:
                return msgspec.json.decode(fetched.body, type=kind)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise self._calls.other("answers, but not as a Sellia server does", CHECK_URL) from None
        if 300 <= fetched.status < 400:
            where = f" to {printable(fetched.location, _SHOWN)}" if fetched.location else ""
            hint = "Give the server's own URL: no key is sent on to another place."
            raise self._calls.other(f"redirects{where}", hint)
        raise self._refusal(fetched.status, fetched.body)

    def _refusal(self, status: int, body: bytes) -> RefusedError | UnreachableError:
        try:
            problem = msgspec.json.decode(body, type=_Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._calls.other(f"answers with {status}", _NO_API if status in (404, 405) else CHECK_URL)
        if status in (404, 405):
            return self._calls.other(f"has no such part of the API (answer {status})", _NO_API)
        text = printable(problem.detail or problem.message, _SHOWN)
        return RefusedError(printable(problem.error, 64), text)
