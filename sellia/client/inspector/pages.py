"""The site of the inspector: the API below ``/api``, and the page."""

from collections.abc import Awaitable
from typing import Any, Final, Protocol

from sellia.client.inspector.answers import Answer, ApiError, as_json
from sellia.client.inspector.api import SHAPES, TABLE
from sellia.client.inspector.files import InspectorFiles
from sellia.client.inspector.guard import Guard
from sellia.client.inspector.openapi import described
from sellia.client.inspector.table import Call, Result, query_of
from sellia.client.inspector.web import InspectorRequest

#: The description of the API.
OPENAPI: Final = "/api/openapi.json"


class Elsewhere(Protocol):
    """Where the page comes from, if not from package data."""

    def serve(self, request: InspectorRequest) -> "Awaitable[Result] | None":
        """Return what answers a request; None where the request was taken over."""


class InspectorPages:
    """What is served to whoever is admitted; ``subject`` is what the endpoints tell of."""

    def __init__(self, guard: Guard, subject: Any, elsewhere: Elsewhere | None = None) -> None:
        self.guard = guard
        self._subject = subject
        self._elsewhere = elsewhere
        self._files = InspectorFiles()

    def is_page(self, path: bytes) -> bool:
        """Return whether a path is one of a page."""
        return not path.startswith(b"/api/")

    def welcome(self, request: InspectorRequest) -> Answer | None:
        """Return what gives the browser the cookie, and shows the page without the token in its address.

        A browser that has followed a link from another site sends no strict cookie behind a redirection, but does when
        a page of this site leads on.
        """
        if request.method not in (b"GET", b"HEAD"):
            return None
        place = _address(request.path) + (b"?" + request.query if request.query else b"")
        headers = {b"Set-Cookie": self.guard.cookie}
        if request.getHeader(b"sec-fetch-site") in (b"cross-site", b"same-site"):
            return Answer(200, _LEADS_ON % place.replace(b'"', b"%22"), b"text/html; charset=utf-8", headers)
        return Answer(303, b"", b"text/plain", {**headers, b"Location": place})

    def serve(self, request: InspectorRequest) -> "Result | Awaitable[Result] | None":
        """Return what answers a request.  Raises ApiError."""
        path = request.path.decode("utf-8", "replace")
        if self.is_page(request.path):
            if self._elsewhere is not None:
                return self._elsewhere.serve(request)
            return self._page(request, path)
        if path == OPENAPI and request.method in (b"GET", b"HEAD"):
            return as_json(described(TABLE, SHAPES))
        endpoint, parts = TABLE.find(request.method.decode("ascii", "replace"), path)
        if endpoint.method != "GET" and self._subject.read_only:
            raise ApiError(409, "read-only", self._subject.read_only)
        type = (request.getHeader(b"content-type") or b"").partition(b";")[0].strip().lower().decode("ascii", "replace")
        call = Call(parts, query_of(request.query), request.body, type)
        return endpoint.handler(self._subject, call)

    def _page(self, request: InspectorRequest, path: str) -> Answer:
        if request.method not in (b"GET", b"HEAD"):
            raise ApiError(405, "no-such-method", "A page is asked for by GET.")
        return self._files.get(path, (request.getHeader(b"if-none-match") or b"").decode("latin-1"))


#: Page that leads on to the one without the token.
_LEADS_ON: Final = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Sellia inspector</title>'
    b'<meta http-equiv="refresh" content="0;url=%b"><p>One moment.'
)


def _address(path: bytes) -> bytes:
    """Return a path that leads nowhere else: a browser takes ``//host`` and backslashes for another site."""
    plain = bytes(each for each in path if 0x20 < each < 0x7F and each not in b'\\"<>')
    return b"/" + plain.lstrip(b"/")
