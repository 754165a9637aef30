"""The page from a development server: what it is asked, what it does not learn, and what a browser is told."""

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from sellia.client.inspector.dev import DevServer
from sellia.client.inspector.guard import Guard
from sellia.client.inspector.pages import InspectorPages
from sellia.client.inspector.web import InspectorFactory
from tests.client.inspector.stage import COOKIE, SiteCase, Told, request

DEV = "http://127.0.0.1:5173"
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "AAAA"}


class Endpoint:
    """Where the server is; ``up`` says whether anybody listens."""

    def __init__(self) -> None:
        self.up = True
        self.protocol: Any = None
        self.transport = StringTransport()

    def connect(self, factory: Any) -> "Deferred[Any]":
        if not self.up:
            return fail(ConnectionRefusedError())
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        return succeed(self.protocol)


class DevCase(SiteCase):
    """A site whose page comes from a development server."""

    def setUp(self) -> None:
        super().setUp()
        self.endpoint = Endpoint()
        elsewhere = DevServer(DEV, self.clock, self.endpoint)
        pages = InspectorPages(Guard("t0ken", 4040), self.subject, elsewhere)
        self.factory = InspectorFactory(pages, self.clock)

    def begin(self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: Any = None) -> None:
        """A browser asks for something."""
        self.channel, self.browser = self.connect()
        shown = COOKIE if headers is None else headers
        self.channel.dataReceived(request(path, method, body, shown))

    @property
    def asked(self) -> bytes:
        """What the server was sent."""
        return self.endpoint.transport.value()

    def answer(self, data: bytes) -> Told:
        """The server answers, and closes; what the browser has got."""
        self.endpoint.protocol.dataReceived(data)
        self.endpoint.protocol.connectionLost(Failure(ConnectionDone()))
        return Told(self.browser.value())


class RequestTests(DevCase):
    def test_a_file(self) -> None:
        """A file is asked for by its path and query, as a page of the server itself would."""
        self.begin("/src/app.js?v=1", {**COOKIE, "Accept": "*/*"})
        self.assertIn(b"GET /src/app.js?v=1 HTTP/1.1\r\n", self.asked)
        self.assertIn(b"Host: 127.0.0.1:5173\r\n", self.asked)
        self.assertIn(b"Origin: http://127.0.0.1:5173\r\n", self.asked)
        self.assertIn(b"Accept: */*\r\n", self.asked)
        told = self.answer(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nETag: W/1\r\nContent-Length: 2\r\n"
            b"Access-Control-Allow-Origin: *\r\nContent-Security-Policy: none\r\n\r\nhi"
        )
        self.assertEqual((told.status, told.body), (200, b"hi"))
        self.assertEqual(told.headers["content-type"], "text/javascript")
        self.assertEqual(told.headers["etag"], "W/1")
        self.assertEqual(told.headers["x-content-type-options"], "nosniff")
        self.assertIn("frame-ancestors 'none'", told.headers["content-security-policy"])
        self.assertNotIn("access-control-allow-origin", told.headers)

    def test_the_token_is_kept(self) -> None:
        """The server learns neither the token nor the cookie, and cannot set ours."""
        cookie = {**COOKIE, "Cookie": "a=1; sellia_inspector_4040=t0ken; b=2", "Authorization": "Bearer t0ken"}
        self.begin("/x.js", cookie)
        self.assertNotIn(b"t0ken", self.asked)
        self.assertIn(b"Cookie: a=1; b=2\r\n", self.asked)
        told = self.answer(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: sellia_inspector_4040=x\r\nSet-Cookie: c=3\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual(told.headers["set-cookie"], "c=3")

    def test_the_token_in_the_address(self) -> None:
        """The URL that the client prints works as ever: the server is asked for what is behind it."""
        told = self.ask("/?token=t0ken", headers={})
        self.assertEqual((told.status, told.headers["location"]), (303, "/"))
        self.assertIsNone(self.endpoint.protocol)

    def test_the_api_is_not_asked_for(self) -> None:
        self.assertEqual(self.ask("/api/status").json["version"], "1")
        self.assertIsNone(self.endpoint.protocol)

    def test_strangers(self) -> None:
        """The guard is the same."""
        self.assertEqual(self.ask("/", headers={}).status, 401)
        self.assertEqual(self.ask("/", headers={**COOKIE, "Origin": "http://evil.example"}).status, 403)
        self.assertEqual(self.ask("/", headers={**COOKIE, **UPGRADE, "Origin": "http://evil.example"}).status, 403)
        self.assertIsNone(self.endpoint.protocol)

    def test_nobody_there(self) -> None:
        """It is said where the server was looked for, and what helps; for a WebSocket too."""
        self.endpoint.up = False
        for headers in (COOKIE, {**COOKIE, **UPGRADE}):
            told = self.ask("/", headers=headers)
            self.assertEqual((told.status, told.error), (502, "no-dev-server"))
            self.assertIn(DEV, told.json["detail"])

    def test_chunks(self) -> None:
        """An answer of no stated length passes as it comes."""
        self.begin("/x.js")
        told = self.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        self.assertEqual(told.body, b"abcde")

    def test_half_an_answer(self) -> None:
        """An answer that breaks off breaks off."""
        self.begin("/x.js")
        self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        self.assertTrue(self.browser.aborted or self.browser.disconnecting)

    def test_the_browser_leaves(self) -> None:
        """What was asked for is not read to its end."""
        self.begin("/x.js")
        self.endpoint.protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(self.endpoint.transport.disconnecting)

    def test_a_body(self) -> None:
        self.begin("/__open", method="POST", body={"a": 1})
        self.assertTrue(self.asked.endswith(b'\r\n\r\n{"a": 1}'))

    def test_not_modified(self) -> None:
        self.begin("/x.js", {**COOKIE, "If-None-Match": "W/1"})
        self.assertIn(b"If-None-Match: W/1\r\n", self.asked)
        told = self.answer(b"HTTP/1.1 304 Not Modified\r\nETag: W/1\r\n\r\n")
        self.assertEqual((told.status, told.body), (304, b""))


class SocketTests(DevCase):
    def begin(self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: Any = None) -> None:
        super().begin(path, {**COOKIE, **UPGRADE}, method, body)

    @property
    def near(self) -> Any:
        """What reads the browser's connection now."""
        return self.browser.protocol  # type: ignore[attr-defined]  # as a transport of the reactor has it

    def test_both_ways(self) -> None:
        """What both sides send passes as it is; the server's own token in the query is left to it."""
        self.begin("/?token=vites-own")
        head = self.asked
        self.assertIn(b"GET /?token=vites-own HTTP/1.1\r\nHost: 127.0.0.1:5173\r\n", head)
        self.assertIn(b"Upgrade: websocket\r\n", head)
        self.assertNotIn(b"t0ken", head)
        self.assertEqual(head.lower().count(b"\r\nconnection:"), 1)
        self.endpoint.protocol.dataReceived(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x01a")
        self.assertEqual(self.browser.value(), b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x01a")
        self.near.dataReceived(b"\x81\x81")
        self.assertEqual(self.asked, head + b"\x81\x81")

    def test_ends(self) -> None:
        """Either end closes the other, and the connection counts no more."""
        self.begin("/")
        self.assertEqual(len(self.factory.open), 1)
        self.endpoint.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(self.browser.disconnecting)
        self.near.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.factory.open), 0)

    def test_the_browser_leaves_first(self) -> None:
        self.begin("/")
        self.near.connectionLost(Failure(ConnectionDone()))
        self.assertTrue(self.endpoint.transport.disconnecting)
        self.assertEqual(len(self.factory.open), 0)

    def test_slow_browser(self) -> None:
        """A browser that does not take what the server sends stops the server."""
        self.begin("/")
        self.assertIs(self.browser.producer, self.endpoint.transport)
        self.assertIs(self.endpoint.transport.producer, self.browser)

    def test_it_may_be_long_without_a_word(self) -> None:
        """The inspector's time limit for requests does not concern it."""
        self.begin("/")
        self.clock.advance(1000)
        self.assertFalse(self.browser.disconnecting or self.browser.aborted)
