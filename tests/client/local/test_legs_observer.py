"""What an observer at the client is told of requests, handshakes and TCP connections: each event once, in order."""

from typing import Any

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import CLIENT_GONE, VISITOR_GONE
from sellia.protocol.messages import HttpRequest, TcpConnection
from tests.client.stage import ACCEPT, CHUNKED, GET, HELLO, HOST, POST, UPGRADE, Service, Stage, Visitor
from tests.observers import RecordingObserver

TCP = TcpConnection(1, "203.0.113.7")
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    + ACCEPT
    + b"\r\n\r\n"
)


class ObserverCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage()
        self.observer = self.stage.observer = RecordingObserver()
        self.seen = 0

    def tearDown(self) -> None:
        self.observer.check()

    def told(self) -> list[Any]:
        """What was told since the last time, without the streams' numbers; heads by their status."""
        event: Any
        told = []
        for event in self.observer.events[self.seen :]:
            told.append((event[0], event[2].status) if event[0] == "response" else (event[0], *event[2:]))
        self.seen = len(self.observer.events)
        return told


class RequestTests(ObserverCase):
    def test_a_short_response(self) -> None:
        """Its body came with the head, and is told as a body."""
        self.stage.ask()
        self.stage.accept().say(HELLO)
        events: list[Any] = list(self.observer.events)
        self.assertEqual(events[2][2].body, b"")
        self.assertEqual(
            self.told(),
            [("request", GET), ("sent",), ("response", 200), ("body", False, b"hello"), ("ended", "service", None, "")],
        )

    def test_bodies_both_ways(self) -> None:
        """Without the framing of chunks, and before the connection is there as well."""
        visitor = self.stage.ask(CHUNKED, end=False)
        visitor.stream.send_data(b"one")
        self.stage.talk()
        service = self.stage.accept()
        visitor.stream.send_data(b"two", end=True)
        self.stage.talk()
        service.say(b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        service.say(b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\nX: y\r\n\r\n")
        self.stage.talk()
        self.assertEqual(
            self.told(),
            [
                ("request", CHUNKED),
                ("body", True, b"one"),
                ("sent",),
                ("body", True, b"two"),
                ("response", 103),
                ("response", 200),
                ("body", False, b"abc"),
                ("body", False, b"de"),
                ("trailers", False, [(b"X", b"y")]),
                ("ended", "service", None, ""),
            ],
        )

    def test_an_early_response(self) -> None:
        """The exchange is over when its request is, too."""
        visitor = self.stage.ask(POST, end=False)
        self.stage.accept().say(HELLO)
        self.stage.talk()
        self.assertEqual([event[0] for event in self.told()], ["request", "sent", "response", "body"])
        visitor.stream.send_data(b"12345", end=True)
        self.stage.talk()
        self.assertEqual(self.told(), [("body", True, b"12345"), ("ended", "service", None, "")])

    def test_a_repeated_request_is_told_once(self) -> None:
        first = self.stage.pooled()
        self.told()
        self.stage.ask()
        first.close()
        self.stage.accept().say(HELLO)
        self.assertEqual([event[0] for event in self.told()], ["request", "sent", "sent", "response", "body", "ended"])

    def test_trailers_of_a_request(self) -> None:
        visitor = self.stage.ask(CHUNKED, end=False)
        self.stage.accept()
        visitor.stream.send_data(b"one")
        visitor.stream.end([(b"X-Sum", b"1")])
        self.stage.talk()
        self.assertEqual(
            self.told(),
            [("request", CHUNKED), ("sent",), ("body", True, b"one"), ("trailers", True, [(b"X-Sum", b"1")])],
        )
        visitor.stream.reset(VISITOR_GONE)
        self.stage.talk()

    def test_what_the_service_is_asked_instead(self) -> None:
        """The target of a route, and what else the client changes; nothing where it changes nothing."""
        moved = HttpRequest(1, b"MOVE", b"/a", [HOST, (b"Destination", b"https://demo.localhost/b")])
        self.stage.ask(moved)
        self.stage.accept().say(HELLO)
        sent = [HOST, (b"Destination", b"http://demo.localhost/b")]
        self.assertEqual(self.told()[:3], [("request", moved), ("rewritten", b"/a", sent), ("sent",)])

    def test_failures(self) -> None:
        self.stage.ask()
        self.stage.refuse()
        self.stage.ask()
        self.stage.accept().say(b"nonsense\r\n\r\n")
        self.stage.ask()
        self.stage.accept().close()
        ends = [each[2:4] for each in self.observer.events if each[0] == "ended"]
        self.assertEqual(
            ends,
            [("service", "service-refused"), ("service", "bad-service-response"), ("service", "service-died")],
        )

    def test_resets(self) -> None:
        """By the visitor, by the server for what the service said, and by the session's end."""
        self.stage.ask().stream.reset(VISITOR_GONE, "gone")
        self.stage.talk()
        self.assertEqual(self.told()[-1], ("ended", "visitor", "visitor-gone", "gone"))
        self.stage.ask()
        self.stage.pair.client.session.close(CLIENT_GONE, "the client was stopped")
        self.assertEqual(self.told()[-1], ("ended", "sellia", "client-gone", "the client was stopped"))

    def test_what_is_no_request(self) -> None:
        """A request that does not go to the service is not told, nor is its end."""
        for opening in (HttpRequest(1, b"GET", b"/", []), structs.replace(UPGRADE, headers=[HOST, HOST])):
            self.stage.ask(opening, end=isinstance(opening, HttpRequest))
        self.assertEqual(self.observer.events, [])


class UpgradeTests(ObserverCase):
    def agree(self) -> tuple[Visitor, Service]:
        visitor = self.stage.ask(UPGRADE, end=False)
        service = self.stage.accept()
        service.say(SWITCHED)
        self.stage.talk()
        return visitor, service

    def test_agreed(self) -> None:
        """Frames and the end are told by the WebSocket."""
        visitor, service = self.agree()
        service.say(b"\x81\x02hi")
        visitor.stream.send_frame(0x82, b"yes")
        self.stage.talk()
        self.assertEqual(
            self.told(),
            [
                ("request", UPGRADE),
                ("sent",),
                ("response", 101),
                ("frame", False, 0x81, b"hi"),
                ("frame", True, 0x82, b"yes"),
            ],
        )
        visitor.stream.reset(VISITOR_GONE)
        self.stage.talk()
        service.close()
        self.assertEqual([event[:2] for event in self.told()], [("ended", "visitor")])

    def test_refused(self) -> None:
        self.stage.ask(UPGRADE, end=False)
        self.stage.accept().say(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        self.assertEqual(
            self.told(),
            [
                ("request", UPGRADE),
                ("sent",),
                ("response", 403),
                ("body", False, b"no"),
                ("ended", "service", None, ""),
            ],
        )

    def test_failed(self) -> None:
        self.stage.ask(UPGRADE, end=False)
        self.stage.accept().say(SWITCHED.replace(ACCEPT, b"wrong"))
        self.assertEqual([event[:3] for event in self.told()][-1], ("ended", "service", "bad-service-response"))


class TcpTests(ObserverCase):
    def test_bytes_both_ways(self) -> None:
        """Ended by whoever ended its direction first."""
        visitor = self.stage.ask(TCP, end=False)
        visitor.stream.send_data(b"ping", end=True)
        self.stage.talk()
        service = self.stage.accept()
        service.say(b"pong")
        service.close()
        self.assertEqual(
            self.told(),
            [
                ("request", TCP),
                ("sent",),
                ("body", True, b"ping"),
                ("body", False, b"pong"),
                ("ended", "visitor", None, ""),
            ],
        )

    def test_resets(self) -> None:
        self.stage.ask(TCP, end=False).stream.reset(VISITOR_GONE)
        self.stage.talk()
        self.assertEqual(self.told()[-1][:3], ("ended", "visitor", "visitor-gone"))
        self.stage.dials.clear()
        self.stage.ask(TCP, end=False)
        self.stage.refuse()
        self.assertEqual(self.told()[-1][:3], ("ended", "service", "service-refused"))
