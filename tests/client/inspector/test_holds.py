"""Holds: requests and messages are stopped, shown, changed, let go, dropped, and never for longer than was said."""

import base64
import zlib
from typing import Any

from sellia.client.inspector.gates import HOLDABLE, WAITING
from sellia.client.inspector.holds import HELD, RULES
from sellia.protocol.messages import HttpRequest, WebSocketRequest
from tests.client.inspector.client_case import HOST, ClientCase
from tests.client.inspector.stage import Told
from tests.client.inspector.test_acting import AGREED, CHUNKED, GET, HANDSHAKE, POST, UPGRADE, unmasked
from tests.client.stage import HELLO, Service

DEFLATE = [*HANDSHAKE, (b"Sec-WebSocket-Extensions", b"permessage-deflate")]
DEFLATED = AGREED.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")


class HoldCase(ClientCase):
    def hold(self, **rule: Any) -> str:
        told = self.ask("/api/holds", "POST", rule)
        self.assertEqual(told.status, 201, told.body)
        return str(told.json["id"])

    @property
    def held(self) -> list[Any]:
        """What is held now."""
        found: list[Any] = self.ask("/api/holds").json["held"]
        return found

    def let_go(self, id: str, **changes: Any) -> Told:
        return self.ask(f"/api/held/{id}", "POST", changes)


class RequestTests(HoldCase):
    def test_one_is_held_shown_and_let_go(self) -> None:
        self.hold(what="requests", filter="method:POST")
        visitor = self.visitor(POST, body=b"hello")
        (held,) = self.held
        self.assertEqual(held["request"]["target"], "/in")
        self.assertEqual((held["request"]["text"], held["request"]["complete"]), ("hello", True))
        self.assertEqual(self.reactor.tcpClients, [])
        self.assertEqual(self.let_go(held["id"]).status, 204)
        self.talk()
        service = self.service()
        self.assertEqual(service.read(), b"POST /in HTTP/1.1\r\nHost: web.localhost\r\nContent-Length: 5\r\n\r\nhello")
        service.say(HELLO)
        self.talk()
        self.assertEqual(visitor.statuses, [200])
        self.assertFalse(self.only().edited)

    def test_others_pass(self) -> None:
        self.hold(what="requests", filter="method:POST")
        self.visitor(GET)
        self.assertEqual((self.held, len(self.reactor.tcpClients)), ([], 1))

    def test_changed(self) -> None:
        self.hold(what="requests")
        self.visitor(CHUNKED, body=b"hello")
        (held,) = self.held
        fields = [*held["request"]["headers"], ["X-New", "1"]]
        self.let_go(held["id"], method="PUT", target="/b", headers=fields, body="other")
        self.talk()
        told = b"PUT /b HTTP/1.1\r\nHost: web.localhost\r\nX-New: 1\r\nContent-Length: 5\r\n\r\nother"
        self.assertEqual(self.service().read(), told)
        self.assertTrue(self.only().edited)

    def test_head_alone_while_the_body_comes(self) -> None:
        self.hold(what="requests")
        visitor = self.visitor(CHUNKED, end=False, body=b"first ")
        (held,) = self.held
        self.assertEqual((held["request"]["complete"], held["request"]["text"]), (False, "first "))
        self.assertEqual(self.let_go(held["id"], body="x").error, "not-whole")
        self.let_go(held["id"], target="/b")
        self.talk()
        service = self.service()
        visitor.stream.send_data(b"then", end=True)
        self.talk()
        self.assertTrue(service.read().endswith(b"\r\n6\r\nfirst \r\n4\r\nthen\r\n0\r\n\r\n"))

    def test_a_large_body_waits_at_the_visitors(self) -> None:
        """No more of it is taken than the credit of a stream, and all of it passes later."""
        self.hold(what="requests")
        visitor = self.visitor(CHUNKED, end=False)
        visitor.stream.send_data(b"x" * 2_000_000, end=True)
        self.talk()
        (held,) = self.held
        self.assertLess(held["request"]["bytes"], 300_000)
        self.let_go(held["id"])
        self.talk()
        service = self.service()
        for _ in range(40):
            self.talk()
        self.assertEqual(service.read().count(b"x"), 2_000_000)

    def test_dropped(self) -> None:
        self.hold(what="requests")
        visitor = self.visitor(GET)
        self.let_go(self.held[0]["id"], action="drop")
        self.talk()
        self.assertIn("dropped the request at the inspector", visitor.why)
        self.assertEqual(self.reactor.tcpClients, [])
        self.assertFalse(self.only().open)

    def test_time_is_over(self) -> None:
        self.hold(what="requests", seconds=5)
        self.visitor(GET)
        self.reactor.advance(4.9)
        self.assertEqual((len(self.held), len(self.reactor.tcpClients)), (1, 0))
        self.reactor.advance(0.2)
        self.talk()
        self.assertEqual((self.held, len(self.reactor.tcpClients)), ([], 1))

    def test_the_visitor_leaves(self) -> None:
        from sellia.problems import VISITOR_GONE

        self.hold(what="requests")
        visitor = self.visitor(GET)
        visitor.stream.reset(VISITOR_GONE)
        self.talk()
        self.assertEqual(self.held, [])
        self.assertFalse(self.only().open)

    def test_removing_a_hold_lets_go(self) -> None:
        id = self.hold(what="requests")
        self.visitor(GET)
        self.assertEqual(self.ask(f"/api/holds/{id}", "DELETE").status, 204)
        self.talk()
        self.assertEqual(len(self.reactor.tcpClients), 1)
        self.assertIsNone(self.client.session.holder)
        self.assertEqual(self.ask(f"/api/holds/{id}", "DELETE").status, 404)

    def test_once(self) -> None:
        self.hold(what="requests", once=True)
        self.visitor(GET)
        self.visitor(GET)
        self.assertEqual((len(self.held), len(self.reactor.tcpClients)), (1, 1))
        self.assertEqual(self.ask("/api/holds").json["holds"], [])

    def test_a_websockets_handshake(self) -> None:
        self.hold(what="requests", filter="is:websocket")
        self.visitor(UPGRADE, end=False)
        (held,) = self.held
        self.assertTrue(held["request"]["websocket"])
        self.assertEqual(self.let_go(held["id"], method="POST").status, 422)
        self.let_go(held["id"], target="/other")
        self.talk()
        self.assertTrue(self.service().read().startswith(b"GET /other HTTP/1.1\r\n"))

    def test_how_many(self) -> None:
        self.hold(what="requests")
        for _ in range(HELD + 1):
            self.visitor(GET)
        self.assertEqual((len(self.held), len(self.reactor.tcpClients)), (HELD, 1))
        for _ in range(RULES - 1):
            self.hold(what="requests")
        self.assertEqual(self.ask("/api/holds", "POST", {"what": "requests"}).error, "too-many-holds")
        self.assertEqual(self.ask("/api/holds", "DELETE").status, 204)
        self.assertEqual(self.held, [])

    def test_what_cannot_be(self) -> None:
        for rule in ({}, {"what": "all"}, {"what": "requests", "seconds": 0}, {"what": "requests", "seconds": 601}):
            self.assertEqual(self.ask("/api/holds", "POST", rule).status, 422, rule)
        told = self.ask("/api/holds", "POST", {"what": "requests", "filter": "colour:red"})
        self.assertEqual(told.error, "bad-filter")
        self.assertEqual(self.let_go("x9").error, "no-such-hold")

    def test_the_client_ends(self) -> None:
        self.hold(what="requests")
        self.visitor(GET)
        self.inspector.stop()
        self.assertEqual(len(self.reactor.tcpClients), 1)


class MessageCase(HoldCase):
    def open(self, opening: WebSocketRequest = UPGRADE, answer: bytes = AGREED) -> Service:
        """A visitor's WebSocket; the service's end of it."""
        self.peer = self.visitor(opening, end=False)
        service = self.service()
        service.read()
        service.say(answer)
        self.talk()
        return service

    def say(self, *frames: tuple[int, bytes]) -> None:
        """The visitor says something."""
        for first, payload in frames:
            self.peer.stream.send_frame(first, payload)
        self.talk()

    @property
    def received(self) -> list[tuple[int, bytes]]:
        """Frames that the visitor has received."""
        return [(event[1], event[2]) for event in self.peer.events if event[0] == "frame"]  # type: ignore[misc]


class MessageTests(MessageCase):
    def test_to_the_service_in_order(self) -> None:
        service = self.open()
        self.hold(what="messages", contains="secret")
        self.say((0x81, b"one"), (0x81, b"a secret"), (0x81, b"three"), (0x89, b"ping"))
        self.assertEqual(unmasked(service.read()), [(0x81, b"one"), (0x89, b"ping")])
        (held,) = self.held
        self.assertEqual((held["message"]["direction"], held["message"]["text"]), ("to-service", "a secret"))
        self.let_go(held["id"])
        self.talk()
        self.assertEqual(unmasked(service.read()), [(0x81, b"a secret"), (0x81, b"three")])

    def test_to_the_visitor_changed_and_dropped(self) -> None:
        service = self.open()
        self.hold(what="messages", direction="to-visitor")
        service.say(b"\x81\x03one\x82\x03two")
        self.talk()
        first, second = self.held
        self.assertEqual(self.received, [])
        self.let_go(second["id"], action="drop")
        self.let_go(first["id"], payload="ONE")
        self.talk()
        self.assertEqual(self.received, [(0x81, b"ONE")])
        self.say((0x81, b"not this way"))
        self.assertEqual(unmasked(service.read()), [(0x81, b"not this way")])

    def test_one_that_opens_later(self) -> None:
        self.hold(what="messages")
        service = self.open()
        self.say((0x81, b"one"))
        self.assertEqual((len(self.held), service.read()), (1, b""))

    def test_a_filter_that_does_not_fit(self) -> None:
        service = self.open()
        self.hold(what="messages", filter="path:/other")
        self.say((0x81, b"one"))
        self.assertEqual(unmasked(service.read()), [(0x81, b"one")])
        (pipe,) = self.client.session.tunnels.services[0].pipes.open
        self.assertIsNone(pipe.gate)

    def test_fragments(self) -> None:
        """A message that is let go passes frame by frame, as it came."""
        service = self.open()
        self.hold(what="messages", contains="hello")
        self.say((0x01, b"he"), (0x89, b""), (0x80, b"llo"))
        self.assertEqual(unmasked(service.read()), [(0x89, b"")])
        self.let_go(self.held[0]["id"])
        self.talk()
        self.assertEqual(unmasked(service.read()), [(0x01, b"he"), (0x80, b"llo")])

    def test_in_the_middle_of_a_message(self) -> None:
        """What has begun to pass goes on; the next one is held."""
        service = self.open()
        self.say((0x01, b"he"))
        self.hold(what="messages")
        self.say((0x80, b"llo"), (0x81, b"next"))
        self.assertEqual(unmasked(service.read()), [(0x01, b"he"), (0x80, b"llo")])
        self.assertEqual(len(self.held), 1)

    def test_a_frame_in_pieces(self) -> None:
        service = self.open()
        self.hold(what="messages", direction="to-visitor")
        service.say(b"\x82\x7e\x40\x00" + b"a" * 0x2000, b"a" * 0x2000)
        self.talk()
        self.assertEqual(self.held[0]["message"]["bytes"], 0x4000)
        self.let_go(self.held[0]["id"])
        self.talk()
        made = self.only()
        assert made.timeline is not None
        self.assertEqual([each.length for each in made.timeline.frames()], [0x4000])
        self.assertEqual(sum(event[0] in ("frame", "begin") for event in self.peer.events), 1)

    def test_long_messages_pass(self) -> None:
        service = self.open()
        self.hold(what="messages", direction="to-visitor")
        length = HOLDABLE + 1
        service.say(b"\x82\x7f" + length.to_bytes(8, "big"))
        for _ in range(0, length, 65536):
            service.say(b"a" * 65536)
            self.talk()
        self.assertEqual(self.held, [])
        begun = next(event for event in self.peer.events if event[0] == "begin")
        self.assertEqual(begun[1:], (0x82, length))

    def test_too_much_waits(self) -> None:
        service = self.open()
        self.hold(what="messages", direction="to-visitor", contains="stop")
        service.say(b"\x81\x04stop")
        piece = b"\x82\x7f" + (1 << 19).to_bytes(8, "big") + b"a" * (1 << 19)
        for _ in range(WAITING // (1 << 19) + 1):
            service.say(piece)
        self.talk()
        self.assertEqual(self.held, [])

    def test_the_close_frame_waits_as_well(self) -> None:
        service = self.open()
        self.hold(what="messages", contains="last")
        self.say((0x81, b"last"), (0x88, b"\x03\xe8"))
        self.assertEqual(service.read(), b"")
        self.let_go(self.held[0]["id"])
        self.talk()
        self.assertEqual(unmasked(service.read()), [(0x81, b"last"), (0x88, b"\x03\xe8")])

    def test_the_service_goes(self) -> None:
        service = self.open()
        self.hold(what="messages")
        service.say(b"\x81\x04last")
        self.talk()
        service.close()
        self.talk()
        self.assertEqual(self.received[0], (0x81, b"last"))
        self.assertEqual(self.held, [])

    def test_time_is_over(self) -> None:
        service = self.open()
        self.hold(what="messages", seconds=1)
        self.say((0x81, b"one"))
        self.reactor.advance(1)
        self.talk()
        self.assertEqual(unmasked(service.read()), [(0x81, b"one")])

    def test_no_gate_is_left(self) -> None:
        self.open()
        id = self.hold(what="messages")
        (pipe,) = self.client.session.tunnels.services[0].pipes.open
        self.assertIsNotNone(pipe.gate)
        self.ask(f"/api/holds/{id}", "DELETE")
        self.assertIsNone(pipe.gate)
        self.assertIsNone(self.client.session.tunnels.services[0].pipes.opened)


class CompressionTests(MessageCase):
    """With context takeover, each message refers to those before it."""

    def setUp(self) -> None:
        super().setUp()
        self.deflate = zlib.compressobj(wbits=-15)
        self.inflate = zlib.decompressobj(-15)

    def packed(self, text: bytes) -> tuple[int, bytes]:
        data = self.deflate.compress(text) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        return 0xC1, data[:-4]

    def unpacked(self, frames: list[tuple[int, bytes]]) -> list[bytes]:
        """What the receiver reads, whose context knows only what it was sent."""
        found = []
        for first, payload in frames:
            found.append(self.inflate.decompress(payload + b"\x00\x00\xff\xff") if first & 0x40 else payload)
        return found

    def open(self, opening: Any = None, answer: bytes = DEFLATED) -> Service:
        return super().open(WebSocketRequest(1, b"/chat", DEFLATE, "203.0.113.7"), answer)

    def test_it_is_read_and_let_go(self) -> None:
        service = self.open()
        self.say(self.packed(b"hello world hello world"))
        self.hold(what="messages", contains="again")
        self.say(self.packed(b"hello world again"))
        (held,) = self.held
        self.assertEqual((held["message"]["text"], held["message"]["changeable"]), ("hello world again", True))
        self.let_go(held["id"])
        self.say(self.packed(b"hello world and more"))
        self.assertEqual(
            self.unpacked(unmasked(service.read())),
            [b"hello world hello world", b"hello world again", b"hello world and more"],
        )

    def test_changed_and_dropped_ones_leave_the_rest_readable(self) -> None:
        service = self.open()
        self.say(self.packed(b"hello world hello world"))
        id = self.hold(what="messages")
        self.say(self.packed(b"hello world one"), self.packed(b"hello world two"), self.packed(b"hello world three"))
        one, two, three = self.held
        self.let_go(one["id"], payload="changed")
        self.let_go(two["id"], action="drop")
        self.let_go(three["id"])
        self.ask(f"/api/holds/{id}", "DELETE")
        self.say(self.packed(b"hello world and more"))
        told = self.unpacked(unmasked(service.read()))
        self.assertEqual(told, [b"hello world hello world", b"changed", b"hello world three", b"hello world and more"])

    def test_without_the_frames_before_nothing_is_changed(self) -> None:
        self.open()
        self.say(self.packed(b"hello world hello world"))
        made = self.only()
        assert made.timeline is not None
        made.timeline.head.clear()
        self.hold(what="messages")
        self.say(self.packed(b"hello world again"))
        (held,) = self.held
        self.assertEqual((held["message"]["text"], held["message"]["changeable"]), (None, False))
        self.assertEqual(self.let_go(held["id"], action="drop").error, "not-changeable")
        self.assertEqual(self.let_go(held["id"]).status, 204)

    def test_binary(self) -> None:
        self.open()
        self.hold(what="messages")
        data = self.deflate.compress(b"\xff\x00") + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        self.say((0xC2, data[:-4]))
        (held,) = self.held
        self.assertEqual(base64.b64decode(held["message"]["base64"]), b"\xff\x00")


class EventTests(HoldCase):
    def test_whoever_follows_is_told(self) -> None:
        transport = self.begin("/api/events")
        self.hold(what="requests")
        self.visitor(HttpRequest(1, b"GET", b"/held", [HOST], ""))
        self.reactor.advance(0.2)
        self.assertIn(b'"target":"/held"', transport.value())
