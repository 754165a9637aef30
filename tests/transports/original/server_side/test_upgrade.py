"""WebSockets of visitors at an original client: the handshake, messages both ways, and every way in which one ends."""

from typing import Any

from sellia.protocol.limits import HEADER_COUNT_LIMIT
from sellia.protocol.original.messages import WEBSOCKET_LIMIT
from tests.original import wire
from tests.server.clients import GatewayCase, Wire
from tests.server.originals import OK, Original
from tests.server.support import ACCEPT, KEY, UPGRADE, answers
from tests.transports.support import BINARY, CLOSE, PING, PONG, TEXT, Frame, close, frame, frames


class Visitor:
    """A visitor's WebSocket."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        head, end, self._rest = wire.take().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ") and end, head
        self.head = head

    def send(self, first: int, payload: bytes = b"") -> None:
        self.wire.send(frame(first, payload))

    def heard(self) -> list[Frame]:
        found, self._rest = frames(self._rest + self.wire.take())
        return found


class UpgradingCase(GatewayCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = Original(self.server).open()

    def opened(self, request: bytes = UPGRADE) -> tuple[Visitor, str]:
        wire = self.server.visit(request)
        request_id = self.client.upgraded()
        return Visitor(wire), request_id

    def frame(self, request_id: str, opcode: int, payload: bytes, fin: bool = True) -> None:
        self.client.say("ws_frame", request_id=request_id, opcode=opcode, payload=payload, fin=fin)

    def messages(self, request_id: str) -> list[tuple[int, bytes]]:
        heard = self.client.heard()
        for each in heard:
            self.assertEqual((each["type"], each["request_id"], each["fin"]), ("ws_frame", request_id, True))
        return [(each["opcode"], each["payload"]) for each in heard]

    def assert_told_close(self, request_id: str) -> None:
        """Once, and with neither code nor reason."""
        self.assertEqual(self.client.heard(), [{"type": "ws_close", "request_id": request_id}])


class HandshakeTests(UpgradingCase):
    def test_what_is_asked(self) -> None:
        fields = b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\nX: 1\r\n\r\n"
        self.server.visit(UPGRADE.replace(b"\r\n\r\n", fields))
        [upgrade] = self.client.heard()
        self.assertEqual(list(upgrade), ["type", "request_id", "tunnel_id", "path", "headers"])
        self.assertEqual(upgrade["path"], "/chat")
        headers = upgrade["headers"]
        self.assertEqual(headers["Sec-WebSocket-Key"], [KEY.decode()])
        self.assertEqual((headers["Upgrade"], headers["Connection"], headers["X"]), (["websocket"], ["Upgrade"], ["1"]))
        self.assertNotIn("Sec-WebSocket-Extensions", headers)

    def test_the_visitor_is_answered_when_the_service_has_agreed(self) -> None:
        """Not before; with the proof that belongs to its key."""
        wire = self.server.visit(UPGRADE)
        self.assertEqual(wire.take(), b"")
        self.client.upgraded()
        visitor = Visitor(wire)
        self.assertIn(b"Sec-WebSocket-Accept: " + ACCEPT, visitor.head)
        self.assertNotIn(b"Sec-WebSocket-Protocol", visitor.head)
        self.assertNotIn(b"Sec-WebSocket-Extensions", visitor.head)

    def test_the_first_subprotocol_counts_as_chosen(self) -> None:
        offer = UPGRADE.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: pa, pb\r\n\r\n")
        visitor, _ = self.opened(offer)
        self.assertIn(b"Sec-WebSocket-Protocol: pa\r\n", visitor.head + b"\r\n")

    def test_unless_the_client_says_which_was(self) -> None:
        wire = self.server.visit(UPGRADE.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: pa, pb\r\n\r\n"))
        [upgrade] = self.client.heard()
        headers = {**OK, "sec-websocket-protocol": ["pb"]}
        self.client.say("ws_upgrade_ok", request_id=upgrade["request_id"], headers=headers)
        self.assertIn(b"Sec-WebSocket-Protocol: pb\r\n", Visitor(wire).head + b"\r\n")

    def test_other_fields_of_a_client_that_passes_them_on(self) -> None:
        """They reach the visitor; what belongs to the handshake behind the client does not."""
        wire = self.server.visit(UPGRADE)
        [upgrade] = self.client.heard()
        fields = {"Set-Cookie": ["a=1", "b=2"], "Sec-WebSocket-Accept": ["x"], "Sec-WebSocket-Extensions": ["x"]}
        self.client.say("ws_upgrade_ok", request_id=upgrade["request_id"], headers={**OK, **fields})
        head = Visitor(wire).head
        self.assertTrue(head.endswith(b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2"))
        self.assertEqual(head.count(b"Upgrade: "), 1)

    def test_too_many_or_too_long_fields(self) -> None:
        for fields in ({f"X-{number}": ["1"] for number in range(HEADER_COUNT_LIMIT + 1)}, {"X": ["x" * 100_000]}):
            wire = self.server.visit(UPGRADE)
            [upgrade] = self.client.heard()
            self.client.say("ws_upgrade_ok", request_id=upgrade["request_id"], headers=fields)
            self.assertEqual(answers(wire.take()), [(502, "bad-service-response")])
            self.assertEqual(self.client.heard(), [_close(upgrade)])

    def test_one_that_was_not_offered_is_not_believed(self) -> None:
        wire = self.server.visit(UPGRADE)
        [upgrade] = self.client.heard()
        headers = {"Sec-WebSocket-Protocol": ["pa\r\nX: 1"]}
        self.client.say("ws_upgrade_ok", request_id=upgrade["request_id"], headers=headers)
        self.assertEqual(answers(wire.take()), [(502, "bad-service-response")])

    def test_refused(self) -> None:
        """502 is the client's own; any other status is the service's."""
        for status, expected in ((502, (502, "upgrade-refused")), (403, (403, None)), (401, (401, None))):
            wire = self.server.visit(UPGRADE)
            [upgrade] = self.client.heard()
            why = "Failed to connect to local WebSocket service"
            self.client.say("ws_upgrade_error", request_id=upgrade["request_id"], status_code=status, message=why)
            data = wire.take()
            self.assertEqual(answers(data), [expected])
            self.assertEqual(why.encode() in data, status != 502, "a client's own reason can name private hosts")
            self.assertEqual(self.client.heard(), [])

    def test_refused_with_what_is_no_status(self) -> None:
        for status in (0, 99, 101, 199, 1000, -403):
            wire = self.server.visit(UPGRADE)
            [upgrade] = self.client.heard()
            self.client.say("ws_upgrade_error", request_id=upgrade["request_id"], status_code=status, message="x")
            self.assertEqual(answers(wire.take()), [(502, "bad-service-response")])

    def test_closed_before_it_was_open(self) -> None:
        wire = self.server.visit(UPGRADE)
        [upgrade] = self.client.heard()
        self.client.say("ws_close", request_id=upgrade["request_id"], code=1000)
        self.assertEqual(answers(wire.take()), [(502, "upgrade-refused")])

    def test_twice(self) -> None:
        """What is said again about a handshake says nothing."""
        visitor, request_id = self.opened()
        self.client.say("ws_upgrade_ok", request_id=request_id, headers=OK)
        self.client.say("ws_upgrade_error", request_id=request_id, status_code=500, message="")
        self.frame(request_id, 1, b"still here")
        self.assertEqual(visitor.heard(), [(TEXT, b"still here")])

    def test_a_visitor_who_leaves_before_the_answer(self) -> None:
        """The client is told, and again when it agrees to what nobody waits for."""
        wire = self.server.visit(UPGRADE)
        [upgrade] = self.client.heard()
        wire.lose()
        self.assertEqual(self.client.heard(), [_close(upgrade)])
        self.client.say("ws_upgrade_ok", request_id=upgrade["request_id"], headers=OK)
        self.assertEqual(self.client.heard(), [_close(upgrade)])

    def test_in_time(self) -> None:
        wire = self.server.visit(UPGRADE)
        [upgrade] = self.client.heard()
        self.server.wait(45)
        self.assertEqual(self.client.heard(), [])  # and answers pings
        self.server.wait(16)
        self.assertEqual(answers(wire.take()), [(504, "upgrade-timeout")])
        self.assertEqual(self.client.heard(), [_close(upgrade)])


def _close(upgrade: wire.Message) -> dict[str, Any]:
    return {"type": "ws_close", "request_id": upgrade["request_id"]}


class MessageTests(UpgradingCase):
    def test_both_ways(self) -> None:
        visitor, request_id = self.opened()
        visitor.send(TEXT, b"hi")
        visitor.send(BINARY, b"\0\xff")
        visitor.send(TEXT)
        self.assertEqual(self.messages(request_id), [(1, b"hi"), (2, b"\0\xff"), (1, b"")])
        self.frame(request_id, 1, b"hello")
        self.frame(request_id, 2, b"", fin=False)
        self.assertEqual(visitor.heard(), [(TEXT, b"hello"), (BINARY, b"")])

    def test_sent_with_the_handshake(self) -> None:
        """It waits until the service has agreed: before that, the client would lose it."""
        wire = self.server.visit(UPGRADE + frame(TEXT, b"early"))
        [upgrade] = self.client.heard()
        self.client.say("ws_upgrade_ok", request_id=upgrade["request_id"], headers=OK)
        Visitor(wire)
        self.assertEqual(self.messages(upgrade["request_id"]), [(1, b"early")])

    def test_right_behind_the_answer(self) -> None:
        wire = self.server.visit(UPGRADE)
        request_id = self.client.upgraded()
        self.frame(request_id, 1, b"greeting")
        self.assertEqual(Visitor(wire).heard(), [(TEXT, b"greeting")])

    def test_fragments_are_put_together(self) -> None:
        visitor, request_id = self.opened()
        visitor.send(0x01, b"frag")
        visitor.send(PING, b"between")
        visitor.send(0x00, b"men")
        self.assertEqual(self.client.heard(), [])
        visitor.send(0x80, b"ted")
        self.assertEqual(self.messages(request_id), [(1, b"fragmented")])
        visitor.send(0x02)
        visitor.send(0x80)
        visitor.send(TEXT, b"next")
        self.assertEqual(self.messages(request_id), [(2, b""), (1, b"next")])

    def test_frames_in_pieces_are_put_together(self) -> None:
        """Whether they come so, or are larger than a record."""
        visitor, request_id = self.opened()
        large = bytes(range(256)) * 1000
        data = frame(BINARY, large)
        for offset in range(0, len(data), 50_000):
            visitor.wire.send(data[offset : offset + 50_000])
        self.assertEqual(self.messages(request_id), [(2, large)])
        self.frame(request_id, 2, large)
        self.assertEqual(visitor.heard(), [(BINARY, large)])

    def test_the_largest_message(self) -> None:
        visitor, request_id = self.opened()
        largest = bytes(WEBSOCKET_LIMIT)
        visitor.send(BINARY, largest)
        self.assertEqual(self.messages(request_id), [(2, largest)])
        self.frame(request_id, 2, largest)
        self.assertEqual(visitor.heard(), [(BINARY, largest)])

    def test_a_larger_one(self) -> None:
        """1009 for the visitor, and nothing of it for the client; whichever way it is larger."""
        for pieces in (
            [frame(BINARY, bytes(WEBSOCKET_LIMIT + 1))],
            [frame(0x02, bytes(WEBSOCKET_LIMIT)), frame(0x80, b"x")],
            [frame(0x02, b"x"), frame(0x80, bytes(WEBSOCKET_LIMIT))],
        ):
            visitor, request_id = self.opened()
            for piece in pieces:
                visitor.wire.send(piece)
            self.assert_told_close(request_id)
            [(first, payload)] = visitor.heard()
            self.assertEqual((first, payload[:2]), (CLOSE, (1009).to_bytes(2, "big")))
            self.assertTrue(payload[2:].startswith(b"frame-too-large: "))
            visitor.send(CLOSE, payload)
            self.assertEqual(self.client.heard(), [])
            self.assertTrue(visitor.wire.closed)

    def test_it_is_refused_at_its_head(self) -> None:
        """Nobody waits for the rest of it."""
        visitor, request_id = self.opened()
        visitor.wire.send(frame(BINARY, bytes(WEBSOCKET_LIMIT + 1))[:100])
        self.assert_told_close(request_id)

    def test_pings_are_answered_here(self) -> None:
        visitor, _ = self.opened()
        visitor.send(PING, b"are you there")
        visitor.send(PONG, b"unasked")
        self.assertEqual(visitor.heard(), [(PONG, b"are you there")])
        self.assertEqual(self.client.heard(), [])

    def test_pings_of_a_visitor_who_does_not_read(self) -> None:
        """The last of them is answered when it reads again, and the rest costs nothing."""
        visitor, request_id = self.opened()
        visitor.wire.transport.producer.pauseProducing()
        for _ in range(50):
            self.frame(request_id, 2, bytes(8000))
        [session] = self.server.gateway.sessions.values()
        [stream] = session.link.bridge.session.streams.values()
        self.assertTrue(stream.paused)
        queued = stream.queued
        for number in range(100):
            visitor.send(PING, b"%d" % number)
        self.assertEqual(stream.queued, queued)
        visitor.wire.transport.producer.resumeProducing()
        self.server.talk()
        heard = visitor.heard()
        self.assertEqual(heard.count((BINARY, bytes(8000))), 50)
        self.assertEqual([each for each in heard if each[0] == PONG], [(PONG, b"99")])

    def test_an_agreement_that_nobody_waits_for_from_a_client_that_does_not_read(self) -> None:
        """Nothing is said to it that could pile up."""
        self.client.wire.transport.producer.pauseProducing()
        for _ in range(100):
            self.client.say("ws_upgrade_ok", request_id="f" * 32, headers=OK)
        self.assertEqual(self.client.heard(), [])

    def test_the_clients_opcodes(self) -> None:
        """9 becomes a ping; continuations, closes, pongs and whatever is no opcode say nothing."""
        visitor, request_id = self.opened()
        for opcode in (0, 3, 7, 8, 10, 11, 15, 16, 129, -1, 2**31 - 1):
            self.frame(request_id, opcode, b"\x03\xe8")
        self.frame(request_id, 9, b"x" * 126)
        self.frame(request_id, 9, b"x" * 125)
        self.assertEqual(visitor.heard(), [(PING, b"x" * 125)])

    def test_each_on_its_own(self) -> None:
        one, first = self.opened()
        two, second = self.opened()
        self.frame(second, 1, b"two")
        self.frame("f" * 32, 1, b"nobody")
        one.send(TEXT, b"one")
        self.assertEqual((one.heard(), two.heard()), ([], [(TEXT, b"two")]))
        self.assertEqual(self.messages(first), [(1, b"one")])


class CloseTests(UpgradingCase):
    def test_by_the_visitor(self) -> None:
        """It is answered here, with what it said, because the client does not answer."""
        for payload in (b"", b"\x03\xe8", b"\x0f\xa0bye"):
            visitor, request_id = self.opened()
            visitor.send(CLOSE, payload)
            self.assert_told_close(request_id)
            self.assertEqual(visitor.heard(), [(CLOSE, payload)])
            self.assertTrue(visitor.wire.closed)

    def test_by_the_visitor_in_ways_that_are_none(self) -> None:
        for payload, code in ((b"\x03", 1002), (b"\x03\xed", 1002), (b"\0\0", 1002), (b"\x03\xe8\xff", 1007)):
            visitor, request_id = self.opened()
            visitor.send(CLOSE, payload)
            self.assert_told_close(request_id)
            [(first, answer)] = visitor.heard()
            self.assertEqual((first, answer[:2]), (CLOSE, code.to_bytes(2, "big")))

    def test_by_the_service(self) -> None:
        """Its code reaches the visitor, whose answer is told to the client."""
        visitor, request_id = self.opened()
        self.client.say("ws_close", request_id=request_id, code=4002, reason="not said by the original")
        self.assertEqual(visitor.heard(), [close(4002)])
        self.frame(request_id, 1, b"late")
        self.client.say("ws_close", request_id=request_id, code=4003)
        self.assertEqual(self.client.heard(), [])
        visitor.send(CLOSE, b"\x0f\xa2")
        self.assert_told_close(request_id)
        self.assertEqual(visitor.heard(), [])
        self.assertTrue(visitor.wire.closed)

    def test_by_the_service_with_what_is_no_code(self) -> None:
        for code, expected in (
            (None, b""),
            (1005, b""),
            (1006, 1011),
            (999, 1011),
            (1004, 1011),
            (1015, 1011),
            (5000, 1011),
            (-1, 1011),
            (2**31 - 1, 1011),
        ):
            visitor, request_id = self.opened()
            self.client.say("ws_close", request_id=request_id, code=code)
            [(first, payload)] = visitor.heard()
            expected = expected if isinstance(expected, bytes) else expected.to_bytes(2, "big")
            self.assertEqual((first, payload[:2]), (CLOSE, expected))

    def test_a_message_before_the_close_arrives_before_it(self) -> None:
        visitor, request_id = self.opened()
        self.frame(request_id, 1, b"last words")
        self.client.say("ws_close", request_id=request_id, code=1001)
        self.assertEqual(visitor.heard(), [(TEXT, b"last words"), close(1001)])

    def test_what_the_visitor_says_behind_the_close_is_dropped(self) -> None:
        visitor, request_id = self.opened()
        self.client.say("ws_close", request_id=request_id, code=1000)
        visitor.send(TEXT, b"late")
        visitor.send(PING)
        self.assertEqual(self.client.heard(), [])

    def test_a_visitor_who_is_gone(self) -> None:
        visitor, request_id = self.opened()
        visitor.send(0x01, b"half a message")
        visitor.wire.lose()
        self.assert_told_close(request_id)
        self.frame(request_id, 1, b"late")
        self.client.say("ws_close", request_id=request_id)
        self.assertEqual(self.server.gateway.health()["streams"], 0)

    def test_a_visitor_who_is_gone_without_an_answer(self) -> None:
        visitor, request_id = self.opened()
        self.client.say("ws_close", request_id=request_id, code=1000)
        visitor.wire.lose()
        self.assert_told_close(request_id)

    def test_a_visitor_who_breaks_the_protocol(self) -> None:
        """Both are told; no compression was agreed on, so a compressed frame is a violation."""
        visitor, request_id = self.opened()
        visitor.send(0xC1, b"compressed?")
        self.server.wait(1)
        self.assert_told_close(request_id)
        [(first, payload)] = visitor.heard()
        self.assertEqual((first, payload[:2]), (CLOSE, (1002).to_bytes(2, "big")))

    def test_a_link_that_is_lost(self) -> None:
        """Nobody can go on with it: 1012, at once."""
        visitor, _ = self.opened()
        self.client.wire.lose()
        [(first, payload)] = visitor.heard()
        self.assertEqual((first, payload[:2]), (CLOSE, (1012).to_bytes(2, "big")))
        self.assertTrue(payload[2:].startswith(b"session-expired: "))

    def test_the_server_drains(self) -> None:
        visitor, request_id = self.opened()
        self.server.service.stopService()
        self.server.wait(1)
        [(first, payload)] = visitor.heard()
        self.assertEqual((first, payload[:2]), (CLOSE, (1012).to_bytes(2, "big")))
        self.assert_told_close(request_id)
