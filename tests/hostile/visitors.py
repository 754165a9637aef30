"""Visitors that send whatever a test wants, byte for byte, and read what comes."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

HOST = b"demo.localhost"
"""The host of the tunnel to the ledger."""

DEADLINE = 30.0

WEBSOCKET_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@dataclass
class Answered:
    """One answer: its status, its fields with lower-case names, its body."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes

    def value(self, name: str) -> str | None:
        """The value of the first field of that lower-case name."""
        return next((value for each, value in self.fields if each == name), None)


@dataclass
class Talk:
    """What a visitor has read: the answers in it, and what is no whole answer."""

    data: bytes
    closed: bool
    answers: list[Answered] = field(default_factory=list)
    rest: bytes = b""

    @property
    def statuses(self) -> list[int]:
        return [each.status for each in self.answers]


def head_only(status: int) -> bool:
    """Whether an answer with this status has no body whatever it says."""
    return status < 200 or status in (204, 304)


def parse(data: bytes, *, bodiless: bool = False) -> tuple[list[Answered], bytes]:
    """The whole answers at the head of ``data``, and what follows them."""
    found: list[Answered] = []
    while True:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return found, data
        line, *lines = head.decode("latin-1").split("\r\n")
        fields = [(name.lower(), value.strip()) for name, _, value in (each.partition(":") for each in lines)]
        answer = Answered(int(line.split(" ")[1]), fields, b"")
        if answer.status == 101:
            found.append(answer)
            return found, rest
        if not (bodiless or head_only(answer.status)):
            if answer.value("transfer-encoding") == "chunked":
                body = dechunk(rest)
                if body is None:
                    return found, data
                answer.body, rest = body
            else:
                size = int(answer.value("content-length") or 0)
                if len(rest) < size:
                    return found, data
                answer.body, rest = rest[:size], rest[size:]
        found.append(answer)
        data = rest


def dechunk(data: bytes) -> tuple[bytes, bytes] | None:
    """A whole chunked body at the head of ``data``, and what follows it; None if it is not whole."""
    body = b""
    while True:
        line, end, rest = data.partition(b"\r\n")
        if not end:
            return None
        size = int(line.split(b";")[0], 16)
        if not size:
            _, end, after = (b"\r\n" + rest).partition(b"\r\n\r\n")
            return (body, after) if end else None
        if len(rest) < size + 2:
            return None
        body += rest[:size]
        data = rest[size + 2 :]


def dial(port: int) -> socket.socket:
    """A visitor's connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def talk(
    port: int,
    sent: Iterable[bytes],
    *,
    answers: int = 1,
    until_close: bool = False,
    bodiless: bool = False,
    pause: float = 0.0,
) -> Talk:
    """Send these pieces, and read until so many answers are there, or until the server has closed the connection."""
    data = b""
    with dial(port) as connection:
        try:
            for piece in sent:
                connection.sendall(piece)
                if pause:
                    time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server has heard enough; what it has said is still there
        end = time.monotonic() + DEADLINE
        closed = False
        while True:
            found, rest = parse(data, bodiless=bodiless)
            if not until_close and len([each for each in found if each.status >= 200]) >= answers:
                break
            if not until_close and found and found[-1].status == 101:
                break
            connection.settimeout(max(0.01, end - time.monotonic()))
            try:
                more = connection.recv(65536)
            except ConnectionResetError:
                closed = True
                break
            if not more:
                closed = True
                break
            data += more
    return Talk(data, closed, found, rest)


def get(target: bytes = b"/", *fields: bytes, host: bytes | None = HOST, version: bytes = b"1.1") -> bytes:
    """A GET request."""
    return request(b"GET", target, *fields, host=host, version=version)


def post(body: bytes, *fields: bytes, target: bytes = b"/", version: bytes = b"1.1") -> bytes:
    """A POST request whose framing the fields say."""
    return request(b"POST", target, *fields, version=version) + body


def request(
    method: bytes, target: bytes = b"/", *fields: bytes, host: bytes | None = HOST, version: bytes = b"1.1"
) -> bytes:
    """The head of a request."""
    lines = [method + b" " + target + b" HTTP/" + version]
    if host is not None:
        lines.append(b"Host: " + host)
    return b"\r\n".join([*lines, *fields, b"", b""])


def upgrade(target: bytes = b"/ws", *fields: bytes, host: bytes = HOST) -> bytes:
    """A WebSocket handshake."""
    return get(
        target,
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + WEBSOCKET_KEY,
        *fields,
        host=host,
    )
