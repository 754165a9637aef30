"""Capture: what passes at a client's legs, put into the store with its times."""

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.capture import ENDED, INTERIM, MARKS, Capture
from sellia.inspector.exchange import Exchange
from sellia.inspector.model import LinkState
from sellia.inspector.store import MIB, Store
from sellia.inspector.timeline import Deflate
from sellia.problems import VISITOR_GONE
from sellia.protocol.messages import HttpRequest, ResponseHead, TcpConnection, UdpFlow, UpgradeRequest, WebSocketRequest
from sellia.relay.mux.observer import StreamObserver
from sellia.why.cause import Cause
from tests.client.stage import ACCEPT, CHUNKED, HELLO, UPGRADE, Stage

GET = HttpRequest(1, b"GET", b"/a?b=c", [(b"Host", b"demo.example.com")], "203.0.113.7", connection=3)
SOCKET = WebSocketRequest(1, b"/socket", [(b"Host", b"demo.example.com")], "203.0.113.7")


class CaptureCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.store = Store(4 * MIB)
        self.capture = Capture(
            self.store, self.clock.seconds, 1000.0, {1: "demo"}.__getitem__, lambda number: LinkState(0.05, 256)
        )
        self.session = self.capture.session()

    def tearDown(self) -> None:
        self.store.check_invariants()

    def only(self) -> Exchange:
        (exchange,) = self.store
        return exchange

    def socket(self, number: int = 1, *extensions: bytes) -> Exchange:
        """A WebSocket that is open."""
        self.session.request(number, SOCKET)
        headers = [(b"Sec-WebSocket-Extensions", value) for value in extensions]
        self.session.response(number, ResponseHead(101, b"", headers))
        exchange = self.session.exchange(number)
        assert exchange is not None
        return exchange


class RequestTests(CaptureCase):
    def test_is_an_observer(self) -> None:
        observer: StreamObserver = self.session
        self.assertIsNotNone(observer)

    def test_an_exchange_with_its_times(self) -> None:
        session = self.session
        session.request(1, GET)
        exchange = self.only()
        self.assertTrue(exchange.open)
        session.rewritten(1, b"/x/a", [(b"Host", b"localhost")])
        self.clock.advance(1)
        session.sent(1)
        session.body(1, True, b"in")
        self.clock.advance(1)
        session.response(1, ResponseHead(103, b"Early", [(b"Link", b"x")]))
        session.response(1, ResponseHead(200, b"OK", [(b"A", b"b")]))
        session.body(1, False, b"out")
        self.clock.advance(1)
        session.body(1, False, b"put")
        session.trailers(1, False, [(b"X", b"y")])
        session.trailers(1, True, [(b"X", b"z")])
        self.clock.advance(1)
        session.ended(1, "service", None, "")
        self.assertEqual(
            (exchange.kind, exchange.tunnel, exchange.visitor, exchange.method, exchange.target),
            ("http", "demo", "203.0.113.7", b"GET", b"/a?b=c"),
        )
        self.assertEqual((exchange.sent_target, exchange.sent_headers), (b"/x/a", [(b"Host", b"localhost")]))
        self.assertEqual((exchange.status, exchange.reason, exchange.interim[0].status), (200, b"OK", 103))
        self.assertEqual((bytes(exchange.request_body.data), bytes(exchange.response_body.data)), (b"in", b"output"))
        self.assertEqual((exchange.request_trailers, exchange.response_trailers), ([(b"X", b"z")], [(b"X", b"y")]))
        self.assertEqual(
            (exchange.started, exchange.sent, exchange.answered, exchange.response_body.last_at, exchange.ended),
            (1000.0, 1001.0, 1002.0, 1003.0, 1004.0),
        )
        self.assertEqual(exchange.link, LinkState(0.05, 256))
        assert exchange.end is not None
        self.assertEqual((exchange.end.by, exchange.open), ("service", False))

    def test_other_kinds(self) -> None:
        self.session.request(1, UpgradeRequest(1, b"POST", b"/", [], b"x"))
        self.session.request(2, TcpConnection(1, "203.0.113.7", 4711))
        self.session.request(3, UdpFlow(1, "203.0.113.7", 4712))
        self.session.body(2, True, b"\x00")
        self.session.frame(3, True, 0, b"datagram")
        self.assertEqual([each.kind for each in self.store], ["upgrade", "tcp", "udp"])
        self.assertEqual([each.visitor_port for each in self.store], [0, 4711, 4712])
        _, tcp, udp = self.store
        assert udp.timeline is not None
        self.assertEqual(bytes(tcp.request_body.data), b"\x00")
        self.assertEqual([m.payload for m in udp.timeline.messages()], [b"datagram"])

    def test_two_sessions_may_have_one_number(self) -> None:
        other = self.capture.session()
        self.session.request(1, GET)
        other.request(1, GET)
        other.ended(1, "visitor", None, "")
        self.assertEqual([each.open for each in self.store], [True, False])

    def test_a_cause_that_is_known_late(self) -> None:
        self.session.request(1, GET)
        self.session.ended(1, "service", None, "")
        cause = Cause("x-1", "link", "lost", "It was lost.")
        self.session.explained(1, cause)
        self.assertIs(self.only().cause, cause)

    def test_bounds(self) -> None:
        self.session.request(1, GET)
        for _ in range(INTERIM + 5):
            self.session.response(1, ResponseHead(103, b"", []))
        self.assertEqual(len(self.only().interim), INTERIM)
        for _ in range(MARKS + 5):
            self.capture.link_changed("lost")
            self.capture.link_changed("resumed")
        self.assertEqual((len(self.only().marks), len(self.capture.marks)), (MARKS, MARKS))
        for number in range(2, ENDED + 10):
            self.session.request(number, GET)
            self.session.ended(number, "service", None, "")
        self.assertIsNone(self.session.exchange(2))
        self.assertIsNotNone(self.session.exchange(ENDED))
        self.assertIsNotNone(self.session.exchange(1))

    def test_what_it_does_not_know(self) -> None:
        """Streams that began while it was paused."""
        self.capture.paused = True
        session = self.session
        session.request(1, GET)
        session.rewritten(1, b"/", [])
        session.sent(1)
        session.response(1, ResponseHead(200, b"", []))
        session.body(1, True, b"x")
        session.trailers(1, True, [(b"a", b"b")])
        session.frame(1, True, 0x81, b"")
        session.frame_begun(1, True, 0x81, 1)
        session.frame_continued(1, True, b"x")
        session.explained(1, Cause("x-1", "link", "lost", "It was lost."))
        session.ended(1, "service", None, "")
        self.assertEqual(len(self.store), 0)

    def test_what_the_inspector_does(self) -> None:
        self.session.expect(1, origin="inspector", replay_of="7", edited=True)
        self.session.request(1, GET)
        self.session.request(2, GET)
        first, second = self.store
        self.assertEqual((first.origin, first.replay_of, first.edited), ("inspector", "7", True))
        self.assertEqual((second.origin, second.replay_of, second.edited), ("visitor", None, False))

    def test_refused_by_the_server(self) -> None:
        self.capture.refused(
            tunnel="demo", status=429, word="too-many", message="Too many.", method="GET", target=b"/", websocket=True
        )
        exchange = self.only()
        assert exchange.end is not None
        self.assertEqual((exchange.kind, exchange.status, exchange.open), ("websocket", 429, False))
        self.assertEqual((exchange.end.by, exchange.end.code), ("sellia", "too-many"))


class SocketTests(CaptureCase):
    def test_frames(self) -> None:
        exchange = self.socket()
        self.session.frame(1, True, 0x81, b"hi")
        self.session.frame_begun(1, False, 0x82, 4)
        self.session.frame_continued(1, False, b"ab")
        self.clock.advance(1)
        self.session.frame_continued(1, False, b"cd")
        self.session.injected(1, True, 0x81, b"mine")
        line = exchange.timeline
        assert line is not None
        self.assertEqual(
            [(m.from_visitor, m.payload, m.at, m.injected) for m in line.messages()],
            [(True, b"hi", 1000.0, False), (False, b"abcd", 1000.0, False), (True, b"mine", 1001.0, True)],
        )
        self.session.frame_begun(1, False, 0x82, 4)
        self.session.frame_continued(1, False, b"ab")
        self.session.ended(1, "service", 1006, "lost")
        self.assertEqual(line.messages()[-1].payload, b"ab")

    def test_agreed_terms(self) -> None:
        self.assertIsNone(self.socket(1).timeline.deflate)  # type: ignore[union-attr]
        terms = b"permessage-deflate; client_no_context_takeover; server_max_window_bits=10"
        self.assertEqual(
            self.socket(2, terms).timeline.deflate,  # type: ignore[union-attr]
            Deflate(15, 10, False, True),
        )

    def test_the_link(self) -> None:
        exchange = self.socket()
        self.capture.link_changed("lost")
        self.clock.advance(1)
        self.capture.link_changed("lost")  # as is said again of each attempt that fails for another reason
        self.clock.advance(1)
        self.capture.link_changed("resumed")
        self.assertEqual([(m.at, m.what) for m in exchange.marks], [(1000.0, "lost"), (1002.0, "resumed")])

    def test_let_go_of_while_it_is_open(self) -> None:
        """Nothing is kept any more, and all of it is counted."""
        exchange = self.socket()
        for _ in range(10):
            self.session.frame(1, True, 0x81, b"hi")
        self.store._evict(exchange)
        before = self.store.lost.frames
        for _ in range(10):
            self.session.frame(1, True, 0x81, b"hi")
        self.session.frame_begun(1, True, 0x81, 2)
        self.session.frame_continued(1, True, b"hi")
        self.session.body(1, True, b"x")
        self.session.ended(1, "service", 1000, "")
        self.assertEqual((before, self.store.lost.frames), (10, 21))
        self.assertEqual(self.store.lost.octets, 43)

    def test_shown_and_counted_is_all_that_was_sent(self) -> None:
        """A thousand sockets and a flood on some: each frame is kept, in a gap, or lost with its exchange."""
        sent = 0
        for number in range(1000):
            self.socket(number)
        for turn in range(200):
            for number in range(0, 1000, 50):
                for _ in range(3):
                    self.session.frame(number, turn % 2 > 0, 0x82, b"x" * (turn * 7 % 400))
                    sent += 1
        counted = self.store.lost.frames
        for exchange in self.store:
            line = exchange.timeline
            assert line is not None
            counted += sum(1 for _ in line.frames()) + (line.gap.frames if line.gap is not None else 0)
        self.assertEqual(counted, sent)
        self.assertGreater(self.store.lost.frames, 0)


class LegTests(SynchronousTestCase):
    """Over the real legs of a client."""

    def setUp(self) -> None:
        self.stage = Stage()
        self.store = Store()
        self.capture = Capture(self.store, self.stage.reactor.seconds)
        self.stage.observer = self.capture.session()

    def only(self) -> Any:
        (exchange,) = self.store
        return exchange

    def test_request(self) -> None:
        visitor = self.stage.ask(CHUNKED, end=False)
        visitor.stream.send_data(b"one")
        self.stage.talk()
        service = self.stage.accept()
        visitor.stream.send_data(b"two", end=True)
        self.stage.talk()
        service.say(HELLO)
        exchange = self.only()
        self.assertEqual(bytes(exchange.request_body.data), b"onetwo")
        self.assertEqual(bytes(exchange.response_body.data), b"hello")
        self.assertEqual((exchange.status, exchange.end.by), (200, "service"))
        self.assertIsNotNone(exchange.sent)

    def test_websocket(self) -> None:
        visitor = self.stage.ask(UPGRADE, end=False)
        service = self.stage.accept()
        service.say(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % ACCEPT
        )
        self.stage.talk()
        service.say(b"\x81\x02hi")
        visitor.stream.send_frame(0x82, b"yes")
        self.stage.talk()
        exchange = self.only()
        self.assertEqual([m.payload for m in exchange.timeline.messages()], [b"hi", b"yes"])
        visitor.stream.reset(VISITOR_GONE)
        self.stage.talk()
        service.close()
        self.assertEqual((exchange.end.by, exchange.open), ("visitor", False))
