"""WebSocket handshakes: nothing is a WebSocket before the service's genuine 101, and nothing else is let through."""

from sellia.errors import ProtocolError
from sellia.protocol.messages import HttpRequest, ResponseHead, WebSocketRequest
from tests.server.support import ACCEPT, GET, KEY, SWITCHING, UPGRADE, ServerCase, answers, get

#: A masked text frame, "hi", with a mask of zeros; and the same from the other side.
HI = b"\x81\x82\x00\x00\x00\x00hi"
HI_BACK = b"\x81\x02hi"
AGREED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
)


def handshake(*fields: bytes) -> bytes:
    return UPGRADE[:-2] + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


class OpeningTests(ServerCase):
    """From handshake to frames."""

    def test_the_service_sees_all_of_it(self) -> None:
        fields = (b"Cookie: c=d", b"Origin: https://a.example", b"Sec-WebSocket-Protocol: a, b", b"Authorization: x")
        visitor, service = self.stage.ask(handshake(*fields).replace(b"/chat", b"/chat?token=%20"))
        self.assertIsInstance(service.opening, WebSocketRequest)
        self.assertEqual(service.target, b"/chat?token=%20")
        for field in (*fields, b"Host: demo.localhost", b"Sec-WebSocket-Key: " + KEY, b"Sec-WebSocket-Version: 13"):
            name, _, value = field.partition(b": ")
            self.assertEqual(service.value(name), value)
        self.assertEqual((service.value(b"Upgrade"), service.value(b"Connection")), (None, None))
        self.assertFalse(service.no_body)

    def test_nothing_before_the_101(self) -> None:
        """Frames that come early wait; they go on behind the 101, in order."""
        for pieces in ([UPGRADE + HI, HI[:3], HI[3:]], [UPGRADE, HI + HI]):
            visitor = self.stage.visitor(*pieces)
            service = self.stage.asked[-1]
            self.assertEqual(service.events, [])
            self.assertEqual(visitor.read(), b"")
            service.switch()
            self.assertEqual(visitor.read(), AGREED)
            self.assertEqual(service.frames, [(0x81, b"hi"), (0x81, b"hi")])

    def test_the_services_first_frames(self) -> None:
        visitor, service = self.stage.ask(UPGRADE)
        service.stream.send_head(SWITCHING)
        service.stream.send_frame(0x81, b"hi")
        self.stage.talk()
        self.assertEqual(visitor.read(), AGREED + HI_BACK)

    def test_the_services_headers(self) -> None:
        visitor, service = self.stage.ask(handshake(b"Sec-WebSocket-Protocol: chat"))
        service.switch((b"Set-Cookie", b"a"), (b"set-cookie", b"b"), (b"Sec-WebSocket-Protocol", b"chat"))
        expected = b"Set-Cookie: a\r\nset-cookie: b\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
        self.assertEqual(visitor.read(), AGREED[:-2] + expected)

    def test_early_frames_have_a_bound(self) -> None:
        visitor = self.stage.visitor(UPGRADE)
        while visitor.reading:
            visitor.send(HI * 100)
        service = self.stage.asked[-1]
        self.assertEqual(service.events, [])
        service.switch()
        self.assertTrue(visitor.reading)
        self.assertLess(len(service.frames), 20_000)
        self.assertEqual(set(service.frames), {(0x81, b"hi")})

    def test_behind_other_requests(self) -> None:
        visitor = self.stage.visitor(GET + UPGRADE + HI)
        self.assertEqual(len(self.stage.asked), 1)
        self.stage.asked[0].answer()
        self.stage.asked[1].switch()
        self.assertTrue(visitor.read().endswith(AGREED))
        self.assertEqual(self.stage.asked[1].frames, [(0x81, b"hi")])

    def test_on_a_connection_whose_last_answer_is_not_taken_yet(self) -> None:
        """What the visitor still has to read belongs to nobody's account then."""
        visitor, service = self.stage.ask()
        visitor.full()
        service.answer(b"x" * 100_000)
        visitor.send(UPGRADE)
        self.stage.asked[-1].switch()
        self.assertLess(self.stage.pair.server.session.table.held, 1000)
        visitor.drained()
        self.assertEqual(self.stage.pair.server.session.table.held, 0)
        self.stage.asked[-1].stream.send_frame(0x81, b"hi")
        self.stage.talk()
        self.assertTrue(visitor.read().endswith(AGREED + HI_BACK))

    def test_the_connection_is_not_watched_any_more(self) -> None:
        visitor, service = self.stage.ask(UPGRADE)
        service.switch()
        self.stage.wait(1000)
        visitor.send(HI)
        self.assertEqual((service.frames, visitor.end), ([(0x81, b"hi")], "open"))

    def test_compression_passes_where_it_was_agreed(self) -> None:
        offer = handshake(b"Sec-WebSocket-Extensions: permessage-deflate, mux")
        compressed = b"\xc1" + HI[1:]
        visitor, service = self.stage.ask(offer)
        self.assertEqual(service.value(b"Sec-WebSocket-Extensions"), b"permessage-deflate")
        service.switch((b"Sec-WebSocket-Extensions", b"permessage-deflate"))
        visitor.send(compressed)
        self.assertEqual(service.frames, [(0xC1, b"hi")])
        visitor, service = self.stage.ask(offer)
        service.switch()
        visitor.send(compressed)
        self.assertEqual(service.frames[0][0], 0x88, "it is a violation where it was not")

    def test_the_log(self) -> None:
        lines = self.logged()
        visitor, service = self.stage.ask(UPGRADE.replace(b"/chat", b"/chat?%1b"))
        service.switch()
        visitor.leave()
        opened, closed = (line for line in lines if line.startswith("websocket "))
        self.assertTrue(opened.startswith("websocket opened: id=2 tunnel=demo path=/chat?… visitor=203.0.113.7"))
        self.assertTrue(closed.startswith("websocket closed: id=2 tunnel=demo path=/chat?… by=visitor code=-"))


class RefusalTests(ServerCase):
    """The service, or whoever speaks for it, does not agree."""

    def test_the_services_answer_goes_whole(self) -> None:
        """Whatever was sent behind the handshake, of frames or requests, is never read as a request."""
        for status in (200, 401, 403, 404, 426, 500):
            lines = self.logged()
            visitor = self.stage.visitor(UPGRADE + GET)
            service = self.stage.asked[-1]
            asked = len(self.stage.asked)
            service.answer(b"no", (b"Upgrade", b"websocket"), (b"X-Why", b"not"), status=status)
            upgrade = b"Upgrade: websocket\r\n" if status == 426 else b""
            self.assertEqual(
                visitor.read(),
                b"HTTP/1.1 %d OK\r\nContent-Length: 2\r\n%bX-Why: not\r\nConnection: close\r\n\r\nno"
                % (status, upgrade),
            )
            self.assertEqual(visitor.end, "half")
            visitor.send(GET * 3)
            self.assertEqual(len(self.stage.asked), asked)
            self.assertTrue(service.ended, "the stream is over on both sides")
            self.assertEqual(self.stage.pair.server.session.streams, {})
            [line] = [line for line in lines if line.startswith("websocket refused:")]
            self.assertIn(f"tunnel=demo path=/chat visitor=203.0.113.7 status={status}", line)

    def test_interim_answers(self) -> None:
        visitor, service = self.stage.ask(UPGRADE)
        service.head(103, reason=b"Early Hints")
        service.switch()
        self.assertEqual(visitor.read(), b"HTTP/1.1 103 Early Hints\r\n\r\n" + AGREED)

    def forged(self, head: ResponseHead, request: bytes = UPGRADE) -> None:
        visitor, service = self.stage.ask(request)
        visitor.send(HI)
        service.stream.send_head(head)
        self.stage.talk()
        self.assert_answers(visitor, (502, "bad-service-response"))
        self.assertEqual(service.reset, "bad-service-response")
        self.assertEqual((service.frames, visitor.end), ([], "half"))

    def test_forged_101(self) -> None:
        accept = (b"Sec-WebSocket-Accept", ACCEPT)
        for fields in (
            [],
            [(b"Sec-WebSocket-Accept", b"forged")],
            [accept, accept],
            [accept, (b"Sec-WebSocket-Protocol", b"chat")],
            [accept, (b"Sec-WebSocket-Extensions", b"permessage-deflate")],
            [accept, (b"Sec-WebSocket-Protocol", b"a\r\nSet-Cookie: b")],
            [accept, (b"A", b"b\r\n\r\n\x81\x02hi")],
        ):
            self.forged(ResponseHead(101, b"Switching Protocols", fields))
        self.forged(ResponseHead(101, b"OK\r\nA: b", [accept]))

    def test_a_handshake_without_a_key(self) -> None:
        """The service decides on it, but no 101 can answer it."""
        self.forged(SWITCHING, UPGRADE.replace(b"Sec-WebSocket-Key", b"X-Key"))

    def test_problems(self) -> None:
        for word, status in (("service-refused", 502), ("upgrade-timeout", 504), ("client-gone", 502)):
            visitor, service = self.stage.ask(UPGRADE)
            service.fail(word)
            self.assert_answers(visitor, (status, word))
            self.assertEqual(visitor.end, "half")

    def test_no_answer_in_time(self) -> None:
        visitor, service = self.stage.ask(UPGRADE)
        self.stage.wait(59)
        self.assertEqual(visitor.read(), b"")
        self.stage.wait(1)
        self.assert_answers(visitor, (504, "upgrade-timeout"))
        self.assertEqual(service.reset, "upgrade-timeout")

    def test_a_visitor_who_leaves(self) -> None:
        visitor, service = self.stage.ask(UPGRADE)
        visitor.leave()
        self.assertEqual(service.reset, "visitor-gone")

    def test_a_second_handshake(self) -> None:
        """Before the 101 it is what follows the first; behind it, it is no frame."""
        visitor, service = self.stage.ask(UPGRADE)
        visitor.send(UPGRADE)
        self.assertEqual((len(self.stage.asked), visitor.read()), (1, b""))
        service.switch()
        self.assertEqual(len(self.stage.asked), 1)
        first, payload = service.frames[0]
        assert isinstance(payload, bytes)
        self.assertEqual((first, payload[:2]), (0x88, (1002).to_bytes(2, "big")))

    def test_frames_from_a_service_that_has_not_agreed(self) -> None:
        """A client that sends them has broken the protocol."""
        visitor, service = self.stage.ask(UPGRADE)
        service.stream.send_frame(0x81, b"hi")
        self.assertRaises(ProtocolError, self.stage.talk)
        self.assertEqual(visitor.read(), b"")


class NoHandshakeTests(ServerCase):
    """What looks like an upgrade and is none: refused, or an ordinary request."""

    def test_refused(self) -> None:
        for request in (
            UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"),
            handshake(b"Content-Length: 2") + b"hi",
            handshake(b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ):
            visitor = self.stage.visitor(request)
            [answer] = answers(visitor.read())
            self.assertIn(answer, ((400, "bad-request"), (505, "http-version-not-supported")))
            self.assertEqual((visitor.end, self.stage.asked), ("half", []))

    def test_other_protocols(self) -> None:
        """An upgrade is an offer: a server that does not take it up answers the request."""
        for fields in ((b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAA"),):
            visitor, service = self.stage.ask(get(b"/", *fields))
            self.assertTrue(service.no_body)
            assert isinstance(service.opening, HttpRequest)
            self.assertEqual(service.opening.declined, b"h2c", "the client tells it")
            for name in (b"Upgrade", b"Connection", b"HTTP2-Settings"):
                self.assertIsNone(service.value(name))
            service.answer(b"x")
            visitor.send(GET)
            self.stage.asked[-1].answer()
            self.assert_answers(visitor, (200, None), (200, None))

    def test_at_the_base_domain(self) -> None:
        visitor = self.stage.visitor(UPGRADE.replace(b"demo.localhost", b"localhost"))
        self.assert_answers(visitor, (404, "no-such-tunnel"))
        self.assertEqual(self.stage.rooms.links, [])

    def test_the_gateways_path_belongs_to_the_service_on_its_own_name(self) -> None:
        visitor, service = self.stage.ask(UPGRADE.replace(b"/chat", b"/ws"))
        self.assertEqual(service.target, b"/ws")
        self.stage.visitor(UPGRADE.replace(b"/chat", b"/ws").replace(b"demo.localhost", b"localhost"))
        self.assertEqual(len(self.stage.rooms.links), 1)
