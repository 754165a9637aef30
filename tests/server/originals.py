"""Original clients at a whole server in memory, which say what a test tells them to, in words of `tests.original`."""

from typing import Any

from tests.original import wire
from tests.original.wire import Message
from tests.server.clients import Server, Wire
from tests.server.support import KEY
from tests.transports.support import BINARY, CLOSE, Frame, frame, frames

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n"
)
OK = {"Connection": ["Upgrade"], "Upgrade": ["websocket"]}


class Original:
    """One original client.  It answers pings unless it is ``silent``, and nothing else by itself."""

    def __init__(self, server: Server, host: str = "198.51.100.1") -> None:
        self.server = server
        self.host = host
        self.silent = False
        #: Code and reason of the server's close frame, once there is one.
        self.closed: Frame | None = None
        self.pings = 0
        self.tunnels: dict[str, str] = {}
        self._heard: list[Message] = []
        self._rest = b""
        self.wire = Wire(server, host)
        self.wire.send(HANDSHAKE)
        head, end, self._rest = self.wire.take().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ") and end and b"Sec-WebSocket-Protocol" not in head, head

    def say(self, type: str, **fields: Any) -> "Original":
        return self.octets(frame(BINARY, wire.encode(wire.message(type, **fields))))

    def octets(self, data: bytes) -> "Original":
        """Whatever it is, on the link."""
        self.wire.send(data)
        return self

    def heard(self) -> list[Message]:
        """What it was told since it was last asked, pings aside."""
        self._listen()
        heard, self._heard = self._heard, []
        return heard

    def _listen(self) -> None:
        found, self._rest = frames(self._rest + self.wire.take())
        for first, payload in found:
            if first == CLOSE:
                self.closed = first, payload
                continue
            assert first == BINARY, "one whole binary frame for each message"
            said = wire.decode(payload)
            assert said is not None, payload
            if said["type"] != "ping":
                self._heard.append(said)
                continue
            self.pings += 1
            if not self.silent:
                self.say("pong", timestamp=said["timestamp"])

    def open(self, subdomain: str | None = "demo", **fields: Any) -> "Original":
        """Ask for a tunnel, and get it."""
        self.say("tunnel_open", tunnel_type="http", local_port=8080, subdomain=subdomain, **fields)
        [ready] = self.heard()
        assert ready["type"] == "tunnel_ready", ready
        self.tunnels[ready["subdomain"]] = ready["tunnel_id"]
        return self

    def refused(self, **fields: Any) -> str:
        """Ask for a tunnel, and get none: the reason."""
        self.say("tunnel_open", **{"tunnel_type": "http", "local_port": 8080, **fields})
        [close] = self.heard()
        assert close["type"] == "tunnel_close" and close["tunnel_id"] == "", close
        reason: str = close["reason"]
        return reason

    def asked(self) -> tuple[Message, bytes, bool]:
        """The one request it was asked since the last time: its start, what came of its body, and whether all of it."""
        start, *bodies = self.heard()
        assert start["type"] == "request_start", start
        return start, *self.body(start["request_id"], bodies)

    def body(self, request_id: str, bodies: list[Message] | None = None) -> tuple[bytes, bool]:
        """More of a request's body, and whether that is all."""
        found = b""
        final = False
        for each in self.heard() if bodies is None else bodies:
            assert each["type"] == "request_body" and each["request_id"] == request_id, each
            assert not final, "the final one is the last"
            final = each["final"]
            assert bool(each["chunk"]) is not final and len(each["chunk"]) <= wire.CHUNK
            found += each["chunk"]
        return found, final

    def answer(
        self, request_id: str, *chunks: bytes, status: int = 200, end: bool = True, **headers: list[str]
    ) -> "Original":
        """A response, or the beginning of one."""
        headers = {name.replace("_", "-"): values for name, values in headers.items()}
        self.say("response_start", request_id=request_id, status_code=status, headers=headers)
        for chunk in chunks:
            self.say("response_body", request_id=request_id, chunk=chunk)
        if end:
            self.say("response_end", request_id=request_id)
        return self

    def upgraded(self) -> str:
        """Agree to the one WebSocket it was asked for: its id."""
        [upgrade] = self.heard()
        assert upgrade["type"] == "ws_upgrade", upgrade
        request_id: str = upgrade["request_id"]
        self.say("ws_upgrade_ok", request_id=request_id, headers=OK)
        return request_id
