"""twisted.web on a visitor's connection: Resources get whole requests, and visitors get whole responses."""

from typing import Any

from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from sellia.server.base_domain.site_channel import VisitorPageLeg
from sellia.server.ingress.connection import VisitorConnection
from sellia.server.ingress.http1 import Request as Head
from tests.server.support import Rooms, ServerCase, Visitor, chunked, get, post


class Echo(Resource):
    """Answers with what it was asked, or as its tests want."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Request] = []
        self.bodies: list[bytes] = []
        self.gone = 0
        self.answer: Any = lambda request: b"answer"

    def render(self, request: Request) -> Any:
        self.asked.append(request)
        self.bodies.append(request.content.read())
        return self.answer(request)


class WebRooms(Rooms):
    """Gives every page to one Site."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site

    def page(self, connection: VisitorConnection, request: Head, path: bytes) -> None:
        exchange = VisitorPageLeg(connection, request, self.site, path)
        connection.exchange_begins(exchange)
        exchange.run()


class PageCase(ServerCase):
    def setUp(self) -> None:
        super().setUp()
        self.echo = Echo()
        self.stage.ingress.rooms = WebRooms(  # type: ignore[assignment]
            Site(self.echo, reactor=Clock())
        )

    def visit(self, request: bytes) -> Visitor:
        return self.stage.visitor(request.replace(b"demo.localhost", b"localhost"))


class RequestTests(PageCase):
    def test_what_a_resource_sees(self) -> None:
        visitor = self.visit(get(b"/a/b%20?c=d", b"X-A: 1", b"x-a: 2", b"Cookie: e=f", method=b"PUT"))
        [request] = self.echo.asked
        self.assertEqual((request.method, request.uri, request.path), (b"PUT", b"/a/b%20", b"/a/b%20"))
        self.assertEqual(request.requestHeaders.getRawHeaders(b"X-A"), [b"1", b"2"])
        self.assertEqual(request.args, {}, "a query is not parsed")
        self.assertEqual(request.getClientAddress().host, "203.0.113.7")
        self.assertFalse(request.isSecure())
        self.assertTrue(visitor.read().startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_it_runs_on_the_head(self) -> None:
        """Of a body it sees nothing, however it comes; what follows is no request."""
        form = b"Content-Type: application/x-www-form-urlencoded"
        for start, rest in (
            (post(b"a=b", form), get()),
            (post(b"", form, length=10), b"0123456789" + get()),
            (chunked(), b"3\r\nabc\r\n0\r\n\r\n" + get()),
        ):
            visitor = self.visit(start)
            self.assertIn(b"Connection: close\r\n", visitor.read())
            visitor.send(rest)
            self.assertEqual((visitor.read(), visitor.end), (b"", "half"))
        self.assertEqual(self.echo.bodies, [b""] * 3)
        self.assertEqual([request.args for request in self.echo.asked], [{}] * 3)

    def test_without_a_body(self) -> None:
        visitor = self.visit(post(b""))
        self.assertEqual((self.echo.bodies, visitor.end), ([b""], "open"))


class ResponseTests(PageCase):
    def test_keep_alive_and_order(self) -> None:
        visitor = self.visit(get(b"/1") + get(b"/2") + get(b"/3"))
        self.assertEqual([request.uri for request in self.echo.asked], [b"/1", b"/2", b"/3"])
        self.assert_answers(visitor, *[(200, None)] * 3)
        self.assertEqual(visitor.end, "open")

    def test_connection_close(self) -> None:
        visitor = self.visit(get(b"/", b"Connection: close"))
        self.assertIn(b"Connection: close\r\n", visitor.read())
        self.assertNotEqual(visitor.end, "open")

    def test_1_0(self) -> None:
        visitor = self.stage.visitor(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        self.assertTrue(visitor.read().endswith(b"Connection: close\r\n\r\nanswer"))
        self.assertNotEqual(visitor.end, "open")
        visitor = self.stage.visitor(b"GET / HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
        self.assertIn(b"Connection: keep-alive\r\n", visitor.read())
        self.assertEqual(visitor.end, "open")

    def test_in_pieces(self) -> None:
        def answer(request: Request) -> int:
            request.write(b"one")
            request.write(b"two")
            request.finish()
            return NOT_DONE_YET

        self.echo.answer = answer
        visitor = self.visit(get())
        self.assertTrue(visitor.read().endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"))

    def test_later(self) -> None:
        self.echo.answer = lambda request: NOT_DONE_YET
        visitor = self.visit(get())
        self.stage.wait(100)
        self.assertEqual((visitor.read(), visitor.end), (b"", "open"))
        [request] = self.echo.asked
        request.write(b"at last")
        request.finish()
        self.stage.talk()
        self.assertIn(b"at last", visitor.read())

    def test_a_visitor_who_leaves(self) -> None:
        self.echo.answer = lambda request: NOT_DONE_YET
        visitor = self.visit(get())
        gone: list[Any] = []
        self.echo.asked[0].notifyFinish().addErrback(gone.append)
        visitor.leave()
        self.assertEqual(len(gone), 1)

    def test_a_resource_that_fails(self) -> None:
        self.echo.answer = lambda request: 1 // 0
        visitor = self.visit(get())
        self.assertTrue(visitor.read().startswith(b"HTTP/1.1 500 "))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_resource_that_hangs_up(self) -> None:
        def answer(request: Request) -> int:
            request.write(b"one")
            request.loseConnection()
            return NOT_DONE_YET

        self.echo.answer = answer
        visitor = self.visit(get())
        self.assertNotEqual(visitor.end, "open")
        self.assertFalse(visitor.read().endswith(b"0\r\n\r\n"))

    def test_producers(self) -> None:
        """A pull producer is asked until it is through."""

        class Producer:
            left = 3

            def __init__(self, request: Request) -> None:
                self.request = request

            def resumeProducing(self) -> None:
                self.request.write(b"%d" % self.left)
                self.left -= 1
                if not self.left:
                    self.request.unregisterProducer()
                    self.request.finish()

            def stopProducing(self) -> None: ...

        def answer(request: Request) -> int:
            request.setHeader(b"Content-Length", b"3")
            request.registerProducer(Producer(request), False)
            return NOT_DONE_YET

        self.echo.answer = answer
        self.assertTrue(self.visit(get()).read().endswith(b"\r\n\r\n321"))

    def test_no_server_header(self) -> None:
        self.assertNotIn(b"server:", self.visit(get()).read().lower())
