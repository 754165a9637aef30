"""Replaying, composing, sending into WebSockets; with a client, a server and a service in memory."""

import base64
from typing import Any

from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure

from sellia.client.inspector.visits import VISITS
from sellia.inspector.model import Frame
from sellia.protocol.messages import HttpRequest, WebSocketRequest
from tests.client.inspector.client_case import HOST, ClientCase
from tests.client.inspector.stage import Told
from tests.client.stage import ACCEPT, HELLO, KEY, Service

GET = HttpRequest(1, b"GET", b"/a?b=%ff", [HOST, (b"X-Odd", b"\xff  two")], "203.0.113.7")
POST = HttpRequest(1, b"POST", b"/in", [HOST, (b"Content-Length", b"5")], "203.0.113.7")
CHUNKED = HttpRequest(1, b"POST", b"/in", [HOST], "203.0.113.7", chunked=True)
HANDSHAKE = [HOST, (b"Sec-WebSocket-Key", KEY), (b"Sec-WebSocket-Version", b"13")]
UPGRADE = WebSocketRequest(1, b"/chat", HANDSHAKE, "203.0.113.7")
AGREED = b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"


def unmasked(data: bytes) -> list[tuple[int, bytes]]:
    """The short frames that a service has read."""
    found = []
    while data:
        length = data[1] & 0x7F
        key, payload = data[2:6], data[6 : 6 + length]
        found.append((data[0], bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))))
        data = data[6 + length :]
    return found


class ReplayTests(ClientCase):
    def read_by_service(self, id: str, **edit: object) -> tuple[Told, bytes]:
        told = self.ask(f"/api/exchanges/{id}/replay", "POST", edit)
        service = self.service()
        read = service.read()
        service.say(HELLO)
        self.talk()
        return told, read

    def original(self, opening: HttpRequest, body: bytes = b"") -> tuple[str, bytes]:
        """The id of an exchange, and what the service has read of it."""
        self.visitor(opening, body=body)
        service = self.service()
        read = service.read()
        service.say(HELLO)
        service.close()
        self.talk()
        return list(self.inspector.store)[-1].id, read

    def test_byte_equal(self) -> None:
        for opening, body in ((GET, b""), (POST, b"hello"), (CHUNKED, b"hello")):
            id, first = self.original(opening, body)
            told, again = self.read_by_service(id)
            self.assertEqual(again, first)
            self.assertEqual(told.status, 201)
            self.assertEqual([told.json[each] for each in ("replay_of", "origin", "edited")], [id, "inspector", False])
            made = self.inspector.store.get(told.json["id"])
            assert made is not None
            self.assertEqual((made.status, bytes(made.response_body.data), made.open), (200, b"hello", False))

    def test_edited(self) -> None:
        id, _ = self.original(POST, b"hello")
        fields = [["Host", "web.localhost"], ["X-New", "1"], ["Transfer-Encoding", "chunked"]]
        told, read = self.read_by_service(id, method="PUT", target="/b", headers=fields, body="longer body")
        self.assertEqual(
            read, b"PUT /b HTTP/1.1\r\nHost: web.localhost\r\nX-New: 1\r\nContent-Length: 11\r\n\r\nlonger body"
        )
        self.assertTrue(told.json["edited"])

    def test_unchanged_fields_keep_their_bytes(self) -> None:
        """Text of JSON cannot say them, so they are found by how they were shown."""
        id, _ = self.original(GET)
        shown = self.ask(f"/api/exchanges/{id}").json["request"]["headers"]
        _, read = self.read_by_service(id, headers=[*shown, ["X-More", "2"]])
        self.assertIn(b"X-Odd: \xff  two\r\nX-More: 2\r\n", read)

    def test_binary_body(self) -> None:
        id, _ = self.original(POST, b"hello")
        _, read = self.read_by_service(id, body_base64=base64.b64encode(b"\x00\xff").decode())
        self.assertTrue(read.endswith(b"Content-Length: 2\r\n\r\n\x00\xff"))

    def test_it_does_not_go_over_the_link(self) -> None:
        id, _ = self.original(GET)
        before = len(self.server.party.session.streams)
        self.read_by_service(id)
        self.assertEqual(len(self.server.party.session.streams), before)

    def test_what_cannot_be_sent(self) -> None:
        id, _ = self.original(GET)
        for edit in (
            {"method": "G T"},
            {"method": ""},
            {"target": ""},
            {"target": "/a b"},
            {"headers": [["X", "a\r\nInjected: 1"]]},
            {"headers": [["X Y", "1"]]},
            {"body": "a", "body_base64": "YQ=="},
            {"body_base64": "*"},
            {"unknown": 1},
            {"wait": -1},
            {"wait": 1e9},
        ):
            told = self.ask(f"/api/exchanges/{id}/replay", "POST", edit)
            self.assertEqual(told.status, 422, edit)
        self.assertEqual(self.ask("/api/exchanges/99/replay", "POST", {}).status, 404)
        self.assertEqual(self.ask(f"/api/exchanges/{id}/replay", "POST", {"tunnel": "x"}).error, "unknown-tunnel")

    def test_a_body_that_was_not_kept(self) -> None:
        id, _ = self.original(POST, b"hello")
        made = self.inspector.store.get(id)
        assert made is not None
        made.request_body.length = 6
        self.assertEqual(self.ask(f"/api/exchanges/{id}/replay", "POST", {}).error, "not-whole")

    def test_waiting_for_the_end(self) -> None:
        id, _ = self.original(GET)
        transport = self.begin(f"/api/exchanges/{id}/replay", "POST", {"wait": 10})
        self.assertEqual(transport.value(), b"")
        self.service().say(HELLO)
        self.talk()
        self.assertEqual(Told(transport.value()).json["status"], 200)
        transport = self.begin(f"/api/exchanges/{id}/replay", "POST", {"wait": 10})
        self.reactor.advance(10)
        self.assertIsNone(Told(transport.value()).json["status"])

    def test_several(self) -> None:
        """One after the other."""
        ids = [self.original(GET)[0] for _ in range(2)]
        transport = self.begin("/api/replay", "POST", {"ids": ids})
        for _ in ids:
            self.assertEqual(len(self.reactor.tcpClients), 1)
            service = self.service()
            service.say(HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            service.close()
            self.talk()
        self.assertEqual(len(Told(transport.value()).json["ids"]), 2)

    def test_how_many_at_once(self) -> None:
        id, _ = self.original(GET)
        for _ in range(VISITS):
            self.assertEqual(self.ask(f"/api/exchanges/{id}/replay", "POST", {}).status, 201)
        self.assertEqual(self.ask(f"/api/exchanges/{id}/replay", "POST", {}).error, "too-many-visits")
        self.reactor.advance(600)
        self.talk()
        self.assertEqual(self.ask(f"/api/exchanges/{id}/replay", "POST", {}).status, 201)

    def test_a_service_that_is_not_there(self) -> None:
        id, _ = self.original(GET)
        told = self.ask(f"/api/exchanges/{id}/replay", "POST", {})
        factory: Any = self.reactor.tcpClients.pop(0)[2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.talk()
        made = self.inspector.store.get(told.json["id"])
        assert made is not None and made.end is not None
        self.assertEqual((made.open, made.end.code), (False, "service-refused"))

    def test_compose(self) -> None:
        told = self.ask("/api/requests", "POST", {"target": "/new", "method": "POST", "body": "hi"})
        read = self.service().read()
        self.assertEqual(read, b"POST /new HTTP/1.1\r\nHost: " + read.split(b"Host: ")[1])
        self.assertTrue(read.endswith(b"\r\nContent-Length: 2\r\n\r\nhi"))
        self.assertEqual((told.status, told.json["origin"], told.json["replay_of"]), (201, "inspector", None))


class SocketCase(ClientCase):
    def open(self) -> tuple[str, Service]:
        """A WebSocket of a visitor: its id, and the service's end."""
        self.peer = self.visitor(UPGRADE, end=False)
        service = self.service()
        service.read()
        service.say(AGREED)
        self.talk()
        return list(self.inspector.store)[-1].id, service

    def send(self, id: str, **message: str) -> Told:
        return self.ask(f"/api/websockets/{id}/send", "POST", message)


class SendTests(SocketCase):
    def test_to_both(self) -> None:
        id, service = self.open()
        self.assertEqual(self.send(id, direction="to-service", payload="hello").json, {"number": 0})
        self.assertEqual(unmasked(service.read()), [(0x81, b"hello")])
        told = self.send(id, direction="to-visitor", payload_base64="AP8=", opcode="binary")
        self.assertEqual(told.json["number"], 1)
        self.assertIn(("frame", 0x82, b"\x00\xff"), self.peer.events)
        found = self.ask(f"/api/exchanges/{id}/messages").json["messages"]
        self.assertEqual([(each["injected"], each["from_visitor"]) for each in found], [(True, True), (True, False)])

    def test_not_between_the_frames_of_a_message(self) -> None:
        id, service = self.open()
        service.say(b"\x01\x02he")
        self.talk()
        transport = self.begin(f"/api/websockets/{id}/send", "POST", {"direction": "to-visitor", "payload": "x"})
        self.assertEqual(transport.value(), b"")
        service.say(b"\x80\x03llo")
        self.talk()
        self.reactor.advance(0.01)
        self.talk()
        self.assertEqual(Told(transport.value()).status, 201)
        frames = [event for event in self.peer.events if event[0] == "frame"]
        self.assertEqual([event[2] for event in frames], [b"he", b"llo", b"x"])

    def test_a_message_that_does_not_end(self) -> None:
        id, service = self.open()
        service.say(b"\x01\x02he")
        self.talk()
        transport = self.begin(f"/api/websockets/{id}/send", "POST", {"direction": "to-visitor", "payload": "x"})
        self.reactor.pump([0.01] * 600)
        self.assertEqual(Told(transport.value()).error, "busy")
        self.assertEqual(self.send(id, direction="to-service", payload="y").status, 201)
        self.assertEqual(self.send(id, direction="to-visitor", opcode="ping").status, 201)

    def test_close(self) -> None:
        id, service = self.open()
        payload = base64.b64encode(b"\x0f\xa0bye").decode()
        self.assertEqual(self.send(id, direction="to-service", opcode="close", payload_base64=payload).status, 201)
        self.assertEqual(unmasked(service.read()), [(0x88, b"\x0f\xa0bye")])
        self.assertEqual(self.send(id, direction="to-service", payload="x").error, "not-open")

    def test_what_cannot_be_sent(self) -> None:
        id, _ = self.open()
        self.assertEqual(self.send(id, direction="up", payload="x").status, 422)
        self.assertEqual(self.send(id, direction="to-service", opcode="continuation").status, 422)
        self.assertEqual(self.send(id, direction="to-service", payload_base64="/w==").error, "bad-body")
        self.assertEqual(self.send(id, direction="to-service", opcode="ping", payload="x" * 126).status, 422)
        self.visited(GET, HELLO)
        self.assertEqual(self.send("2", direction="to-service", payload="x").error, "not-open")


class ReplayedSocketTests(SocketCase):
    def test_the_visitors_side_with_its_timing(self) -> None:
        id, service = self.open()
        self.peer.stream.send_frame(0x81, b"one")
        self.talk()
        self.reactor.advance(2)
        self.peer.stream.send_frame(0x82, b"two")
        self.talk()
        service.close()
        self.talk()
        told = self.ask(f"/api/exchanges/{id}/replay", "POST", {})
        self.assertEqual((told.status, told.json["kind"]), (201, "websocket"))
        again = self.service()
        self.assertTrue(again.read().startswith(b"GET /chat HTTP/1.1\r\n"))
        again.say(AGREED)
        self.talk()
        self.assertEqual(unmasked(again.read()), [(0x81, b"one")])
        again.say(b"\x89\x01p")
        self.talk()
        self.assertEqual(unmasked(again.read()), [(0x8A, b"p")])
        self.reactor.advance(2)
        self.talk()
        self.assertEqual(unmasked(again.read()), [(0x82, b"two")])

    def test_at_once_and_its_close(self) -> None:
        id, service = self.open()
        self.peer.stream.send_frame(0x81, b"one")
        self.talk()
        self.reactor.advance(2)
        self.peer.stream.send_frame(0x88, b"\x03\xe8")
        self.talk()
        service.say(b"\x88\x02\x03\xe8")
        service.close()
        self.talk()
        told = self.ask(f"/api/exchanges/{id}/replay", "POST", {"speed": 0})
        again = self.service()
        again.say(AGREED)
        self.talk()
        self.assertEqual(unmasked(again.read().partition(b"\r\n\r\n")[2]), [(0x81, b"one"), (0x88, b"\x03\xe8")])
        again.say(b"\x88\x02\x03\xe8")
        again.close()
        self.talk()
        made = self.inspector.store.get(told.json["id"])
        assert made is not None
        self.assertFalse(made.open)

    def test_frames_that_are_not_kept(self) -> None:
        id, _ = self.open()
        made = self.inspector.store.get(id)
        assert made is not None and made.timeline is not None
        made.timeline.tail.append(Frame(1, 0.0, True, 0x81, 9, b"short", 1))
        self.assertEqual(self.ask(f"/api/exchanges/{id}/replay", "POST", {}).error, "not-whole")

    def test_a_new_one(self) -> None:
        told = self.ask("/api/requests", "POST", {"target": "/chat", "websocket": True})
        service = self.service()
        read = service.read()
        self.assertIn(b"Upgrade: websocket\r\n", read)
        self.assertIn(b"Sec-WebSocket-Key: ", read)
        self.assertEqual(told.json["kind"], "websocket")
