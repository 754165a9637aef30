"""
The visit that is the same for every framework: our small application, written for each, is asked the same things.

The application answers ``GET /hello``, ``POST /digest`` (length and digest of the body), ``GET /stream`` (`PIECES`
pieces over about a second) and, at the WebSocket ``/echo``, sends back what comes; ``close CODE`` lets it close, and
``GET /closed`` tells the code with which the last visitor has closed.
"""

from __future__ import annotations

import hashlib
import http.client
import time

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.field.program import Outcome, Way
from tests.field.visitor import DEADLINE, Browser, ask, digest, websocket

PIECES = 40
PIECE = 20_000
STREAM = PIECES * PIECE
"""Bytes of the answer to ``GET /stream``."""

UPLOAD = b"0123456789abcdef" * 200_000
LARGE = bytes(range(256)) * 3000
"""Less than Daphne takes in one message."""


def http_contract(way: Way) -> Outcome:
    """Requests on one connection, with the link cut while each of the large ones is under way."""
    browser = Browser(way)
    hello = browser.ask("/hello")
    head = browser.ask("/hello", "HEAD")
    way.soon(0.02, way.cut)
    upload = browser.ask("/digest", "POST", UPLOAD, headers={"Content-Type": "application/octet-stream"})
    stream = browser.ask("/stream", during=way.cut)
    again = browser.ask("/hello")
    odd = browser.ask('/hello?q=a|b[0]{1}^`"<>&%ff&=&&c=d?e/f;g', "OPTIONS")
    browser.close()
    expected = f"{len(UPLOAD)} {hashlib.sha256(UPLOAD).hexdigest()}"
    return {
        "hello": f"{hello.status} {hello.text.strip()}",
        "HEAD": f"{head.status} {len(head.body)}",
        "upload": f"{upload.status} {'whole' if upload.text.strip() == expected else upload.text[:60]}",
        "stream": f"{stream.status} {len(stream.body)} bytes",
        "again": again.status,
        "OPTIONS and an odd query": odd.status,
        "cookies of 14 and 40 kB": f"{with_cookie(way, 14_000)}, {with_cookie(way, 40_000)}",
    }


def with_cookie(way: Way, size: int) -> int | str:
    """The status of a request with that large a cookie; servers differ in what they take, and some just hang up."""
    try:
        status = ask(way, "/hello", headers={"Cookie": f"a={'c' * size}"}).status
    except (OSError, http.client.HTTPException):
        status = 502
    return status if status != 502 else "no answer"


def closing(socket: ClientConnection) -> str:
    """The close code and reason that the other side ends with."""
    try:
        while True:
            socket.recv(timeout=DEADLINE)
    except ConnectionClosed as end:
        received = end.rcvd
        return f"{received.code} {received.reason}".strip() if received else "no close frame"


def websocket_contract(way: Way, path: str = "/echo", protocol: str = "chat") -> Outcome:
    """Echoes, with a cut between question and answer; close codes both ways."""
    with websocket(way, path, origin=way.url(""), protocols=[protocol] if protocol else []) as socket:
        socket.send("hello")
        text = socket.recv(timeout=DEADLINE)
        socket.send(LARGE)
        way.cut()
        large = socket.recv(timeout=DEADLINE)
        socket.send(["in ", "three ", "fragments"])
        fragments = socket.recv(timeout=DEADLINE)
        pong = socket.ping().wait(DEADLINE)
        way.cut()
        socket.send("close 4001")
        ours = closing(socket)
    with websocket(way, path, origin=way.url(""), protocols=[protocol] if protocol else []) as socket:
        socket.send("once more")
        socket.recv(timeout=DEADLINE)
        way.cut()
        socket.close(4002, "enough")
    theirs = _last_close(way)
    return {
        "echo": text,
        "large": f"{len(large)} bytes" if digest(bytes(large)) == digest(LARGE) else "another message",  # type: ignore[arg-type]
        "fragments": fragments,
        "ping": "answered" if pong else "silence",
        "subprotocol": socket.subprotocol,
        "service closes": ours,
        "visitor closes": theirs,
    }


def _last_close(way: Way) -> str:
    """What ``/closed`` tells, once it tells of a close by the visitor."""
    end = time.monotonic() + 10.0
    while True:
        said = ask(way, "/closed").text.strip()
        if said.startswith("4002") or time.monotonic() > end:
            return said
        time.sleep(0.05)


def contract(way: Way) -> Outcome:
    """Both."""
    return {**http_contract(way), **websocket_contract(way)}
