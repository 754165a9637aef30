"""Calls of ``sellia admin`` to the admin API of a server (``docs/admin-api.rst``).

A write carries an idempotency key and is sent once more where its connection broke off: it is done once all the same.
"""

import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from twisted.internet.task import deferLater

from sellia.cli.http_calls import CHECK_URL, Fetched, HttpCalls
from sellia.client.proxies import DIRECT, Proxies
from sellia.errors import RefusedError, SelliaError, UnreachableError
from sellia.text import printable

#: Path below which the API is.
ROOT: Final = "/api/v1/"

#: Bytes of an answer, and the seconds that a call may take: a write waits for the server's disk.
ANSWER_LIMIT: Final = 16 * 1024 * 1024
CALL_TIME: Final = 40.0
DOWNLOAD_TIME: Final = 3600.0

#: Entries that are asked for at once.
PAGE: Final = 500

_SHOWN: Final = 500

#: Times that a call is made which comes too often, and the longest wait in between that the server may ask for.
_PATIENCE: Final = 10
_LONGEST_WAIT: Final = 5

_WHERE: Final = (
    "The admin API has an address of its own: give it with --url or SELLIA_ADMIN_URL, as the server's --admin-listen "
    "says."
)


def path_of(*parts: str) -> str:
    """Return the path of something below the API's root; each part may be any text."""
    return ROOT + "/".join(quote(each, safe="*") for each in parts)


class AdminApi:
    """The admin API at ``url``, asked with ``key``."""

    def __init__(self, url: str, key: str, reactor: Any, ca: str | None = None, proxies: Proxies = DIRECT) -> None:
        self._calls = HttpCalls(url, reactor, ca, proxies)
        self._key = key
        self._reactor = reactor

    async def get(self, *parts: str, **query: Any) -> Any:
        """Ask for something.  Raises RefusedError or UnreachableError."""
        return await self._call("GET", path_of(*parts) + _query(query))

    async def items(self, *parts: str, **query: Any) -> AsyncIterator[dict[str, Any]]:
        """Ask for all entries of a list, page by page."""
        cursor: str | None = None
        while True:
            page = await self.get(*parts, **{"limit": PAGE, **query, "cursor": cursor})
            for each in page["items"]:
                yield each
            cursor = page.get("next")
            if cursor is None:
                return

    async def listed(self, *parts: str, **query: Any) -> list[dict[str, Any]]:
        """Return all entries of a list."""
        return [each async for each in self.items(*parts, **query)]

    async def write(self, method: str, *parts: str, body: Mapping[str, Any] | None = None) -> Any:
        """Change something, once."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        try:
            return await self._call(method, path_of(*parts), body, headers)
        except UnreachableError:
            return await self._call(method, path_of(*parts), body, headers)

    async def download(self, take: Callable[[bytes], None], *parts: str, **query: Any) -> None:
        """Ask for something large; ``take`` is given it in pieces."""
        path = path_of(*parts) + _query(query)
        fetched = await self._calls.fetch("GET", path, self._headers(), timeout=DOWNLOAD_TIME, take=take)
        if fetched.status != 200:
            self._result(fetched)

    async def pause(self, seconds: float) -> None:
        """Wait."""
        await deferLater(self._reactor, seconds)

    async def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, extra: Mapping[str, str] | None = None
    ) -> Any:
        headers = {**self._headers(), **(extra or {})}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        for _ in range(_PATIENCE):
            fetched = await self._calls.fetch(method, path, headers, data, limit=ANSWER_LIMIT, timeout=CALL_TIME)
            wait = fetched.retry_after
            if fetched.status != 429 or not 0 < wait <= _LONGEST_WAIT:
                break
            await self.pause(wait)
        return self._result(fetched)

    def _headers(self) -> dict[str, str]:
        return {"Accept": "application/json", "Authorization": f"Bearer {self._key}"}

    def _result(self, fetched: Fetched) -> Any:
        if fetched.status == 204:
            return None
        try:
            value = json.loads(fetched.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise self._other(fetched.status)
        if 200 <= fetched.status < 300:
            return value
        word = value.get("error")
        if not isinstance(word, str) or "type" not in value:
            raise self._other(fetched.status)
        text = value.get("detail") or value.get("title") or ""
        raise RefusedError(printable(word, 64), printable(str(text), _SHOWN))

    def _other(self, status: int) -> SelliaError:
        if status in (404, 405):
            return self._calls.other("has no admin API", _WHERE)
        if 200 <= status < 300:
            return self._calls.other("answers, but not as the admin API of a Sellia server does", _WHERE)
        return self._calls.other(f"answers with {status}", _WHERE if status < 500 else CHECK_URL)


def _query(given: Mapping[str, Any]) -> str:
    """Return a query of what is given and not None; a word of Python has an underscore behind its name."""
    spelt = {name.rstrip("_"): _spelt(value) for name, value in given.items() if value is not None}
    return f"?{urlencode(spelt)}" if spelt else ""


def _spelt(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
