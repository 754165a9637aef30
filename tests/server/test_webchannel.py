"""twisted.web on a visitor's connection: Resources get whole requests, and visitors get whole responses."""

from typing import Any

from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from sellia.server.connection import VisitorConnection
from sellia.server.http1 import Request as Head
from sellia.server.webchannel import PageExchange
from tests.server.support import VISITOR, Rooms, ServerCase, Visitor, chunked, get, post

BODY_LIMIT = 1024 * 1024


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
        exchange = PageExchange(connection, request, self.site, path)
        connection.exchange_begins(exchange)
        exchange.run()


class PageCase(ServerCase):
    def setUp(self) -> None:
        super().setUp()
        self.echo = Echo()
        self.stage.ingress.rooms = WebRooms(Site(self.echo, reactor=Clock()))

    def visit(self, request: bytes) -> Visitor:
        return self.stage.visitor(request.replace(b"demo.localhost", b"localhost"))


class RequestTests(PageCase):
    def test_what_a_resource_sees(self) -> None:
        visitor = self.visit(get(b"/a/b%20?c=d", b"X-A: 1", b"x-a: 2", b"Cookie: e=f", method=b"PUT"))
        [request] = self.echo.asked
        self.assertEqual((request.method, request.uri, request.path), (b"PUT", b"/a/b%20?c=d", b"/a/b%20"))
        self.assertEqual(request.requestHeaders.getRawHeaders(b"X-A"), [b"1", b"2"])
        self.assertEqual((request.args[b"c"], request.getCookie(b"e")), ([b"d"], b"f"))
        self.assertEqual(request.getClientAddress().host, "203.0.113.7")
        self.assertFalse(request.isSecure())
        self.assertTrue(visitor.read().startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_bodies(self) -> None:
        self.visit(post(b"hello"))
        visitor = self.visit(post(b"", length=10))
        visitor.send(b"01234")
        self.assertEqual(len(self.echo.asked), 1, "it runs when its body is whole")
        visitor.send(b"56789")
        self.visit(chunked(b"a" * 10, b"b") + b"0\r\n\r\n")
        self.assertEqual(self.echo.bodies, [b"hello", b"0123456789", b"a" * 10 + b"b"])

    def test_forms(self) -> None:
        self.visit(post(b"a=b&a=c", b"Content-Type: application/x-www-form-urlencoded"))
        self.assertEqual(self.echo.asked[0].args, {b"a": [b"b", b"c"]})

    def test_forms_that_are_none(self) -> None:
        visitor = self.visit(post(b"--x\r\n", b"Content-Type: multipart/form-data; boundary=y"))
        self.assertEqual(len(visitor.read().split(b"HTTP/1.1 ")), 2, "one answer, whatever it is")

    def test_the_largest_body(self) -> None:
        visitor = self.visit(post(b"", length=BODY_LIMIT))
        for _ in range(BODY_LIMIT // 65536):
            visitor.send(b"x" * 65536)
        self.assertEqual([len(body) for body in self.echo.bodies], [BODY_LIMIT])
        self.assert_counted()

    def test_a_body_that_is_too_large(self) -> None:
        lines = self.logged()
        for start in (post(b"", length=BODY_LIMIT + 1), chunked()):
            visitor = self.visit(start)
            for _ in range(BODY_LIMIT // 65536):
                visitor.send(b"10000\r\n" + b"x" * 65536 + b"\r\n" if b"chunked" in start else b"x" * 65536)
            visitor.send(b"1\r\nx\r\n" if b"chunked" in start else b"x")
            self.assert_answers(visitor, (413, "body-too-large"))
            self.assertNotEqual(visitor.end, "open")
        self.assertEqual(self.echo.asked, [])
        self.assert_counted(page_body=2)
        self.assertEqual(lines, [f"limit reached: limit=page_body peer={VISITOR} answer=413 untold=0"] * 2)

    def test_a_body_that_turns_out_to_be_none(self) -> None:
        visitor = self.visit(chunked(b"hello"))
        visitor.send(b"xyz\r\n")
        self.assert_answers(visitor, (400, "bad-request"))
        self.assertEqual(self.echo.asked, [])

    def test_a_visitor_who_leaves_with_its_body(self) -> None:
        visitor = self.visit(post(b"", length=10))
        visitor.leave()
        self.assertEqual(self.echo.asked, [])


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


class SmallBodyTests(PageCase):
    settings = {"page_body_limit": 5, "trust_proxy": ["203.0.113.7"]}

    def test_the_limit_is_a_setting(self) -> None:
        """Behind a trusted proxy it is the visitor who sends too much."""
        lines = self.logged()
        self.visit(post(b"12345"))
        self.assertEqual(self.echo.bodies, [b"12345"])
        visitor = self.visit(post(b"123456", b"X-Forwarded-For: 192.0.2.1"))
        self.assert_answers(visitor, (413, "body-too-large"))
        self.assertEqual(self.echo.bodies, [b"12345"])
        self.assertEqual(lines, ["limit reached: limit=page_body peer=192.0.2.1 answer=413 untold=0"])
