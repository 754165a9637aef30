"""Our client on the recorded server, message by message: see `tests.original.replay`."""

from __future__ import annotations

from typing import Any

from tests.client.originals import OriginalStage
from tests.client.stage import Service
from tests.original import wire
from tests.original.recorded import Line, recording
from tests.original.replay import FORWARDED, HOPS, Differences, Replay, without
from tests.original.sockets import accept_of
from tests.original.wire import Message
from tests.transports.support import BINARY, CLOSE, TEXT, frame, frames

OUR_CLIENT: Differences = {
    ("tunnel_open", "local_port"): (lambda port: 80, "where a service listens is nobody else's business"),
    ("response_start", "headers"): (without(*HOPS), "what concerns the hop to the service ends there"),
    ("ws_upgrade_error", "status_code"): (lambda status: 403, "the service's own status, which the original hides"),
    ("ws_upgrade_error", "message"): (lambda message: "Forbidden", "the service's own reason"),
}

_DIED = (
    b"502 service-died: The service behind the tunnel ended the connection before its answer was done.\n"
    b"Look in the service's own log for a crash or a restart.\n"
)

FAILED: Differences = {
    ("response_start", "status_code"): (lambda status: 502, "the service failed, not the server: 502 says so"),
    ("response_start", "headers"): (
        lambda headers: {
            "Content-Type": ["text/plain; charset=utf-8"],
            "Content-Length": [str(len(_DIED))],
            "Sellia-Error": ["service-died"],
            "Cache-Control": ["no-store"],
            "Vary": ["Accept"],
            "X-Content-Type-Options": ["nosniff"],
        },
        "whatever we answer ourselves says so",
    ),
    ("response_body", "chunk"): (
        lambda chunk: _DIED,
        "in words that help",
    ),
}
"""How our client says that its service has ended the connection without an answer."""


class OurClientTests(Replay):
    """Our client on the recorded server."""

    differences = OUR_CLIENT

    def play(self, name: str, **settings: Any) -> None:
        """The whole recording."""
        lines = [line for line in recording(name) if not line.head]
        opens = next((line.message for line in lines if line.opcode == 2 and line.message["type"] == "tunnel_open"), {})
        auth = opens.get("auth")
        self.stage = stage = OriginalStage(opens.get("subdomain", "demo"), auth=auth, **settings).start()
        self.addCleanup(lambda: self.assertEqual(stage.stop(), []))
        self.waiting: list[Message] = []
        self.services: dict[str, Service] = {}
        self.asked: dict[str, list[Message]] = {}
        for number, line in enumerate(lines):
            if line.sender == "server":
                self.server_says(line)
            else:
                self.client_says(line, lines[number + 1 :])
        self.assertEqual([*self.waiting, *self.stage.heard()], [], "we have said more than was recorded")

    # --- what the recorded server did ------------------------------------------------------------------------

    def server_says(self, line: Line) -> None:
        """Say it, and look at what it does to a service."""
        if line.opcode == 8:
            self.stage.octets(line.payload, CLOSE)
            return
        said = line.message
        fields = dict(said)
        self.stage.say(fields.pop("type"), **fields)
        request_id = said.get("request_id", "")
        self.asked.setdefault(request_id, []).append(said)
        effect = getattr(self, f"after_{said['type']}", None)
        if effect is not None:
            effect(request_id, said)

    def service(self, request_id: str) -> Service:
        """The connection on which the service is asked: a new one, or one that has served before."""
        if self.stage.reactor.tcpClients:
            self.services[request_id] = self.services["last"] = self.stage.accept()
        return self.services.setdefault(request_id, self.services["last"])

    def after_request_body(self, request_id: str, said: Message) -> None:
        """The service is asked for what the visitor had asked, whole."""
        if not said["final"]:
            return
        start, *bodies = self.asked[request_id]
        head, _, body = self.service(request_id).read().partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.assertEqual(first, f"{start['method']} {start['path']} HTTP/1.1")
        host = start["headers"]["Host"][0]
        values = ("unknown", "http", host, host.partition(":")[2] or "80")
        forwarded = [f"{name}: {value}" for name, value in zip(FORWARDED, values, strict=True)]
        expected = [f"{name}: {value}" for name, value in wire.pairs(start["headers"])]
        self.assertEqual(lines, [*expected, *forwarded])
        self.assertEqual(body, b"".join(each["chunk"] for each in bodies))

    def after_ws_frame(self, request_id: str, said: Message) -> None:
        self.assertEqual(self.seen_by(request_id), [(0x80 | said["opcode"], said["payload"])])

    def after_ws_close(self, request_id: str, said: Message) -> None:
        """The service gets a close frame without a code, as from the original, and answers; unless it was the first."""
        closed_before = any(each["type"] == "ws_close" for each in self.said.get(request_id, []))
        self.assertEqual(self.seen_by(request_id), [] if closed_before else [(CLOSE, b"")])
        service = self.services[request_id]
        if not closed_before:
            service.say(frame(CLOSE, b"", masked=False))
        service.close()
        self.stage.talk()

    def seen_by(self, request_id: str) -> list[tuple[int, bytes]]:
        """The frames that have come to the service of a WebSocket."""
        return frames(self.services[request_id].read())[0]

    # --- what the recorded client said, and why --------------------------------------------------------------

    @property
    def said(self) -> dict[str, list[Message]]:
        """What our client has said of each exchange."""
        return self._said

    def setUp(self) -> None:
        super().setUp()
        self._said: dict[str, list[Message]] = {}

    def client_says(self, line: Line, rest: list[Line]) -> None:
        """Bring it about, and compare."""
        if line.opcode == 8:
            self.stage.session.stop()
            self.stage.talk()
            self.assertEqual(self.stage.closed, 1000)  # the original's has no code at all
            return
        recorded = line.message
        cause = getattr(self, f"before_{recorded['type']}", None)
        if cause is not None:
            cause(recorded, rest)
        self.waiting += self.stage.heard()
        self.assertTrue(self.waiting, f"we did not say {recorded}")
        got = self.waiting.pop(0)
        failed = FAILED if recorded.get("request_id", "?") in self.failing else None
        self.compare(recorded, got, failed)
        self.said.setdefault(got.get("request_id", ""), []).append(got)

    failing: set[str] = set()

    def before_response_start(self, recorded: Message, rest: list[Line]) -> None:
        """The service answers so, or ends its connection."""
        request_id = recorded["request_id"]
        mine = [line.message for line in rest if line.opcode == 2 and line.message.get("request_id") == request_id]
        body = b"".join(each["chunk"] for each in mine if each["type"] == "response_body")
        service = self.services[request_id]
        if body.startswith(b"Proxy error: "):
            self.failing = {request_id}
            service.close()
            self.stage.talk()
            return
        lines = [f"{name}: {value}" for name, value in wire.pairs(recorded["headers"])]
        if "Transfer-Encoding" in recorded["headers"]:
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        head = "\r\n".join([f"HTTP/1.1 {recorded['status_code']} Whatever", *lines, "", ""])
        self.stage.answer(service, head.encode() + body)

    def before_ws_upgrade_ok(self, recorded: Message, rest: list[Line]) -> None:
        """The service agrees to a handshake that has all of the visitor's fields but what it cannot have."""
        [upgrade] = self.asked[recorded["request_id"]]
        service = self.service(recorded["request_id"])
        handshake = service.read().decode()
        key = upgrade["headers"]["Sec-WebSocket-Key"][0]
        for name, value in wire.pairs(without("connection", "upgrade", "sec-websocket-protocol")(upgrade["headers"])):
            self.assertIn(f"\r\n{name}: {value}\r\n", handshake)
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        lines.append(f"Sec-WebSocket-Accept: {accept_of(key)}")
        if "Sec-WebSocket-Protocol" in upgrade["headers"]:
            self.assertIn("\r\nSec-WebSocket-Protocol: pa\r\n", handshake)
            lines.append("Sec-WebSocket-Protocol: pa")
        self.stage.answer(service, "\r\n".join([*lines, "", ""]).encode())

    def before_ws_upgrade_error(self, recorded: Message, rest: list[Line]) -> None:
        service = self.service(recorded["request_id"])
        self.stage.answer(service, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    def before_ws_frame(self, recorded: Message, rest: list[Line]) -> None:
        first = {1: TEXT, 2: BINARY}[recorded["opcode"]]
        self.stage.answer(self.services[recorded["request_id"]], frame(first, recorded["payload"], masked=False))

    def before_ws_close(self, recorded: Message, rest: list[Line]) -> None:
        payload = recorded["code"].to_bytes(2, "big") + b"local"
        self.stage.answer(self.services[recorded["request_id"]], frame(CLOSE, payload, masked=False))
        self.assertEqual(self.seen_by(recorded["request_id"]), [(CLOSE, payload)])

    # --- the recordings --------------------------------------------------------------------------------------

    def test_http(self) -> None:
        self.play("http")
        self.assertEqual(self.seen, {("tunnel_open", "local_port"), *FAILED})

    def test_websocket(self) -> None:
        self.play("websocket")
        self.assertEqual(self.seen, set(OUR_CLIENT) - {("response_start", "headers")})

    def test_auth_accepted(self) -> None:
        self.play("auth-accepted", api_key="key-for-the-transcript")
        self.assertEqual(self.seen, {("tunnel_open", "local_port"), ("response_start", "headers")})

    def test_auth_refused(self) -> None:
        """The key is final: the user is told, and the link is closed, as the original closes it."""
        self.play("auth-refused", api_key="wrong")
        self.assertEqual(self.stage.failure.word, "wrong-key")

    def test_name_refused(self) -> None:
        """The original stays connected without a tunnel; ours tells its user, and leaves."""
        lines = [line for line in recording("name-refused") if not line.head]
        self.stage = stage = OriginalStage().start()
        self.addCleanup(lambda: self.assertEqual(stage.stop(), []))
        [opened] = stage.heard()
        self.compare({**lines[0].message, "subdomain": "demo"}, opened)
        stage.octets(lines[1].payload)
        self.assertEqual((stage.failure.word, stage.closed), ("name-reserved", 1000))
        self.assertEqual(stage.failure.message, "Subdomain 'admin' is reserved.")
