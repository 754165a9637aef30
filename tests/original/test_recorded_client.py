"""The recorded client on our server, message by message: see `tests.original.replay`."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.original.link import INTERVAL
from tests.original import wire
from tests.original.recorded import Line, recording
from tests.original.replay import FORWARDED, HOPS, Differences, Replay, without
from tests.original.wire import Message
from tests.server.clients import Server
from tests.server.clients import Wire as Connection
from tests.server.originals import Original
from tests.transports.support import CLOSE, frame, frames


def as_our_server_passes(headers: dict[str, list[str]]) -> dict[str, list[str]]:
    """A visitor's headers as our server passes them on, by those that the original passed on."""
    password = "authorization" if headers.get("Authorization", [""])[0].startswith("Basic ") else ""
    kept = without(password, "upgrade", "connection")(headers)
    port = headers["Host"][0].partition(":")[2] or "80"
    forwarded = dict(zip(FORWARDED, (["203.0.113.7"], ["http"], headers["Host"], [port]), strict=True))
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
