"""A link in the original dialect: who is alive on it, what says nothing, and how much of it."""

from typing import Any

from sellia.protocol.original.messages import MESSAGE_LIMIT
from sellia.transports.link.assembly import BEGINNING
from sellia.transports.original.link import GARBAGE, INTERVAL, SILENCE, SKIPPED
from tests.original import wire
from tests.server.clients import GatewayCase
from tests.server.originals import Original
from tests.server.support import UPGRADE, answers, get
from tests.transports.original.server_side.test_upgrade import Visitor
from tests.transports.support import BINARY, CLOSE, PING, TEXT, close, frame, head


class LivenessTests(GatewayCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = Original(self.server).open()

    def test_pings(self) -> None:
        """Every 30 seconds, whatever else is said."""
        for seconds in range(1, 3 * int(INTERVAL) + 1):
            self.server.wait(1)
            self.client.say("response_end", request_id="x")
            self.client.heard()
            self.assertEqual(self.client.pings, seconds // int(INTERVAL))
        self.assertIsNone(self.client.closed)

    def test_who_answers_lives(self) -> None:
        for _ in range(20):
            self.server.wait(10)
            self.client.heard()
        self.assertIsNone(self.client.closed)

    def test_who_does_not_is_closed(self) -> None:
        """As the original closes: 1000, in these words; and what was under way ends."""
        self.client.silent = True
        visitor = self.server.visit(get())
        self.server.wait(int(SILENCE) - 1)
        self.client.heard()
        self.assertIsNone(self.client.closed)
        self.server.wait(1)
        self.client.heard()
        self.assertEqual(self.client.closed, close(1000, "Connection timeout"))
        self.client.wire.lose()
        self.assertEqual(self.server.gateway.sessions, {})
        self.assertEqual(answers(visitor.take())[-1], (502, "session-expired"))

    def test_any_octet_is_life(self) -> None:
        self.client.silent = True
        message = frame(BINARY, wire.encode(wire.message("pong", timestamp=1)))
        for octet in message:
            self.server.wait(20)
            self.client.octets(bytes((octet,)))
        self.client.heard()
        self.assertIsNone(self.client.closed)

    def test_pings_of_the_websocket_are_answered(self) -> None:
        self.client.heard()
        self.client.octets(frame(PING, b"x"))
        self.assertEqual(self.client.wire.take(), b"\x8a\x01x")


class GarbageTests(GatewayCase):
    KINDS = (
        frame(BINARY, b""),
        frame(BINARY, b"\x00"),
        frame(BINARY, b"\xc1"),
        frame(BINARY, b"\xdf\xff\xff\xff\xff"),
        frame(TEXT, b"hello"),
        frame(BINARY, b"\x81\xa4type\xa5hello"),
        frame(BINARY, b"\x81\xa4type\xa4auth"),
        frame(BINARY, b"\x00\x92\xa3ack\x01"),
        frame(BINARY, b"\x01" + bytes(22)),
    )

    def setUp(self) -> None:
        super().setUp()
        self.client = Original(self.server).open()

    def test_is_ignored(self) -> None:
        for each in self.KINDS:
            self.client.octets(each)
        self.assertEqual(self.client.heard(), [])
        self.assertIsNone(self.client.closed)
        self.server.visit()
        self.client.asked()

    def test_before_anything_else(self) -> None:
        """Messages that mean nothing are ignored as long as they are as few as hellos; all else ends the link."""
        client = Original(self.server, "192.0.2.9")
        for each in self.KINDS:
            if each[0] == 0x80 | BINARY:
                client.octets(each)
        client.open("other")
        for other in (frame(TEXT, b"hello"), frame(0x02, b"x"), frame(0x8A), frame(BINARY, bytes(17_000))):
            client = Original(self.server, "192.0.2.9").octets(other)
            client.heard()
            assert client.closed is not None
            self.assertEqual(client.closed[1][:2], (1002).to_bytes(2, "big"))

    def test_a_flood(self) -> None:
        """At the limit the link stays, beyond it it is closed, of whichever kind it is."""
        for each in self.KINDS:
            client = Original(self.server, "192.0.2.9").open("flood")
            for _ in range(GARBAGE.burst):
                client.octets(each)
            client.heard()
            self.assertIsNone(client.closed)
            client.octets(each)
            client.heard()
            assert client.closed is not None
            self.assertEqual(client.closed[1][:2], (1008).to_bytes(2, "big"))
            client.wire.lose()

    def test_a_trickle(self) -> None:
        """A peer that is newer than we are may say what we don't know, now and then."""
        for _ in range(3 * GARBAGE.burst):
            self.client.octets(self.KINDS[5])
            self.server.wait(1)
            self.client.heard()
        self.assertIsNone(self.client.closed)

    def test_a_message_that_is_too_long(self) -> None:
        """It counts as garbage, unless it is about an exchange, which ends for it; nothing of it is kept."""
        self.client.octets(frame(BINARY, bytes(MESSAGE_LIMIT + 1)))
        visitor = self.server.visit()
        start, _, _ = self.client.asked()
        self.client.answer(start["request_id"], end=False)
        body = wire.message("response_body", request_id=start["request_id"], chunk=bytes(MESSAGE_LIMIT))
        data = frame(BINARY, wire.encode(body))
        link: Any
        [link] = [each.link for each in self.server.gateway.sessions.values()]
        for offset in range(0, len(data), 100_000):
            self.client.octets(data[offset : offset + 100_000])
            self.assertLessEqual(link._assembly.kept, 2 * BEGINNING)
        self.assertTrue(visitor.closed)
        self.assertFalse(visitor.take().endswith(b"0\r\n\r\n"))
        self.assertEqual(self.client.heard(), [])
        self.assertIsNone(self.client.closed)

    def test_one_that_is_too_long_in_fragments(self) -> None:
        visitor = self.server.visit()
        start, _, _ = self.client.asked()
        body = wire.message("response_body", request_id=start["request_id"], chunk=bytes(MESSAGE_LIMIT))
        octets = wire.encode(body)
        self.client.octets(frame(0x02, octets[:50])).octets(frame(0x00, octets[50:MESSAGE_LIMIT]))
        self.assertEqual(visitor.take(), b"")
        self.client.octets(frame(0x80, octets[MESSAGE_LIMIT:]))
        self.assertEqual(answers(visitor.take()), [(502, "bad-service-response")])
        self.client.say("tunnel_open", tunnel_type="http", local_port=1, subdomain="second")
        self.assertEqual([each["type"] for each in self.client.heard()], ["tunnel_ready"])

    def test_one_that_is_much_too_long(self) -> None:
        """It is refused at its head."""
        self.client.octets(head(BINARY, SKIPPED, True) + bytes(100))
        self.client.heard()
        self.assertIsNone(self.client.closed)
        other = Original(self.server, "192.0.2.9").open("other")
        other.octets(head(BINARY, SKIPPED + 1, True) + bytes(100))
        other.heard()
        self.assertEqual(other.closed, close(1009, "a link message is longer than the limit"))

    def test_a_websocket_whose_message_is_too_long(self) -> None:
        upgrade = self.server.visit(UPGRADE)
        request_id = self.client.upgraded()
        visitor = Visitor(upgrade)
        self.client.say("ws_frame", request_id=request_id, opcode=2, payload=bytes(MESSAGE_LIMIT), fin=True)
        [(first, payload)] = visitor.heard()
        self.assertEqual((first, payload[:2]), (CLOSE, (1009).to_bytes(2, "big")))
        self.assertEqual(self.client.heard(), [{"type": "ws_close", "request_id": request_id}])
        self.assertIsNone(self.client.closed)

    def test_one_in_fragments(self) -> None:
        """Our peers' proxies may do that."""
        message = wire.encode(wire.message("tunnel_open", tunnel_type="http", local_port=1, subdomain="second"))
        self.client.octets(frame(0x02, message[:10])).octets(frame(0x00, message[10:20])).octets(
            frame(0x80, message[20:])
        )
        self.assertEqual([each["type"] for each in self.client.heard()], ["tunnel_ready"])
