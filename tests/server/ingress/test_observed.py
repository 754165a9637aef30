"""What an observer is told of the exchanges of a tunnel: everything that passes, once, in order."""

from sellia.protocol.messages import Headers, HttpRequest, Opening, ResponseHead, WebSocketRequest
from sellia.relay.mux.observer import EndedBy, StreamObserver
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.why.cause import Cause
from tests.server.support import ACCEPT, GET, UPGRADE, ServerCase, Service, Visitor, chunked, get, post


class Recorder:
    """An observer that writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []
        self.causes: dict[int, Cause] = {}

    def request(self, stream_id: int, opening: Opening) -> None:
        assert isinstance(opening, HttpRequest | WebSocketRequest)
        self.events.append(("request", stream_id, opening.target))

    def response(self, stream_id: int, head: ResponseHead) -> None:
        assert not head.body, "it is told as a body"
        self.events.append(("response", stream_id, head.status))

    def body(self, stream_id: int, from_visitor: bool, data: bytes) -> None:
        self.events.append(("body", stream_id, from_visitor, data))

    def trailers(self, stream_id: int, from_visitor: bool, headers: Headers) -> None:
        self.events.append(("trailers", stream_id, from_visitor, headers))

    def rewritten(self, stream_id: int, target: bytes, headers: Headers) -> None:
        raise AssertionError("a server changes nothing that it has told of")

    def sent(self, stream_id: int) -> None:
        raise AssertionError("a server sends nothing to a service")

    def frame(self, stream_id: int, from_visitor: bool, first: int, payload: bytes) -> None:
        self.events.append(("frame", stream_id, from_visitor, first, payload))

    def frame_begun(self, stream_id: int, from_visitor: bool, first: int, length: int) -> None:
        self.events.append(("begun", stream_id, from_visitor, first, length))

    def frame_continued(self, stream_id: int, from_visitor: bool, payload: bytes) -> None:
        self.events.append(("continued", stream_id, from_visitor, payload))

    def explained(self, stream_id: int, cause: Cause) -> None:
        self.causes[stream_id] = cause

    def ended(self, stream_id: int, by: EndedBy, code: int | str | None, reason: str) -> None:
        self.events.append(("ended", stream_id, by, code))


class ObservedTests(ServerCase):
    def setUp(self) -> None:
        super().setUp()
        self.recorder = Recorder()
        self.labels: list[str] = []
        self.stage.ingress.observe = self.observe

    def observe(self, tunnel: Tunnel[Upstream]) -> StreamObserver | None:
        self.labels.append(tunnel.label)
        return self.recorder if tunnel.label == "demo" else None

    def ask(self, request: bytes = GET) -> tuple[Visitor, Service, int]:
        visitor, service = self.stage.ask(request)
        return visitor, service, service.stream.id

    def assert_told(self, *expected: tuple[object, ...]) -> None:
        self.stage.talk()
        self.assertEqual(self.recorder.events, list(expected))
        self.recorder.events.clear()

    def test_a_request_and_its_response(self) -> None:
        visitor, service, number = self.ask(chunked(b"one"))
        visitor.send(b"3\r\ntwo\r\n0\r\n\r\n")
        service.head(103)
        service.head(200)
        service.say(b"three")
        service.say(b"four", end=True)
        self.assert_told(
            ("request", number, b"/in"),
            ("body", number, True, b"one"),
            ("body", number, True, b"two"),
            ("response", number, 103),
            ("response", number, 200),
            ("body", number, False, b"three"),
            ("body", number, False, b"four"),
            ("ended", number, "service", None),
        )
        visitor.leave()
        self.assert_told()

    def test_trailers(self) -> None:
        visitor, service, number = self.ask(chunked(b"one"))
        visitor.send(b"0\r\nX-Sum: 1\r\n\r\n")
        service.head(200)
        service.say(b"two")
        service.stream.end([(b"X-Sum", b"2")])
        self.assert_told(
            ("request", number, b"/in"),
            ("body", number, True, b"one"),
            ("trailers", number, True, [(b"X-Sum", b"1")]),
            ("response", number, 200),
            ("body", number, False, b"two"),
            ("trailers", number, False, [(b"X-Sum", b"2")]),
            ("ended", number, "service", None),
        )

    def test_a_length_that_is_complete_before_the_stream_is(self) -> None:
        visitor, service, number = self.ask()
        service.head(200, (b"Content-Length", b"2"))
        service.say(b"ab")
        self.assert_told(
            ("request", number, b"/"),
            ("response", number, 200),
            ("body", number, False, b"ab"),
            ("ended", number, "service", None),
        )
        service.say(end=True)
        visitor.leave()
        self.assert_told()

    def test_a_body_that_comes_with_the_head_is_told_once(self) -> None:
        _, service, number = self.ask()
        service.stream.send_head(ResponseHead(200, b"OK", [(b"Content-Length", b"2")], body=b"ab"), end=True)
        self.assert_told(
            ("request", number, b"/"),
            ("response", number, 200),
            ("body", number, False, b"ab"),
            ("ended", number, "service", None),
        )

    def test_responses_without_a_body(self) -> None:
        for request, status in ((get(method=b"HEAD"), 200), (GET, 204)):
            _, service, number = self.ask(request)
            service.head(status)
            service.say(end=True)
            self.assert_told(
                ("request", number, b"/"), ("response", number, status), ("ended", number, "service", None)
            )

    def test_who_ended_it(self) -> None:
        visitor, _, number = self.ask()
        visitor.leave()
        self.assert_told(("request", number, b"/"), ("ended", number, "visitor", "visitor-gone"))
        _, service, number = self.ask()
        service.fail("service-died")
        self.assert_told(("request", number, b"/"), ("ended", number, "service", "service-died"))
        _, service, number = self.ask()
        service.head(200, (b"Content-Length", b"5"))
        service.say(b"ab", end=True)
        self.assertEqual(self.recorder.events[-1], ("ended", number, "service", "bad-service-response"))
        self.recorder.events.clear()
        _, service, number = self.ask(post(b"a", length=5))
        service.fail("overloaded")
        self.assert_told(
            ("request", number, b"/in"), ("body", number, True, b"a"), ("ended", number, "sellia", "overloaded")
        )
        _, service, number = self.ask()
        self.stage.wait(self.stage.settings.request_timeout)
        self.assert_told(("request", number, b"/"), ("ended", number, "sellia", "response-timeout"))

    def test_a_websocket(self) -> None:
        visitor, service, number = self.ask(UPGRADE)
        service.switch()
        visitor.send(b"\x81\x82\0\0\0\0hi")
        service.stream.send_frame(0x82, b"ho")
        self.stage.talk()
        self.assert_told(
            ("request", number, b"/chat"),
            ("response", number, 101),
            ("frame", number, True, 0x81, b"hi"),
            ("frame", number, False, 0x82, b"ho"),
        )
        visitor.leave()
        self.assertEqual([each[:3] for each in self.recorder.events], [("ended", number, "visitor")])

    def test_a_handshake_that_is_refused(self) -> None:
        _, service, number = self.ask(UPGRADE)
        service.answer(b"no", status=403)
        self.assert_told(
            ("request", number, b"/chat"),
            ("response", number, 403),
            ("body", number, False, b"no"),
            ("ended", number, "service", None),
        )
        _, service, number = self.ask(UPGRADE)
        service.head(101, (b"Sec-WebSocket-Accept", ACCEPT[::-1]))
        self.assert_told(("request", number, b"/chat"), ("ended", number, "service", "bad-service-response"))

    def test_a_tunnel_that_nobody_observes(self) -> None:
        self.stage.open_tunnel("other")
        _, service = self.stage.ask(get(host=b"other.localhost"))
        service.answer(b"hello")
        self.assertEqual((self.labels, self.recorder.events), (["other"], []))
