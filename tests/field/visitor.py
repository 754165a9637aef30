"""A visitor's HTTP requests and WebSockets, for the visits that need no program of their own."""

from __future__ import annotations

import hashlib
import http.client
import select
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as websocket_connect
from websockets.typing import Subprotocol

from tests.field.program import Way

DEADLINE = 120.0
"""Seconds that a visit waits for one thing."""


@dataclass(frozen=True)
class Answer:
    """One response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def digest(self) -> str:
        """A short digest of the body."""
        return digest(self.body)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def digest(data: bytes) -> str:
    """A short digest, to compare bodies by."""
    return hashlib.sha256(data).hexdigest()[:12]


class Browser:
    """One visitor's connection, kept open between requests as a browser does."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._connection = http.client.HTTPConnection("127.0.0.1", way.port, timeout=DEADLINE)

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        during: Callable[[], None] | None = None,
    ) -> Answer:
        """Ask and read the whole answer; ``during`` is called when the head has come."""
        if self._connection.sock is not None and select.select([self._connection.sock], [], [], 0.02)[0]:
            self._connection.close()  # the other side has closed it, as it may; http.client opens another
        self._connection.request(method, path, body, {"Host": self._way.authority, **(headers or {})})
        response = self._connection.getresponse()
        if during is not None:
            during()
        content = response.read()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, content)

    def close(self) -> None:
        self._connection.close()


def ask(way: Way, path: str, method: str = "GET", body: bytes | None = None, **options: Any) -> Answer:
    """Ask on a connection of its own."""
    browser = Browser(way)
    try:
        return browser.ask(path, method, body, **options)
    finally:
        browser.close()


def websocket(
    way: Way,
    path: str = "/",
    *,
    headers: Mapping[str, str] | None = None,
    origin: str | None = None,
    protocols: Sequence[str] = (),
    **options: Any,
) -> ClientConnection:
    """Open a WebSocket; a context manager."""
    connection = socket.create_connection(("127.0.0.1", way.port), timeout=DEADLINE)
    settings: dict[str, Any] = {"max_size": None, "ping_interval": None, "open_timeout": DEADLINE, **options}
    return websocket_connect(
        way.url(path, "ws"),
        sock=connection,
        additional_headers=dict(headers or {}),
        origin=origin,  # type: ignore[arg-type]
        subprotocols=[Subprotocol(name) for name in protocols] or None,
        proxy=None,
        **settings,
    )


def head_and_raw(way: Way, request: bytes, deadline: float = DEADLINE) -> bytes:
    """All octets that come back for these, until the other side closes."""
    with socket.create_connection(("127.0.0.1", way.port), timeout=deadline) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received
