"""A stand for the page: the inspector's own site over a store that is filled by commands, in a process of its own.

``python -m tests.page.stand`` prints the URL, then takes commands, one JSON object on a line, and answers each with
one: so a browser test shows the page any traffic at once, without a tunnel.
"""

from __future__ import annotations

import json
import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver

from sellia.client.inspector.inspector import Inspector
from sellia.client.settings import ClientSettings
from sellia.inspector.exchange import Exchange, new_exchange
from sellia.inspector.model import Body, End, LinkMark, LinkState
from sellia.inspector.timeline import Deflate, Timeline
from sellia.why.cause import Cause
from tests.inspector import hostile

URL = "https://demo.tunnel.example"

STATUS: dict[str, Any] = {
    "pid": 1,
    "server": "https://tunnel.example",
    "link": {"state": "up", "seconds": 100.0, "round_trip": 0.0234, "reason": None},
    "tunnels": [
        {
            "name": "demo",
            "kind": "http",
            "state": "open",
            "subdomain": "demo",
            "url": URL,
            "targets": [{"path": "/", "target": "localhost:3000"}],
        }
    ],
}


class StandingInspector(Inspector):
    """The inspector of a client that is only said to be there."""

    told = STATUS

    def _name_of(self, number: int) -> str:
        return "demo"

    def _link_of(self, stream_id: int) -> LinkState | None:
        return None

    def status(self) -> dict[str, Any]:
        return {**super().status(), **self.told}


def pairs(fields: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Return header fields in bytes."""
    return [(name.encode(), value.encode()) for name, value in fields.items()]


class Commands(LineOnlyReceiver):
    """Fills the store as it is told."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 26

    def __init__(self, inspector: StandingInspector) -> None:
        self.inspector = inspector
        self.store = inspector.store

    def connectionMade(self) -> None:
        self.say({"url": self.inspector.url})

    def connectionLost(self, reason: object = None) -> None:
        reactor.callLater(0, reactor.stop)

    def say(self, value: Any) -> None:
        self.sendLine(json.dumps(value).encode())

    def lineReceived(self, line: bytes) -> None:
        command = json.loads(line)
        self.say(getattr(self, f"do_{command.pop('do')}")(**command))

    # --- commands ---------------------------------------------------------------------------------------------

    def do_http(self, count: int = 1, **given: Any) -> list[str]:
        """Add requests with their responses."""
        return [self._http(number=number, **given).id for number in range(count)]

    def _http(
        self,
        method: str = "GET",
        target: str = "/",
        status: int | None = 200,
        request: dict[str, str] | None = None,
        response: dict[str, str] | None = None,
        request_body: str = "",
        response_body: str = "",
        response_hex: str = "",
        seconds: float = 0.042,
        ago: float = 0.0,
        open: bool = False,
        cause: dict[str, Any] | None = None,
        number: int = 0,
        sent: dict[str, str] | None = None,
    ) -> Exchange:
        started = time.time() - ago
        exchange = new_exchange(
            self.store.next_number(),
            "http",
            tunnel="demo",
            visitor="203.0.113.7",
            method=method.encode(),
            target=target.replace("{n}", str(number)).encode(),
            request_headers=pairs({"Host": "demo.tunnel.example", **(request or {})}),
            started=started,
            link=LinkState(0.0234, 262144),
        )
        if sent is not None:
            exchange.sent_headers = pairs({"Host": "localhost:3000", **sent})
        if request_body:
            exchange.request_body = Body(request_body.encode(), len(request_body.encode()), started, started)
        exchange.sent = started + seconds * 0.1
        if status is not None:
            exchange.status, exchange.reason = status, b"OK" if status == 200 else b""
            exchange.response_headers = pairs(response or {})
            exchange.answered = started + seconds * 0.8
        data = bytes.fromhex(response_hex) or response_body.encode()
        if data:
            exchange.response_body = Body(data, len(data), started + seconds * 0.8, started + seconds)
        self.store.add(exchange)
        if not open:
            exchange.ended = started + seconds
            exchange.end = End("service")
            exchange.cause = Cause(**cause) if cause else None
            self.store.over(exchange)
        return exchange

    def do_socket(
        self,
        target: str = "/ws",
        frames: list[list[Any]] | None = None,
        ago: float = 10.0,
        limit: int = 1 << 20,
        subprotocol: str = "",
        deflate: bool = False,
        marks: list[list[Any]] | None = None,
        response: dict[str, str] | None = None,
    ) -> str:
        """Open a WebSocket, with frames of [seconds after its start, from the visitor, first byte, text]."""
        started = time.time() - ago
        exchange = new_exchange(
            self.store.next_number(),
            "websocket",
            tunnel="demo",
            visitor="203.0.113.7",
            method=b"GET",
            target=target.encode(),
            request_headers=pairs({"Host": "demo.tunnel.example", "Upgrade": "websocket", "Connection": "Upgrade"}),
            response_headers=pairs({"Upgrade": "websocket", "Connection": "Upgrade", **(response or {})}),
            status=101,
            reason=b"Switching Protocols",
            started=started,
            sent=started + 0.002,
            answered=started + 0.01,
            link=LinkState(0.0234, 262144),
        )
        exchange.timeline = Timeline(limit, 1 << 20, subprotocol=subprotocol, deflate=Deflate() if deflate else None)
        exchange.marks = tuple(LinkMark(started + at, what) for at, what in marks or ())
        self.store.add(exchange)
        self.do_frames(exchange.id, frames or [])
        return exchange.id

    def do_frames(self, id: str, frames: list[list[Any]], repeat: int = 1) -> int:
        """Add frames; a text that begins with ``hex:`` is written so."""
        exchange = self.store.get(id)
        assert exchange is not None and exchange.timeline is not None
        for turn in range(repeat):
            for at, visitor, first, text in frames:
                data = bytes.fromhex(text[4:]) if text.startswith("hex:") else text.encode()
                moment = exchange.started + at + turn * 0.001
                self.store.grown(exchange, exchange.timeline.add(moment, visitor, first, data))
        return exchange.timeline.count

    def do_hostile(self, count: int, first: int = 1) -> int:
        """Let exchanges of hostile visitors and services pass through the capture; return how many are kept."""
        hostile.pass_through(self.inspector.capture.session(), count, first)
        return len(self.store)

    def do_close(self, id: str, by: Any = "visitor", code: int = 1000, reason: str = "", cause: Any = None) -> str:
        """End a WebSocket."""
        exchange = self.store.get(id)
        assert exchange is not None
        exchange.ended = time.time()
        exchange.end = End(by, code, reason)
        exchange.cause = Cause(**cause) if cause else None
        self.store.over(exchange)
        return id

    def do_status(self, **told: Any) -> None:
        """Say another status."""
        self.inspector.told = {**STATUS, **told}
        for stream in self.inspector.streams:
            stream.changed("status")

    def do_drop(self) -> None:
        """End every stream of events."""
        for stream in list(self.inspector.streams):
            stream.close()

    def do_reset(self) -> None:
        """Forget all, as a client does that was just started."""
        for exchange in list(self.store):
            self.store.remove(exchange)
        self.store.clear()
        self.do_status()

    def do_count(self) -> int:
        """How many exchanges are kept."""
        return len(self.store)


def main() -> None:
    """Run until standard input ends."""
    settings = ClientSettings(server="http://127.0.0.1:1", tunnels=[{"name": "demo", "target": "3000"}])  # type: ignore[list-item]
    inspector = StandingInspector(settings, reactor)
    inspector.start()
    StandardIO(Commands(inspector))
    reactor.run()


if __name__ == "__main__":
    main()
