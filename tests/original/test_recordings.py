"""
The recorded conversations, message by message, with one of the two ends replaced by ours: once the one, once the other.

What the other end said is said to ours as it was recorded. What its own visitors or service did is done by the test, as
far as the recording shows what that was: a visitor sends the request that the recorded server passed on, a service
gives the answer that the recorded client passed on. Each message of ours must be of the recorded type, with the
recorded fields in the recorded order, and of the same values, ids and times aside. Where we differ on purpose, a table
says in which field, how, and why; a difference that is not in the table, or is in it and does not occur, fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.original.link import INTERVAL
from tests.client.originals import OriginalStage
from tests.client.stage import Service
from tests.original import wire
from tests.original.recorded import Line, recording
from tests.original.sockets import accept_of
from tests.original.wire import Message
from tests.server.clients import Server
from tests.server.clients import Wire as Connection
from tests.server.originals import Original
from tests.transports.support import BINARY, CLOSE, TEXT, frame, frames

Change = Callable[[Any], Any]
Differences = dict[tuple[str, str], tuple[Change, str]]

IDS = ("request_id", "tunnel_id", "account_id")
"""Fields whose values either side makes up."""

HOPS = ("connection", "keep-alive", "transfer-encoding")

_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")


def without(*names: str) -> Change:
    """Headers without these."""
    return lambda headers: {name: values for name, values in headers.items() if name.lower() not in names}


def as_our_server_passes(headers: dict[str, list[str]]) -> dict[str, list[str]]:
    """A visitor's headers as our server passes them on, by those that the original passed on."""
    password = "authorization" if headers.get("Authorization", [""])[0].startswith("Basic ") else ""
    kept = without(password, "upgrade", "connection")(headers)
    forwarded = dict(zip(_FORWARDED, (["203.0.113.7"], ["http"], headers["Host"]), strict=True))
    upgrade = {"Upgrade": ["websocket"], "Connection": ["Upgrade"]} if "Upgrade" in headers else {}
    return {**kept, **forwarded, **upgrade}


OUR_SERVER: Differences = {
    ("auth_ok", "limits"): (
        lambda limits: {"max_tunnels": 100, "max_connections": 20_000},
        "our limits are others, and have nothing to do with accounts",
    ),
    ("request_start", "headers"): (
        as_our_server_passes,
        "our server says where a visitor comes from, and keeps a tunnel's password, which it has checked, to itself",
    ),
    ("ws_upgrade", "headers"): (
        as_our_server_passes,
        "the same; and what belongs to the hop is made anew, so that it comes last",
    ),
}

OUR_CLIENT: Differences = {
    ("tunnel_open", "local_port"): (lambda port: 80, "where a service listens is nobody else's business"),
    ("response_start", "headers"): (without(*HOPS), "what concerns the hop to the service ends there"),
    ("ws_upgrade_error", "status_code"): (lambda status: 403, "the service's own status, which the original hides"),
    ("ws_upgrade_error", "message"): (lambda message: "Forbidden", "the service's own reason"),
}

_DIED = (
    b"502 service-died: The service behind the tunnel ended the connection in the middle of an answer. "
    b"127.0.0.1:8080 ended the connection without an answer.\n"
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


class Replay(SynchronousTestCase):
    """What both roles need."""

    differences: Differences

    def setUp(self) -> None:
        #: Ids as they were recorded, and ours.
        self.ids: dict[str, str] = {}
        self.seen: set[tuple[str, str]] = set()

    def ours(self, said: Message) -> Message:
        """A recorded message with our ids in it."""
        return {name: self.ids.get(value, value) if name in IDS else value for name, value in said.items()}

    def compare(self, recorded: Message, got: Message, more: Differences | None = None) -> None:
        """Ours is as it was recorded, but for what the tables say."""
        self.assertEqual(list(got), list(recorded))
        for name, value in recorded.items():
            if name in IDS and value:
                self.assertEqual(self.ids.setdefault(value, got[name]), got[name])
                self.assertRegex(got[name], "^[0-9a-f]{16,32}$")
                continue
            change = (more or {}).get((recorded["type"], name)) or self.differences.get((recorded["type"], name))
            expected = value if change is None else change[0](value)
            if change is not None and expected != value:
                self.seen.add((recorded["type"], name))
            if isinstance(expected, dict):
                self.assertEqual(list(got[name].items()), list(expected.items()))
            else:
                self.assertEqual(got[name], expected, (recorded["type"], name))


class OurServerTests(Replay):
    """The recorded client on our server."""

    differences = OUR_SERVER

    def play(self, name: str, **settings: Any) -> None:
        """The whole recording."""
        self.server = server = Server(**settings)
        self.addCleanup(server.check)
        self.client = Original(server)
        self.client.silent = True
        self.waiting: list[Message] = []
        self.visitors: dict[str, Connection] = {}
        self.answers: dict[str, list[Message]] = {}
        self.pings = 0
        self.done = 0
        lines = [line for line in recording(name) if not line.head]
        for number, line in enumerate(lines):
            if line.sender == "client":
                self.client_says(line)
            else:
                self.server_says(line, lines[number + 1 :])
        self.assertEqual(self.client.heard(), [], "we have said more than was recorded")

    # --- what the recorded client did ------------------------------------------------------------------------

    def client_says(self, line: Line) -> None:
        """Say it, and look at what it does to a visitor."""
        if line.opcode == 8:
            self.client.octets(frame(CLOSE, line.payload))
            return
        said = self.ours(line.message)
        fields = dict(said)
        if said["type"] == "pong":
            self.client.say("pong", timestamp=self.timestamp)
            return
        self.client.say(fields.pop("type"), **fields)
        request_id = said.get("request_id", "")
        self.answers.setdefault(request_id, []).append(said)
        effect = getattr(self, f"after_{said['type']}", None)
        if effect is not None:
            effect(request_id, said)

    def after_response_end(self, request_id: str, said: Message) -> None:
        """The visitor has the whole answer."""
        start, *bodies = [each for each in self.answers[request_id] if each is not said]
        head, _, body = self.visitors[request_id].take().partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        self.assertEqual(int(status.split(" ")[1]), start["status_code"])
        expected = wire.pairs(without(*HOPS)(start["headers"]))
        got = [tuple(line.split(": ", 1)) for line in lines]
        chunked = ("Transfer-Encoding", "chunked")
        self.assertEqual([pair for pair in got if pair != chunked], expected)
        whole = b"".join(each["chunk"] for each in bodies)
        self.assertEqual(body, b"%x\r\n%b\r\n0\r\n\r\n" % (len(whole), whole) if chunked in got else whole)
        self.done += 1

    def after_ws_upgrade_ok(self, request_id: str, said: Message) -> None:
        self.assertTrue(self.visitors[request_id].take().startswith(b"HTTP/1.1 101 "))

    def after_ws_upgrade_error(self, request_id: str, said: Message) -> None:
        """Our 101 has waited for it."""
        self.assertTrue(self.visitors[request_id].take().startswith(b"HTTP/1.1 502 "))
        self.done += 1

    def after_ws_frame(self, request_id: str, said: Message) -> None:
        [(first, payload)] = frames(self.visitors[request_id].take())[0]
        self.assertEqual((first, payload), (0x80 | said["opcode"], said["payload"]))

    def after_ws_close(self, request_id: str, said: Message) -> None:
        """The visitor learns the code, which the original's own server keeps to itself."""
        [(first, payload)] = frames(self.visitors[request_id].take())[0]
        self.assertEqual((first, payload), (CLOSE, said["code"].to_bytes(2, "big")))
        self.visitors[request_id].send(frame(CLOSE, payload))

    # --- what the recorded server said, and why --------------------------------------------------------------

    def server_says(self, line: Line, rest: list[Line]) -> None:
        """Bring it about, and compare."""
        if line.opcode == 8:
            self.client.heard()
            self.assertEqual(self.client.closed, (CLOSE, line.payload))
            return
        recorded = line.message
        cause = getattr(self, f"before_{recorded['type']}", None)
        if cause is not None:
            cause(recorded, rest)
        if recorded["type"] == "ping":
            return
        self.waiting += self.client.heard()
        self.assertTrue(self.waiting, f"we did not say {recorded}")
        got = self.waiting.pop(0)
        self.compare(recorded, got)
        if recorded["type"] in ("request_start", "ws_upgrade"):
            self.visitors[got["request_id"]] = self.visitor

    def before_request_start(self, recorded: Message, rest: list[Line]) -> None:
        """A visitor sends the request, with its body."""
        messages = [line.message for line in rest if line.opcode == 2]
        bodies = [each for each in messages if each["type"] == "request_body"]
        body = b"".join(each["chunk"] for each in bodies if each["request_id"] == recorded["request_id"])
        lines = [f"{name}: {value}" for name, value in wire.pairs(recorded["headers"])]
        head = "\r\n".join([f"{recorded['method']} {recorded['path']} HTTP/1.1", *lines, "", ""]).encode()
        self.visitor = self.server.visit(head + body)

    def before_ws_upgrade(self, recorded: Message, rest: list[Line]) -> None:
        lines = [f"{name}: {value}" for name, value in wire.pairs(recorded["headers"])]
        self.visitor = self.server.visit("\r\n".join([f"GET {recorded['path']} HTTP/1.1", *lines, "", ""]).encode())

    def before_ws_frame(self, recorded: Message, rest: list[Line]) -> None:
        visitor = self.visitors[self.ids[recorded["request_id"]]]
        first, payload = recorded["opcode"], recorded["payload"]
        if payload == b"fragmented":  # as the visitor had sent it
            visitor.send(frame(first, payload[:4]) + frame(0x80, payload[4:]))
        else:
            visitor.send(frame(0x80 | first, payload))

    def before_ws_close(self, recorded: Message, rest: list[Line]) -> None:
        """The visitor closes, unless the service has."""
        request_id = self.ids[recorded["request_id"]]
        if not any(each["type"] == "ws_close" for each in self.answers[request_id]):
            self.visitors[request_id].send(frame(CLOSE, b"\x03\xe8"))

    def before_ping(self, recorded: Message, rest: list[Line]) -> None:
        """Its time has come; it is in milliseconds."""
        self.server.wait(int(INTERVAL))
        self.client._listen()
        self.assertEqual(self.client.pings, self.pings + 1)
        self.pings += 1
        self.timestamp = int(self.server.reactor.seconds() * 1000)

    # --- the recordings --------------------------------------------------------------------------------------

    def test_http(self) -> None:
        self.play("http", public_port=13000)
        self.assertEqual(self.done, 9)
        self.assertEqual(self.seen, {("request_start", "headers")})

    def test_websocket(self) -> None:
        self.play("websocket", public_port=13000)
        self.assertEqual(self.seen, {("ws_upgrade", "headers")})

    def test_auth_accepted(self) -> None:
        self.play("auth-accepted", public_port=13100, require_auth=True, master_key="key-for-the-transcript")
        self.assertEqual(self.done, 1)
        self.assertEqual(self.seen, {("auth_ok", "limits"), ("request_start", "headers")})

    def test_auth_refused(self) -> None:
        self.play("auth-refused", require_auth=True, master_key="another key")

    def test_name_refused(self) -> None:
        self.play("name-refused")


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
        forwarded = [f"{name}: {value}" for name, value in zip(_FORWARDED, ("unknown", "http"), strict=False)]
        expected = [f"{name}: {value}" for name, value in wire.pairs(start["headers"])]
        self.assertEqual(lines, [*expected, *forwarded, f"X-Forwarded-Host: {start['headers']['Host'][0]}"])
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
            self.stage.accept().close()  # it might have been too old a connection, so our client tries one more
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


class HandshakeTests(SynchronousTestCase):
    """The handshakes, which are no messages."""

    def test_ours_and_the_recorded_ones(self) -> None:
        """Our server answers the original's client as the original's server does, and agrees to nothing more."""
        for name in ("http", "websocket", "auth-accepted", "auth-refused", "name-refused"):
            asked, answered = (line.head for line in recording(name) if line.head)
            server = Server()
            connection = Connection(server, "198.51.100.1")
            connection.send("\r\n".join([*asked, "", ""]).replace("127.0.0.1", "localhost").encode())
            head = connection.take().decode().split("\r\n\r\n")[0].split("\r\n")
            folded = {line.lower() for line in head if not line.startswith("Server: ")}
            self.assertEqual(folded, {line.lower() for line in answered})
            server.check()
