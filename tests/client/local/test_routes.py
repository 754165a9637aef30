"""Where the streams of a tunnel go."""

from typing import Any

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.local.routes import Routes, routes_of
from sellia.client.local.service import LocalService
from sellia.client.settings import RouteSettings
from sellia.protocol.messages import TunnelKind
from sellia.relay.http.changes import changes_of
from sellia.relay.http.rewriting import PUBLIC_RULES, HeaderRules, HeaderSet
from sellia.targets import parse_target
from tests.client.stage import ACCEPT, GET, HELLO, POST, UPGRADE, Service, Stage, Visitor


class RoutedStage(Stage):
    """A tunnel with a service for each prefix, the first on port 1, and so on."""

    def __init__(self, *prefixes: str, strip: bool = False, rules: HeaderRules = PUBLIC_RULES) -> None:
        super().__init__()
        routes = [
            RouteSettings(prefix, parse_target(f"127.0.0.1:{port}"), strip, rules)
            for port, prefix in enumerate(prefixes, 1)
        ]
        self.routes = routes_of(self.reactor, routes)
        self.service = next(iter(self.routes))

    def _opened(self, stream: Any, opening: Any, end: bool) -> Any:
        self.client_streams[stream.id] = stream
        return self.routes.open_leg(TunnelKind.HTTP, stream, opening, end, self.events.append, self.observer)

    def visit(self, target: bytes, opening: Any = GET, **more: Any) -> Visitor:
        return self.ask(structs.replace(opening, target=target), **more)

    def stop(self) -> None:
        for service in self.routes:
            service.stop()


class RoutesTests(SynchronousTestCase):
    def test_one_service_has_everything(self) -> None:
        service = Stage().service
        self.assertEqual(list(Routes([("/", False, service)])), [service])
        stage = RoutedStage("/")
        stage.visit(b"/api/../x")
        self.assertIn(b"GET /api/../x HTTP/1.1", stage.accept().read())
        stage.stop()

    def test_by_path(self) -> None:
        stage = RoutedStage("/", "/api")
        for target, port in ((b"/", 1), (b"/api/users", 2), (b"/apis", 1), (b"/%61pi/", 2)):
            stage.visit(target)
            self.assertEqual(stage.dials[0][1], port, target)
            service = stage.accept()
            service.say(HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            service.close()
        stage.stop()

    def test_websockets_too(self) -> None:
        stage = RoutedStage("/", "/ws", strip=True)
        stage.visit(b"/ws/chat?a", UPGRADE, end=False)
        self.assertEqual(stage.dials[0][1], 2)
        self.assertTrue(stage.accept().read().startswith(b"GET /chat?a HTTP/1.1\r\n"))
        stage.stop()

    def test_people_are_told_what_the_visitor_asked_for(self) -> None:
        stage = RoutedStage("/api", strip=True)
        stage.visit(b"/api/x")
        service = stage.accept()
        self.assertTrue(service.read().startswith(b"GET /x HTTP/1.1\r\n"))
        service.say(HELLO)
        stage.talk()
        self.assertEqual({getattr(event, "target", None) for event in stage.events}, {"/api/x"})
        stage.stop()

    def test_each_service_has_connections_of_its_own(self) -> None:
        stage = RoutedStage("/", "/api")
        stage.visit(b"/")
        first: Service = stage.accept()
        first.say(HELLO)
        stage.talk()
        stage.visit(b"/api")
        self.assertEqual([dial[1] for dial in stage.dials], [2])
        stage.stop()

    def test_every_service_is_listed(self) -> None:
        stage = RoutedStage("/", "/a", "/b")
        services: list[LocalService] = list(stage.routes)
        self.assertEqual([each.target.port for each in services], [1, 2, 3])


class UnroutedTests(SynchronousTestCase):
    def test_no_path_leads_there(self) -> None:
        stage = RoutedStage("/api")
        visitor = stage.visit(b"/")
        self.assertEqual(visitor.statuses, [404])
        self.assertEqual(stage.dials, [])
        self.assertEqual([type(event).__name__ for event in stage.events], ["RequestStarted", "RequestFinished"])
        stage.check()

    def test_two_readings(self) -> None:
        stage = RoutedStage("/", "/api")
        visitor = stage.visit(b"/api/..%2fadmin")
        self.assertEqual(visitor.statuses, [400])
        self.assertEqual(stage.dials, [])
        stage.check()

    def test_bodies_are_dropped(self) -> None:
        stage = RoutedStage("/api")
        visitor = stage.visit(b"/", POST, body=b"hello")
        self.assertEqual(visitor.statuses, [404])
        stage.check()

    def test_websockets(self) -> None:
        stage = RoutedStage("/api")
        visitor = stage.visit(b"/ws", UPGRADE, end=True)
        self.assertEqual(visitor.statuses, [404])
        self.assertEqual([type(event).__name__ for event in stage.events], ["WebSocketRefused"])
        stage.check()

    def test_observers(self) -> None:
        from tests.observers import RecordingObserver

        stage = RoutedStage("/api")
        stage.observer = RecordingObserver()
        stage.visit(b"/")
        self.assertEqual([event[0] for event in stage.observer.events], ["request", "response", "body", "ended"])
        stage.observer.check()


class RewrittenTests(SynchronousTestCase):
    """Heads that are rewritten on their way to the service and back."""

    local = HeaderRules(HeaderSet.LOCAL)

    def test_nothing_is_rewritten_unless_asked(self) -> None:
        for rules in (PUBLIC_RULES, HeaderRules(forwarded=False)):
            self.assertIsNone(next(iter(RoutedStage("/", rules=rules).routes)).rewriter)

    def test_a_request_and_its_response(self) -> None:
        stage = RoutedStage("/", rules=self.local)
        headers = [(b"Host", b"demo.localhost"), (b"X-Forwarded-Proto", b"http"), (b"Origin", b"http://demo.localhost")]
        visitor = stage.visit(b"/a", structs.replace(GET, headers=headers))
        service = stage.accept()
        self.assertEqual(service.read(), b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:1\r\nOrigin: http://127.0.0.1:1\r\n\r\n")
        service.say(b"HTTP/1.1 103 Early Hints\r\nLink: <http://127.0.0.1:1/a.css>; rel=preload\r\n\r\n")
        service.say(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/b\r\nContent-Length: 5\r\n\r\nhello")
        stage.talk()
        fields = [head.headers[0] for head in visitor.heads]
        self.assertEqual(
            fields,
            [(b"Link", b"<http://demo.localhost/a.css>; rel=preload"), (b"Location", b"http://demo.localhost/b")],
        )
        stage.stop()

    def test_a_websocket(self) -> None:
        stage = RoutedStage("/", "/ws", strip=True, rules=self.local)
        headers = [*UPGRADE.headers, (b"Origin", b"https://demo.localhost")]
        visitor = stage.visit(b"/ws/chat", structs.replace(UPGRADE, headers=headers), end=False)
        service = stage.accept()
        self.assertIn(b"\r\nOrigin: http://127.0.0.1:2\r\n", service.read())
        service.say(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: %b\r\nSet-Cookie: a=b; Path=/\r\n\r\n" % ACCEPT
        )
        stage.talk()
        self.assertEqual(visitor.statuses, [101])
        self.assertIn((b"Set-Cookie", b"a=b; Path=/ws"), visitor.heads[0].headers)
        stage.stop()

    def test_a_foreign_websocket_stays_foreign(self) -> None:
        """Cross-site WebSocket hijacking: the service sees that it is not its own page that asks."""
        for origin, read in (
            (b"https://evil.example", b"https://evil.example"),
            (b"http://127.0.0.1:1", b"http://foreign.invalid"),
        ):
            stage = RoutedStage("/", rules=self.local)
            headers = [*UPGRADE.headers, (b"Origin", origin)]
            stage.visit(b"/", structs.replace(UPGRADE, headers=headers), end=False)
            self.assertIn(b"\r\nOrigin: %b\r\n" % read, stage.accept().read())
            stage.stop()

    def test_what_makes_a_response_too_long(self) -> None:
        rules = HeaderRules(response=changes_of((), {}, {f"X-{number}": "x" * 4000 for number in range(40)}))
        stage = RoutedStage("/", rules=rules)
        visitor = stage.visit(b"/")
        stage.accept().say(HELLO)
        stage.talk()
        self.assertEqual(
            visitor.why, "127.0.0.1:1 sent a response head, with what this tunnel adds to it, that is too long."
        )
        stage.stop()

    def test_a_login_that_the_tunnel_adds(self) -> None:
        rules = HeaderRules(request=changes_of((), {"Authorization": "NTLM abc"}, {}))
        stage = RoutedStage("/", rules=rules)
        visitor = stage.visit(b"/")
        self.assertIn(b"\r\nAuthorization: NTLM abc\r\n", stage.accept().read())
        self.assertTrue(stage.connection_of(visitor)._exchange.login)  # type: ignore[union-attr]
        stage.stop()
