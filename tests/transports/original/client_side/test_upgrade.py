"""WebSockets that an original server has agreed to, and for which our service is asked."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.original.client_side.upgrade import ALL_EARLY, EARLY, GRACE, first_subprotocol
from tests.client.originals import HOST, ID, KEY, OTHER, SWITCHED, TUNNEL, OriginalStage
from tests.client.stage import Service
from tests.logs import log_lines
from tests.original.wire import Message
from tests.transports.support import BINARY, CLOSE, PING, PONG, TEXT, close, frame, frames

END = b"\r\n\r\n"


class DialingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines = log_lines(self)
        self.stage = OriginalStage().ready()
        self.service: Service

    def tearDown(self) -> None:
        self.assertEqual(self.stage.stop(), [], "a timer was left behind")

    def open(self, rest: bytes = b"", **headers: str) -> None:
        """A WebSocket that is open; the service said ``rest`` behind its 101."""
        self.stage.upgrade(**headers)
        self.service = self.stage.accept()
        self.handshake = self.service.read()
        self.stage.answer(self.service, SWITCHED + END + rest)

    def settled(self, **headers: Any) -> None:
        """The same, some time later, with nothing said."""
        self.open(**headers)
        self.stage.wait(GRACE, GRACE)
        self.assertEqual([each["type"] for each in self.stage.heard()], ["ws_upgrade_ok"])

    def message(self, payload: bytes, opcode: int = 1, fin: bool = True) -> None:
        self.stage.say("ws_frame", request_id=ID, opcode=opcode, payload=payload, fin=fin)

    def send(self, *sent: tuple[int, bytes]) -> None:
        """The service sends frames."""
        self.stage.answer(self.service, b"".join(frame(first, payload, masked=False) for first, payload in sent))

    def seen(self) -> list[tuple[int, bytes]]:
        """The frames that have come to the service."""
        self.stage.talk()
        found, rest = frames(self.service.read())
        self.assertEqual(rest, b"")
        return found

    def heard(self) -> list[Message]:
        """What the server was told, ids aside."""
        said = self.stage.heard()
        self.assertTrue(all(each.pop("request_id") == ID for each in said))
        return said


class HandshakeTests(DialingCase):
    def test_goes_to_the_service(self) -> None:
        """With the visitor's own key and Host, all other fields, and no extension."""
        self.open(Sec_WebSocket_Extensions="permessage-deflate", Cookie="a=1", Origin="http://o")
        head, *lines = self.handshake.split(b"\r\n")
        self.assertEqual(head, b"GET /chat HTTP/1.1")
        for line in (
            b"Host: demo.localhost",
            b"Sec-WebSocket-Key: " + KEY.encode(),
            b"Cookie: a=1",
            b"Origin: http://o",
        ):
            self.assertIn(line, lines)
        self.assertNotIn(b"Extensions", self.handshake)
        self.assertEqual(self.handshake.lower().count(b"upgrade: websocket"), 1)

    def test_agreed(self) -> None:
        """The server is told what the original's clients tell it."""
        self.settled()
        self.stage.upgrade(id=OTHER)
        self.stage.answer(self.stage.accept(), SWITCHED + END)
        [said] = self.stage.heard()
        self.assertEqual(said["headers"], {"Connection": ["Upgrade"], "Upgrade": ["websocket"]})

    def test_only_the_first_subprotocol_is_offered(self) -> None:
        """The visitor has been told that it was chosen."""
        self.open(Sec_WebSocket_Protocol="one, two")
        self.assertIn(b"Sec-WebSocket-Protocol: one\r\n", self.handshake)
        several = [(b"sec-websocket-protocol", b"a ,b"), (b"X", b"y"), (b"Sec-WebSocket-Protocol", b"c")]
        self.assertEqual(first_subprotocol(several), [(b"sec-websocket-protocol", b"a"), (b"X", b"y")])

    def test_refused_by_the_service(self) -> None:
        """The server is told the status; the rest of the answer has no place."""
        self.stage.upgrade()
        service = self.stage.accept()
        self.stage.answer(service, b"HTTP/1.1 403 Go Away\r\nContent-Length: 5\r\n\r\nno")
        self.assertEqual(self.heard(), [{"type": "ws_upgrade_error", "status_code": 403, "message": "Go Away"}])
        self.assertFalse(service.open)
        self.message(b"late")
        self.assertIsNone(self.stage.closed)

    def test_refused_while_something_waits_for_it(self) -> None:
        """Nobody waits for the service any more, and nothing is kept for it."""
        self.stage.upgrade()
        self.message(b"early")
        self.stage.answer(self.stage.accept(), b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.stage.link.bridge.early, 0)

    def test_refused_whole_in_one_piece(self) -> None:
        self.stage.upgrade()
        self.stage.answer(self.stage.accept(), b"HTTP/1.1 401 \r\nContent-Length: 2\r\n\r\nno")
        [said] = self.heard()
        self.assertEqual(said["status_code"], 401)

    def test_no_service(self) -> None:
        from twisted.internet.error import ConnectionRefusedError
        from twisted.python.failure import Failure

        self.stage.upgrade()
        self.stage.reactor.tcpClients.pop(0)[2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))  # type: ignore[arg-type]
        [said] = self.heard()
        self.assertEqual((said["type"], said["status_code"]), ("ws_upgrade_error", 502))
        self.assertTrue(said["message"].startswith("service-refused: "))

    def test_a_service_that_does_not_answer(self) -> None:
        self.stage.upgrade()
        self.stage.accept()
        self.stage.wait(60)
        [said] = self.heard()
        self.assertEqual((said["type"], said["status_code"]), ("ws_upgrade_error", 504))

    def test_what_cannot_be_passed_on(self) -> None:
        """An unknown tunnel, a head that would be two, and one that is no handshake."""
        for status, fields in (
            (404, {"tunnel_id": OTHER}),
            (400, {"path": "/a b"}),
            (400, {"headers": {**HOST, "X": ["a\r\nb: c"]}}),
            (400, {"headers": HOST}),
        ):
            upgrade: Message = {"request_id": ID, "tunnel_id": TUNNEL, "path": "/", "headers": HOST}
            self.stage.say("ws_upgrade", **{**upgrade, **fields})
            [said] = self.heard()
            self.assertEqual((said["type"], said["status_code"]), ("ws_upgrade_error", status))


class EarlyTests(DialingCase):
    def test_a_greeting_waits_until_the_server_can_take_it(self) -> None:
        """It is told when the server has answered our ping, and some time has passed."""
        self.stage.answering = False
        self.open(frame(TEXT, b"first", False) + frame(BINARY, b"second", False))
        self.assertEqual([each["type"] for each in self.heard()], ["ws_upgrade_ok"])
        self.stage.wait(1)
        self.assertEqual(self.heard(), [])
        self.stage.octets(self.stage.pings[-1], PONG)
        self.assertEqual(self.heard(), [])
        self.stage.wait(GRACE, GRACE)
        self.assertEqual([each["payload"] for each in self.heard()], [b"first", b"second"])
        self.send((TEXT, b"third"))
        self.assertEqual([each["payload"] for each in self.heard()], [b"third"])

    def test_or_until_the_server_says_something_itself(self) -> None:
        self.stage.answering = False
        self.open(frame(TEXT, b"first", False))
        self.message(b"hi")
        self.assertEqual([each["type"] for each in self.heard()], ["ws_upgrade_ok", "ws_frame"])
        self.assertEqual(self.seen(), [(TEXT, b"hi")])

    def test_a_greeting_in_pieces_and_a_goodbye(self) -> None:
        """All of it waits, in its order."""
        large = bytes(100_000)
        self.open(frame(BINARY, large, False) + frame(*close(4001, "bye"), False))
        self.assertEqual([each["type"] for each in self.heard()], ["ws_upgrade_ok"])
        self.stage.wait(GRACE, GRACE)
        message, end = self.heard()
        self.assertEqual((message["payload"], end), (large, {"type": "ws_close", "code": 4001}))

    def test_a_service_that_talks_without_end_is_not_read(self) -> None:
        self.stage.answering = False
        self.open()
        sent = 0
        while self.service.transport.producerState == "producing" and sent < 8 << 20:
            self.send((BINARY, bytes(60_000)))
            sent += 60_000
        self.assertLess(sent, 1 << 20)
        self.message(b"hi")
        self.assertEqual(sum(len(each.get("payload", b"")) for each in self.heard()), sent)
        self.assertEqual(self.service.transport.producerState, "producing")

    def test_what_the_server_sends_before_the_service_agrees(self) -> None:
        """It has told its visitor that it may."""
        self.stage.upgrade()
        self.message(b"one")
        self.service = self.stage.accept()
        self.message(b"two", 2)
        self.service.read()
        self.stage.answer(self.service, SWITCHED + END)
        self.assertEqual(self.seen(), [(TEXT, b"one"), (BINARY, b"two")])

    def test_too_much_of_it(self) -> None:
        self.stage.upgrade()
        self.message(bytes(EARLY))
        [said] = self.heard()
        self.assertEqual((said["type"], said["status_code"]), ("ws_upgrade_error", 503))

    def test_too_much_of_it_for_all(self) -> None:
        """What waits for services is bounded for the whole link; who goes leaves room for others."""
        bridge = self.stage.link.bridge
        bridge.early = ALL_EARLY - 100
        self.stage.upgrade()
        self.message(b"x")
        self.assertEqual(self.heard(), [])
        self.message(b"x")
        [said] = self.heard()
        self.assertEqual((said["type"], said["status_code"]), ("ws_upgrade_error", 503))
        self.assertEqual(bridge.early, ALL_EARLY - 100)

    def test_a_service_that_greets_and_closes_and_dies(self) -> None:
        """It has said so itself; nobody is there to be answered, neither its ping nor its close frame."""
        self.stage.answering = False
        self.open(frame(TEXT, b"first", False) + frame(PING, b"?", False) + frame(*close(4001), False))
        self.stage.lose()
        self.service.close()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual([line for line in self.lines if "defect" in line], [])

    def test_nobody_is_waited_for_who_is_gone(self) -> None:
        """A server that never answers our pings costs nothing for WebSockets that are over."""
        self.stage.answering = False
        for number in range(3):
            self.open(frame(TEXT, b"first", False))
            self.assertEqual(len(self.stage.link._awaited), 1)
            self.stage.say("ws_close", request_id=ID)
            self.service.close()
            self.stage.talk()
            self.assertEqual((len(self.stage.link._awaited), number), (0, number))

    def test_a_visitor_who_leaves_before_the_service_agrees(self) -> None:
        self.stage.upgrade()
        service = self.stage.accept()
        self.stage.say("ws_close", request_id=ID)
        self.assertFalse(service.open)
        self.assertEqual(self.heard(), [])

    def test_a_service_that_greets_and_dies(self) -> None:
        """What it said comes before its end."""
        self.stage.answering = False
        self.open(frame(TEXT, b"first", False))
        self.service.reset()
        self.stage.talk()
        self.stage.octets(self.stage.pings[-1], PONG)
        self.stage.wait(GRACE, GRACE)
        types = [each["type"] for each in self.heard()]
        self.assertEqual(types, ["ws_upgrade_ok", "ws_frame", "ws_close"])


class MessageTests(DialingCase):
    def test_to_the_service(self) -> None:
        """Whole, masked, whatever fin says; continuations are dropped, as the original drops them."""
        self.settled()
        self.message(b"hi")
        self.message(b"\x00\xff", 2, fin=False)
        self.message(b"never", 0)
        self.message(b"ping", 9)
        self.assertEqual(self.seen(), [(TEXT, b"hi"), (BINARY, b"\x00\xff"), (PING, b"ping")])

    def test_from_the_service(self) -> None:
        """Whole, and put together where it comes in fragments."""
        self.settled()
        self.send((TEXT, b"hi"), (0x01, b"frag"), (PING, b"are you there"), (0x00, b"men"), (0x80, b"ted"))
        self.assertEqual(
            self.heard(),
            [
                {"type": "ws_frame", "opcode": 1, "payload": b"hi", "fin": True},
                {"type": "ws_frame", "opcode": 1, "payload": b"fragmented", "fin": True},
            ],
        )
        self.assertEqual(self.seen(), [(PONG, b"are you there")])

    def test_two_at_once(self) -> None:
        self.settled()
        self.stage.upgrade(id=OTHER)
        other = self.stage.accept()
        other.read()
        self.stage.answer(other, SWITCHED + END)
        self.stage.say("ws_frame", request_id=OTHER, opcode=1, payload=b"other", fin=True)
        self.assertEqual(frames(other.read())[0], [(TEXT, b"other")])
        self.assertEqual(self.seen(), [])


class EndTests(DialingCase):
    def test_by_the_service(self) -> None:
        """The code alone goes to the server, as the original's clients say it; the service is answered by us."""
        self.settled()
        self.send((TEXT, b"last"), close(4002, "because"))
        self.assertEqual(self.heard()[1:], [{"type": "ws_close", "code": 4002}])
        self.assertEqual(self.seen(), [close(4002, "because")])
        self.stage.say("ws_close", request_id=ID)  # which the server does, and which says nothing
        self.assertEqual((self.seen(), self.heard()), ([], []))
        self.service.close()
        self.stage.talk()

    def test_by_the_service_without_a_code(self) -> None:
        self.settled()
        self.send(close())
        self.assertEqual(self.heard(), [{"type": "ws_close"}])
        self.assertEqual(self.seen(), [close()])
        self.service.close()
        self.stage.talk()

    def test_by_the_visitor(self) -> None:
        """The service gets a close frame without a code, and the server no answer, which it does not expect."""
        self.settled()
        self.message(b"last")
        self.stage.say("ws_close", request_id=ID)
        self.assertEqual(self.seen(), [(TEXT, b"last"), close()])
        self.send(close())
        self.service.close()
        self.stage.talk()
        self.assertEqual(self.heard(), [])
        self.assertFalse(self.stage.session.session.streams)

    def test_by_a_server_that_tells_the_code(self) -> None:
        """The original's never does; a code that may not be sent is left out."""
        self.settled()
        self.stage.say("ws_close", request_id=ID, code=4004, reason="so")
        self.assertEqual(self.seen(), [close(4004, "so")])
        self.service.close()
        self.stage.talk()
        self.settled()
        self.stage.say("ws_close", request_id=ID, code=1006)
        self.assertEqual(self.seen(), [close()])
        self.service.close()
        self.stage.talk()

    def test_by_the_service_s_death(self) -> None:
        self.settled()
        self.service.reset()
        self.stage.talk()
        self.assertEqual(self.heard(), [{"type": "ws_close", "code": 1011}])

    def test_by_a_message_that_is_too_large(self) -> None:
        """1009 to both."""
        self.settled()
        size = 5_000_000
        self.stage.answer(self.service, b"\x82\x7f" + size.to_bytes(8, "big") + bytes(1000))
        self.assertEqual(self.heard(), [{"type": "ws_close", "code": 1009}])
        self.assertEqual(self.seen()[0][1][:2], (1009).to_bytes(2, "big"))
        self.service.close()
        self.stage.talk()

    def test_by_the_link(self) -> None:
        """1012 to the service, at once."""
        self.settled()
        self.stage.lose()
        first, payload = self.seen_now()
        self.assertEqual((first, payload[:2]), (CLOSE, (1012).to_bytes(2, "big")))
        self.service.close()

    def seen_now(self) -> tuple[int, bytes]:
        """The one frame that has come to the service of a client that has no link."""
        self.stage.reactor.advance(0)
        [only] = frames(self.service.read())[0]
        return only

    def test_by_a_client_that_stops(self) -> None:
        """The service is told 1001, and the server as much of it as it can be told."""
        self.settled()
        finished = self.stage.session.finish_up(5)
        self.stage.wait(0.1, 0.05)
        [(first, payload)] = self.seen()
        self.assertEqual((first, payload[:2]), (CLOSE, (1001).to_bytes(2, "big")))
        self.send((first, payload))
        self.service.close()
        self.stage.wait(0.2, 0.05)
        self.assertTrue(self.successResultOf(finished))
        self.assertIn({"type": "ws_close", "code": 1001}, self.heard_of(ID))

    def heard_of(self, id: str) -> list[Message]:
        """What the server was told of one exchange."""
        return [{**each} for each in self.stage.heard() if each.pop("request_id", "") == id]
