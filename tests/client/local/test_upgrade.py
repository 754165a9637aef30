"""WebSocket handshakes at the service: what it is asked, when its 101 is believed, and its refusals."""

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import RequestWaiting, WebSocketClosed, WebSocketOpened, WebSocketRefused
from sellia.errors import ProtocolError
from sellia.problems import UPGRADE_TIMEOUT, VISITOR_GONE
from sellia.protocol.messages import ResponseHead, WebSocketRequest
from sellia.relay.limits.limit_log import LINES
from sellia.transports.websocket.frames import CLOSE_FRAME, close_payload
from tests.client.stage import ACCEPT, HOST, KEY, UPGRADE, LogLines, Service, Stage, Visitor

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
AGREED = SWITCH + b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n"
TEXT = 0x81


class HandshakeCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage()
        self.stage.service.name = "demo"

    def upgrade(self, *pieces: bytes, opening: WebSocketRequest = UPGRADE) -> Visitor:
        visitor = self.stage.ask(opening, end=False)
        self.service: Service = self.stage.accept()
        self.asked = self.service.read()
        self.service.say(*pieces)
        self.stage.talk()
        return visitor


class AgreedTests(HandshakeCase):
    def test_the_visitors_own_handshake_goes_to_the_service(self) -> None:
        self.upgrade()
        expected = b"GET /chat HTTP/1.1\r\nHost: demo.localhost\r\nSec-WebSocket-Key: " + KEY
        expected += b"\r\nSec-WebSocket-Version: 13\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        self.assertEqual(self.asked, expected)

    def test_101_goes_to_the_visitor_without_what_is_hop_by_hop(self) -> None:
        visitor = self.upgrade(AGREED + b"Set-Cookie: a=b\r\nX-a: 1\r\n\r\n")
        headers = [(b"Sec-WebSocket-Accept", ACCEPT), (b"Set-Cookie", b"a=b"), (b"X-a", b"1")]
        self.assertEqual(visitor.events, [("head", ResponseHead(101, b"Switching Protocols", headers))])

    def test_first_frames_right_behind_the_101(self) -> None:
        visitor = self.upgrade(AGREED + b"\r\n\x81\x02hi\x81\x03you")
        self.assertEqual(visitor.events[1:], [("frame", TEXT, b"hi"), ("frame", TEXT, b"you")])

    def test_byte_by_byte(self) -> None:
        visitor = self.upgrade(*(bytes([byte]) for byte in AGREED + b"\r\n\x81\x02hi"))
        self.assertEqual(visitor.statuses, [101])
        self.assertEqual(visitor.pieces, b"hi")

    def test_a_service_that_breaks_the_rules_each_time(self) -> None:
        """Some lines tell of it, and then one now and then; each WebSocket's end is told as ever."""
        log = LogLines(self)
        for _ in range(LINES.burst + 3):
            self.upgrade(AGREED + b"\r\n\x8f\x00")
        told = [line for line in log.lines if line.startswith("websocket violation: ")]
        self.assertEqual(len(told), LINES.burst)
        self.assertIn(" visitor=203.0.113.7 by=service from=service code=1002 ", told[0])
        self.stage.reactor.advance(1 / LINES.per_second)
        self.upgrade(AGREED + b"\r\n\x8f\x00")
        told = [line for line in log.lines if line.startswith("websocket violation: ")]
        self.assertTrue(told[LINES.burst].endswith(" suppressed=3"), told)

    def test_frames_and_end_after_it(self) -> None:
        """From here on the socket is the pipe's, in both directions and to the end."""
        visitor = self.upgrade(AGREED + b"\r\n")
        visitor.stream.send_frame(TEXT, b"hello")
        self.stage.talk()
        self.assertEqual(len(self.service.read()), 2 + 4 + 5)
        self.service.say(b"\x88\x02\x03\xe8")
        visitor.stream.send_frame(CLOSE_FRAME, close_payload(1000, ""))
        self.stage.talk()
        self.service.close()
        visitor.stream.end()
        self.stage.talk()
        self.assertEqual(visitor.events[1:], [("frame", CLOSE_FRAME, b"\x03\xe8"), ("end", [])])
        self.stage.check()

    def test_socket_that_drops(self) -> None:
        visitor = self.upgrade(AGREED + b"\r\n")
        self.service.reset()
        self.stage.talk()
        self.assertEqual(visitor.reset, "service-died")
        self.stage.check()

    def test_subprotocol_and_extension_that_were_offered(self) -> None:
        offer = WebSocketRequest(
            1,
            b"/",
            [
                *UPGRADE.headers,
                (b"Sec-WebSocket-Protocol", b"vite-hmr, vite-ping"),
                (b"Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits"),
            ],
        )
        choice = b"Sec-WebSocket-Protocol: vite-ping\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
        visitor = self.upgrade(AGREED + choice + b"\r\n\xc1\x03\x4a\x04\x00", opening=offer)
        self.assertEqual(visitor.statuses, [101])
        self.assertEqual(visitor.events[1:], [("frame", 0xC1, b"\x4a\x04\x00")])
        opened = self.stage.events[0]
        assert isinstance(opened, WebSocketOpened)
        self.assertEqual(opened.subprotocol, "vite-ping")

    def test_story_in_events_and_log(self) -> None:
        log = LogLines(self)
        visitor = self.upgrade(AGREED + b"\r\n\x81\x02hi")
        self.service.say(b"\x88\x05\x0b\xb8bye")
        visitor.stream.send_frame(CLOSE_FRAME, close_payload(3000, "bye"))
        self.stage.talk()
        self.stage.reactor.advance(2)
        self.service.close()
        number = visitor.stream.id
        self.assertEqual(self.stage.events[0], WebSocketOpened(number, "/chat", "203.0.113.7", None, "demo"))
        closed = self.stage.events[1]
        assert isinstance(closed, WebSocketClosed)
        self.assertEqual((closed.id, closed.by, closed.code, closed.reason), (number, "service", 3000, "bye"))
        self.assertEqual((closed.frames_in, closed.frames_out, closed.bytes_out), (1, 2, 7))
        self.assertIn(f"websocket opened: id={number} tunnel=demo path=/chat visitor=203.0.113.7", log.lines[0])
        self.assertIn("by=service code=3000 reason=bye", log.lines[-1])

    def test_it_is_never_pooled_and_never_taken_from_the_pool(self) -> None:
        self.stage.pooled()
        self.stage.ask(UPGRADE, end=False)
        self.assertEqual(len(self.stage.dials), 1)


class ForgedTests(HandshakeCase):
    """A 101 that does not answer this handshake is the service's mistake, and the visitor never sees it."""

    def assert_forged(self, answer: bytes, why: str) -> None:
        self.setUp()
        visitor = self.upgrade(answer)
        self.assertEqual(visitor.reset, "bad-service-response", answer)
        self.assertIn(why, visitor.why)
        self.assertTrue(self.service.transport.aborted)
        self.stage.check()

    def test_accept(self) -> None:
        self.assert_forged(SWITCH + b"\r\n", "proof")
        self.assert_forged(SWITCH + b"Sec-WebSocket-Accept: AAAA\r\n\r\n", "proof")
        self.assert_forged(AGREED + b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n", "proof")

    def test_upgrade_and_connection(self) -> None:
        accept = b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
        self.assert_forged(b"HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" + accept, "not WebSocket")
        self.assert_forged(b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\n" + accept, "changed the protocol")
        self.assert_forged(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\n" + accept, "changed the protocol")

    def test_subprotocol(self) -> None:
        self.assert_forged(AGREED + b"Sec-WebSocket-Protocol: chat\r\n\r\n", "subprotocol")

    def test_extension(self) -> None:
        self.assert_forged(AGREED + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "extension")

    def test_extension_that_cannot_be_carried(self) -> None:
        """Even if the server let the offer pass."""
        offer = WebSocketRequest(1, b"/", [*UPGRADE.headers, (b"Sec-WebSocket-Extensions", b"x-framing")])
        visitor = self.upgrade(AGREED + b"Sec-WebSocket-Extensions: x-framing\r\n\r\n", opening=offer)
        self.assertEqual(visitor.reset, "bad-service-response")


class RefusedTests(HandshakeCase):
    def test_goes_whole(self) -> None:
        log = LogLines(self)
        refusal = b"HTTP/1.1 403 Forbidden\r\nX-Why: a\r\nContent-Length: 6\r\n\r\ngo awa"
        visitor = self.upgrade(refusal)
        visitor.stream.end()
        self.stage.talk()
        headers = [(b"X-Why", b"a"), (b"Content-Length", b"6")]
        self.assertEqual(visitor.heads, [ResponseHead(403, b"Forbidden", headers)])
        self.assertEqual((visitor.data, visitor.ended), (b"go awa", True))
        self.assertFalse(self.service.open)
        (refused,) = self.stage.events
        assert isinstance(refused, WebSocketRefused) and refused.cause is not None
        self.assertEqual(replace(refused, cause=None), WebSocketRefused(visitor.stream.id, "/chat", 403, None, "demo"))
        self.assertEqual((refused.cause.who, refused.cause.what), ("service", "upgrade-refused"))
        self.assertIn("Origin", refused.cause.remedy)
        self.assertIn("path=/chat visitor=203.0.113.7 status=403", log.lines[-2])
        self.assertIn("who=service what=upgrade-refused", log.lines[-1])
        self.stage.check()

    def test_any_status_and_a_body_that_ends_with_the_connection(self) -> None:
        visitor = self.upgrade(b"HTTP/1.1 200 OK\r\n\r\nnot a WebSocket")
        self.service.close()
        visitor.stream.end()
        self.stage.talk()
        self.assertEqual((visitor.statuses, visitor.data, visitor.ended), ([200], b"not a WebSocket", True))
        self.stage.check()

    def test_426_says_what_it_wants(self) -> None:
        """RFC 9110, section 15.5.22."""
        visitor = self.upgrade(b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n")
        self.assertIn((b"Upgrade", b"websocket"), visitor.heads[0].headers)

    def test_a_refusal_that_is_cut_short_is_broken(self) -> None:
        visitor = self.upgrade(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n")
        self.service.close()
        self.stage.talk()
        self.assertEqual((visitor.reset, visitor.ended), ("service-died", False))
        self.stage.check()

    def test_a_refusal_may_take_long(self) -> None:
        visitor = self.upgrade(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        self.stage.reactor.advance(100)
        self.stage.talk()
        self.assertIsNone(visitor.reset)


class FailureTests(HandshakeCase):
    def test_not_reached(self) -> None:
        visitor = self.stage.ask(UPGRADE, end=False)
        self.stage.refuse()
        self.assertEqual(visitor.reset, "service-refused")
        [event] = self.stage.events
        assert isinstance(event, WebSocketRefused)
        self.assertEqual((event.id, event.target, event.status), (visitor.stream.id, "/chat", 502))
        self.assertIn("refused", event.error or "")
        self.stage.check()

    def test_an_answer_may_take_as_long_as_the_server_lets_it(self) -> None:
        visitor = self.upgrade(b"HTTP/1.1 101 Swi")
        self.stage.reactor.advance(10)
        waiting = RequestWaiting(visitor.stream.id, "GET", "/chat", "203.0.113.7", 10.0, "demo")
        self.assertEqual(self.stage.events, [waiting])
        self.stage.reactor.advance(10_000)
        self.assertEqual((visitor.reset, len(self.stage.events)), (None, 1))
        visitor.stream.reset(UPGRADE_TIMEOUT, "why")
        self.stage.talk()
        self.assertTrue(self.service.transport.aborted)
        self.stage.check()

    def test_dies_before_its_answer(self) -> None:
        visitor = self.upgrade()
        self.service.close()
        self.stage.talk()
        self.assertEqual(visitor.reset, "service-died")
        self.assertEqual(self.stage.dials, [])
        self.stage.check()

    def test_visitor_leaves(self) -> None:
        visitor = self.upgrade()
        visitor.stream.reset(VISITOR_GONE)
        self.stage.talk()
        self.assertTrue(self.service.transport.aborted)
        self.assertEqual(self.stage.events, [])
        self.stage.check()

    def test_frames_before_it_is_open_break_the_protocol(self) -> None:
        visitor = self.upgrade()
        visitor.stream.send_frame(TEXT, b"early")
        self.assertRaises(ProtocolError, self.stage.talk)

    def test_an_end_before_it_is_open_breaks_the_protocol(self) -> None:
        visitor = self.upgrade()
        visitor.stream.end()
        self.assertRaises(ProtocolError, self.stage.talk)

    def test_a_body_that_is_empty(self) -> None:
        """Java's HttpClient says so in its handshakes."""
        self.stage.ask(WebSocketRequest(1, b"/", [*UPGRADE.headers, (b"Content-Length", b"0")]), end=False)
        self.assertIn(b"\r\nContent-Length: 0\r\n", self.stage.accept().read())

    def test_nothing_is_dialled_for_what_is_no_handshake(self) -> None:
        key, version = UPGRADE.headers[1:]
        for headers in (
            [HOST, version],
            [key, version],
            [*UPGRADE.headers, (b"hOST", b"evil")],
            [HOST, key, key, version],
            [*UPGRADE.headers, (b"Content-Length", b"5")],
            [*UPGRADE.headers, (b"Content-Length", b"0"), (b"content-length", b"0")],
            [*UPGRADE.headers, (b"Content-Length", b"0, 0")],
            [*UPGRADE.headers, (b"Content-Length", b"")],
            [*UPGRADE.headers, (b"Transfer-Encoding", b"chunked")],
            [*UPGRADE.headers, (b"A", b"b\r\nc: d")],
        ):
            visitor = self.stage.ask(WebSocketRequest(1, b"/", headers), end=False)
            self.assertEqual(visitor.reset, "bad-request")
            self.assertEqual(self.stage.dials, [])
        self.stage.check()
