"""The services behind the tunnels of these tests: one for WebSockets, which writes down what it sees."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from tests.processes import wait_until


@dataclass
class Visit:
    """One WebSocket as the service sees it."""

    request: Request
    messages: list[str | bytes] = field(default_factory=list)
    pongs: list[str] = field(default_factory=list)
    #: Code and reason of the close frame that came; None while it is open, code 1006 where none came.
    closed: tuple[int, str] | None = None


class WebSocketService:
    """
    Listens on ``port`` of 127.0.0.1. What it does is in the path::

        /echo                         sends every message back as it came
        /greet                        says "first" and "second" right behind its 101, then echoes
        /close?code=4001&reason=bye   closes so upon the first message; without a code: an empty close frame
        /terminate                    ends the socket without a close frame upon the first message
        /fragments                    sends one message in three fragments, then echoes
        /ping                         pings upon each message, and echoes it when the pong has come
        /big?size=n                   sends a binary message of so many octets, then echoes
        /refuse?status=403            refuses the upgrade
    """

    def __init__(self) -> None:
        self._visits: list[Visit] = []
        self._server: Server = serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._refuse,
            select_subprotocol=self._select,
            compression="deflate",
            max_size=None,
            ping_interval=None,
        )
        self.port: int = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def visit(self, path: str) -> Visit:
        """The first visit to this path with its query, once it has begun."""

        def find() -> Visit | None:
            return next((each for each in self._visits if each.request.path == path), None)

        found = wait_until(find, f"a visit to {path}")
        assert found is not None
        return found

    def wait_for(self, path: str, attribute: str) -> Any:
        """That attribute of the visit, once it says something."""
        visit = self.visit(path)
        return wait_until(lambda: getattr(visit, attribute), f"{attribute} of the visit to {path}")

    @staticmethod
    def _select(connection: ServerConnection, offered: Any) -> Any:
        return offered[0] if offered else None

    def _refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        if parts.path != "/refuse":
            return None
        self._visits.append(Visit(request))
        return connection.respond(int(parse_qs(parts.query)["status"][0]), "no, and here is why\n")

    def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        visit = Visit(socket.request)
        self._visits.append(visit)
        parts = urlsplit(socket.request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        behaviour: Callable[[ServerConnection, Visit, dict[str, str]], None] = getattr(self, f"_{parts.path[1:]}")
        try:
            behaviour(socket, visit, query)
            self._echo(socket, visit, query)
        except ConnectionClosed:
            pass
        except OSError:  # it has closed its socket
            pass
        received = socket.protocol.close_rcvd
        visit.closed = (
            (received.code, received.reason) if received is not None else (int(CloseCode.ABNORMAL_CLOSURE), "")
        )

    def _echo(self, socket: ServerConnection, visit: Visit, query: dict[str, str]) -> None:
        for message in socket:
            visit.messages.append(message)
            socket.send(message)

    def _greet(self, socket: ServerConnection, visit: Visit, query: dict[str, str]) -> None:
        socket.send("first")
        socket.send("second")

    def _close(self, socket: ServerConnection, visit: Visit, query: dict[str, str]) -> None:
        visit.messages.append(socket.recv())
        if "code" in query:
            socket.close(int(query["code"]), query.get("reason", ""))
        else:
            socket.socket.sendall(b"\x88\x00")  # the library has none without a code

    def _terminate(self, socket: ServerConnection, visit: Visit, query: dict[str, str]) -> None:
        visit.messages.append(socket.recv())
        socket.socket.close()

    def _fragments(self, socket: ServerConnection, visit: Visit, query: dict[str, str]) -> None:
        socket.send(["one ", "two ", "three"])

    def _ping(self, socket: ServerConnection, visit: Visit, query: dict[str, str]) -> None:
        for message in socket:
            socket.ping("are you there").wait(20)
            visit.pongs.append("yes")
            socket.send(message)

    def _big(self, socket: ServerConnection, visit: Visit, query: dict[str, str]) -> None:
        socket.send(bytes(int(query["size"])))


@cache
def websocket_service() -> WebSocketService:
    """The one that all tests share."""
    return WebSocketService()
