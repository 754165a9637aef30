"""
A small service to put behind a tunnel: ``python -m demo.service --port 8080``.

========== =======================================================================
``/``      the page
``/echo``  a WebSocket that sends back what it is sent
``/chat``  a WebSocket for everybody: what one says, all hear
``/clock`` server-sent events, one each second
``/docs``  the project's documentation, as it lies in the checkout
========== =======================================================================

It needs Twisted and Autobahn, and is bounded like a service that strangers can reach: `MAX_PEERS` in the chat,
`MAX_MESSAGE` bytes each; who does not read is not read from (echo) or misses what is said meanwhile (chat, clock).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autobahn.twisted.resource import WebSocketResource
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionRequest
from twisted.internet import task
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.python import log
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from twisted.web.static import File
from zope.interface import implementer

PAGE = Path(__file__).with_name("page.html")
DOCS = Path(__file__).resolve().parent.parent / "docs"
MAX_MESSAGE = 64 * 1024
MAX_TEXT = 500
"""Characters of a chat line that are kept."""

MAX_PEERS = 100
HISTORY = 20
"""Chat lines that who comes later still gets to see."""


@implementer(IPushProducer)
class _Paced(WebSocketServerProtocol):  # type: ignore[misc]
    """
    A WebSocket that knows when its peer does not keep up: `reading` is False until it does.

    twisted.web has put its own channel in charge of the socket's pace, and gave the socket away: that is undone here.
    """

    reading = True

    def onConnect(self, request: ConnectionRequest) -> None:
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        self.transport.setTcpNoDelay(True)

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def stopProducing(self) -> None:
        self.reading = False


class Echo(_Paced):
    """Sends back every message as it came. Not read from while its peer does not read either."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.sendMessage(payload, isBinary)

    def pauseProducing(self) -> None:
        super().pauseProducing()
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        super().resumeProducing()
        self.transport.resumeProducing()


class Chat(_Paced):
    """One of those in the chat."""

    def onOpen(self) -> None:
        if not self.factory.room.enter(self):
            self.sendClose(4029, "the chat is full")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if not isBinary:
            self.factory.room.say(self, payload.decode("utf-8"))

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        self.factory.room.leave(self)


class Room:
    """Who is in the chat, and what was said lately. ``now`` gives the time in seconds since the epoch."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._peers: dict[Any, str] = {}
        self._number = 0
        self._said: deque[str] = deque(maxlen=HISTORY)

    def enter(self, peer: Any) -> bool:
        """Take ``peer`` in, tell it what it missed, and all others of it; False when the room is full."""
        if len(self._peers) >= MAX_PEERS:
            return False
        self._number += 1
        name = self._peers[peer] = f"guest {self._number}"
        peer.sendMessage(_json(kind="you", name=name))
        for line in self._said:
            peer.sendMessage(line.encode())
        self._tell_all(_json(kind="here", count=len(self._peers)))
        return True

    def say(self, peer: Any, text: str) -> None:
        """Let everybody hear ``text`` from ``peer``, its author as well."""
        text = text.strip()[:MAX_TEXT]
        if text and peer in self._peers:
            line = _json(kind="line", name=self._peers[peer], text=text, time=int(self._now() * 1000))
            self._said.append(line.decode())
            self._tell_all(line)

    def leave(self, peer: Any) -> None:
        """Forget ``peer``, if it was here."""
        if self._peers.pop(peer, None) is not None:
            self._tell_all(_json(kind="here", count=len(self._peers)))

    def _tell_all(self, line: bytes) -> None:
        for peer in self._peers:
            if peer.reading:
                peer.sendMessage(line)


class ChatFactory(WebSocketServerFactory):  # type: ignore[misc]
    """Makes `Chat` connections that share a `Room`."""

    protocol = Chat

    def __init__(self, room: Room) -> None:
        super().__init__()
        self.room = room


@implementer(IPushProducer)
class _Ticks:
    """The events of one visitor. A visitor who does not keep up misses ticks instead of piling them up here."""

    def __init__(self, request: Request, clock: IReactorTime, now: Callable[[], float]) -> None:
        self._request = request
        self._now = now
        self._reading = True
        self._number = 0
        request.registerProducer(self, True)
        self._loop = task.LoopingCall(self._tick)
        self._loop.clock = clock
        self._loop.start(1.0).addErrback(log.err, "the clock stopped")
        request.notifyFinish().addBoth(lambda _: self.stopProducing())

    def _tick(self) -> None:
        if self._reading:
            self._number += 1
            data = json.dumps({"number": self._number, "time": int(self._now() * 1000)})
            self._request.write(f"id: {self._number}\ndata: {data}\n\n".encode())

    def pauseProducing(self) -> None:
        self._reading = False

    def resumeProducing(self) -> None:
        self._reading = True

    def stopProducing(self) -> None:
        if self._loop.running:
            self._loop.stop()


class Clock(Resource):
    """Server-sent events: the number of the tick and the service's time, each second."""

    isLeaf = True

    def __init__(self, clock: IReactorTime, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._now = now

    def render_GET(self, request: Request) -> int:
        request.setHeader(b"Content-Type", b"text/event-stream")
        request.setHeader(b"Cache-Control", b"no-store")
        _Ticks(request, self._clock, self._now)
        return NOT_DONE_YET


class Page(Resource):
    """The page, for browsers; a line of text for everybody else, as curl."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"Vary", b"Accept")
        if b"text/html" in (request.getHeader(b"Accept") or b""):
            request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
            request.setHeader(b"Cache-Control", b"no-store")
            return PAGE.read_bytes()
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        host = (request.getHeader(b"Host") or b"").decode("latin-1")
        return (
            f"Hello through the tunnel. You asked for {host}; open it in a browser for the rest,\n"
            "or stay here: curl --no-buffer shows /clock tick, and websocat or wscat talk to /echo and /chat.\n"
        ).encode()


def build_site(clock: IReactorTime) -> Site:
    """The whole service as a `Site`."""
    echo = WebSocketServerFactory()
    echo.protocol = Echo
    chat = ChatFactory(Room())
    for factory in (echo, chat):
        factory.setProtocolOptions(maxMessagePayloadSize=MAX_MESSAGE, autoPingInterval=30, autoPingTimeout=30)
    root = Resource()
    root.putChild(b"", Page())
    root.putChild(b"echo", WebSocketResource(echo))
    root.putChild(b"chat", WebSocketResource(chat))
    root.putChild(b"clock", Clock(clock))
    if DOCS.is_dir():
        root.putChild(b"docs", File(str(DOCS), defaultType="text/plain; charset=utf-8"))
    return Site(root)


def main() -> None:
    """Listen on loopback and serve until a signal."""
    from twisted.internet import reactor

    parser = argparse.ArgumentParser(description="The demo service.")
    parser.add_argument("--port", type=int, default=8080, help="listen on this port of 127.0.0.1; default 8080")
    port = parser.parse_args().port
    log.startLogging(sys.stderr, setStdout=False)
    reactor.listenTCP(port, build_site(reactor), interface="127.0.0.1")
    reactor.run()


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


if __name__ == "__main__":
    main()
