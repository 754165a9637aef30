"""
What visitors and services see over the original dialect, whichever end is the original one.

Each class is a set of tests without a place: a module that has a combination of server and client gives it one, by a
subclass with `place`. Where the two combinations differ, the difference is an attribute with a reason.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import socket
import tempfile
import threading
from functools import cache
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.e2e.curl_case import answer, parts
from tests.e2e.recorder import Recorder, ServiceLeg, no_answer_yet, plain
from tests.e2e.stage import Finished, Reach, curl, curl_argv
from tests.original.services import websocket_service
from tests.processes import Process

BIG = 8 * 1024 * 1024
"""Octets of a large body: some thousand messages, and more than any queue on the way may hold."""


@cache
def http_service() -> Recorder:
    """The HTTP service that all tests share."""
    return Recorder()


class Placed(SynchronousTestCase):
    """Tests at a place."""

    def place(self) -> Reach:
        """Where visitors find the service of this class."""
        raise NotImplementedError

    def succeed(self, finished: Finished) -> bytes:
        """curl's output, provided that curl was content."""
        self.assertEqual(finished.status, 0, finished.errors)
        return finished.output


class HttpCases:
    """Requests and their answers."""

    #: Whether bodies of GET and DELETE reach the service; the original client leaves them out.
    bodies_of_get = True

    #: Whether a service's early answer is heard before the whole request has been read.
    early_answers = True

    service: Recorder
    place: Any
    assertEqual: Any
    assertIn: Any
    assertTrue: Any
    assertFalse: Any
    succeed: Any

    def setUp(self) -> None:
        self.service = http_service()

    def ask(self, path: str, *options: str, stdin: bytes = b"") -> Finished:
        """Run curl against the service."""
        return curl(self.place(), path, *options, stdin=stdin)

    # --- requests ------------------------------------------------------------------------------------------

    def test_headers_in_their_spelling(self) -> None:
        """Names and values reach the service as the visitor wrote them, equal names one behind the other."""
        wanted = [("X-One", "1"), ("X-One", "3"), ("x-LOWER", "two  words"), ("Cookie", "a=1; b=2")]
        options = [part for name, value in wanted for part in ("-H", f"{name}: {value}")]
        self.assertEqual(self.succeed(self.ask("/o/headers", *options)), b"ok\n")
        exchange = self.service.exchanges("/o/headers")[-1]
        names = {name for name, _ in wanted}
        self.assertEqual([pair for pair in exchange.headers if pair[0] in names], wanted)
        self.assertEqual(exchange.header("Host"), self.place().authority)

    def test_target_byte_for_byte(self) -> None:
        target = "//o//b/../%2e%2E/%2f%C3%bc;p=1/x.y?q=%20+&&q=%2F?/../"
        self.succeed(self.ask(target, "--path-as-is", "--globoff"))
        self.assertTrue(self.service.exchanges(target))

    def test_methods(self) -> None:
        """Any method reaches the service, with or without a body."""
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
            for body in ("", "some=body"):
                path = f"/o/method/{method}/{len(body)}/{id(self)}"
                output = self.succeed(self.ask(path, "--request", method, *(["--data", body] if body else [])))
                self.assertEqual(output, b"ok\n")
                [exchange] = self.service.exchanges(path)
                arrives = self.bodies_of_get or method not in ("GET", "DELETE")
                self.assertEqual((exchange.method, bytes(exchange.body)), (method, body.encode() if arrives else b""))

    def test_large_upload(self) -> None:
        """A large body arrives whole, with its length known and without."""
        data = os.urandom(BIG)
        for name, options in (("length", []), ("chunks", ["-H", "Transfer-Encoding: chunked"])):
            path = f"/o/put/{name}/{id(self)}"
            with tempfile.NamedTemporaryFile() as upload:
                upload.write(data)
                upload.flush()
                self.succeed(self.ask(path, *options, "--upload-file", upload.name))
            [exchange] = self.service.exchanges(path)
            self.assertEqual((exchange.length, exchange.digest), (BIG, hashlib.sha256(data).hexdigest()))

    def test_hop_by_hop_headers_stay_behind(self) -> None:
        """``Connection`` and what it names concern one hop."""
        path = f"/o/hop/{id(self)}"
        self.succeed(self.ask(path, "-H", "Connection: keep-alive, X-Hop", "-H", "X-Hop: 1", "-H", "X-End: 2"))
        [exchange] = self.service.exchanges(path)
        self.assertEqual((exchange.header("X-Hop"), exchange.header("X-End")), (None, "2"))

    def test_expect_continue(self) -> None:
        """A visitor who waits for 100 before it sends gets one, and its answer."""
        path = f"/o/expect/{id(self)}"
        self.service.on(path, send_continue if self.early_answers else plain)
        options = ["-H", "Expect: 100-continue", "--expect100-timeout", "50", "--include", "--data", "x" * 2000]
        output = self.succeed(self.ask(path, *options))
        self.assertTrue(output.startswith(b"HTTP/1.1 100"), output)
        self.assertEqual(self.service.exchanges(path)[0].length, 2000)

    # --- answers -------------------------------------------------------------------------------------------

    def test_many_cookies(self) -> None:
        """Forty Set-Cookie lines and other repeated ones arrive apart, in order, in their spelling."""
        lines = [f"Set-Cookie: c{n}=v{n}; Path=/; HttpOnly" for n in range(40)] + ["Link: </a>", "Link: </b>"]
        self.service.on("/o/cookies", answer("X-lower-UPPER: a", *lines, "Content-Length: 0"))
        _, headers, _ = parts(self.succeed(self.ask("/o/cookies", "--include")))
        kept = [line.decode() for line in headers if line.split(b":")[0] in (b"Set-Cookie", b"Link")]
        self.assertEqual(kept, lines)
        self.assertIn(b"X-lower-UPPER: a", headers)

    def test_unusual_statuses(self) -> None:
        """They arrive; their reason phrase is not in the dialect, and comes from a table."""
        for status in ("201 Made", "302 There", "418 Tea", "599 Odd"):
            path = f"/o/status/{status[:3]}"
            self.service.on(path, answer("Content-Length: 2", status=status, body=b"x\n"))
            line, _, body = parts(self.succeed(self.ask(path, "--include")))
            self.assertEqual((line[9:12].decode(), body), (status[:3], b"x\n"))

    def test_head(self) -> None:
        """HEAD keeps the Content-Length of the body that is not sent, and the connection goes on."""
        self.service.on("/o/head", answer("Content-Length: 12345", "ETag: x"))
        output = self.succeed(self.ask("/o/after-head", "--head", self.place().url("/o/head"), "--next", "--silent"))
        _, headers, rest = parts(output)
        self.assertIn(b"Content-Length: 12345", headers)
        self.assertEqual(rest, b"ok\n")

    def test_no_content_and_not_modified(self) -> None:
        """204 and 304 have no body and are given none."""
        self.service.on("/o/204", answer(status="204 No Content"))
        self.service.on("/o/304", answer('ETag: "v1"', status="304 Not Modified"))
        status, headers, body = parts(self.succeed(self.ask("/o/204", "--include")))
        self.assertEqual((status[:12], body), (b"HTTP/1.1 204", b""))
        self.assertFalse([line for line in headers if line.lower().startswith((b"content-length", b"transfer-enc"))])
        status, headers, body = parts(self.succeed(self.ask("/o/304", "--include", "-H", 'If-None-Match: "v1"')))
        self.assertEqual((status[:12], body), (b"HTTP/1.1 304", b""))
        self.assertIn(b'ETag: "v1"', headers)

    def test_large_download(self) -> None:
        """A large body arrives whole, with a length, in chunks, and with no end but the connection's."""
        data = os.urandom(BIG)
        chunked = (
            b"".join(b"%x\r\n%b\r\n" % (65536, data[at : at + 65536]) for at in range(0, BIG, 65536)) + b"0\r\n\r\n"
        )
        self.service.on("/o/down/length", answer(f"Content-Length: {BIG}", body=data))
        self.service.on("/o/down/chunks", answer("Transfer-Encoding: chunked", body=chunked))
        self.service.on("/o/down/end", close_after(answer("Connection: close", body=data)))
        for name in ("length", "chunks", "end"):
            with tempfile.NamedTemporaryFile() as download:
                self.succeed(self.ask(f"/o/down/{name}", "--output", download.name))
                digest = hashlib.sha256(download.read()).hexdigest()
            self.assertEqual(digest, hashlib.sha256(data).hexdigest(), name)

    def test_keep_alive(self) -> None:
        """Many requests on one connection of a visitor, bodies and all."""
        place = self.place()
        connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=30)
        for number in range(20):
            body = b"x" * number * 1000
            connection.request("POST", f"/o/alive/{number}", body, {"Host": place.authority})
            response = connection.getresponse()
            self.assertEqual((response.status, response.read()), (200, b"ok\n"))
        connection.close()

    def test_others_go_on_meanwhile(self) -> None:
        """While one answer waits for its service, others are not kept waiting."""
        path = f"/o/stuck/{id(self)}"
        self.service.on(path, no_answer_yet)
        with Process(curl_argv(self.place(), path), name="curl"):
            stuck = self.service.wait_for(path)
            self.assertEqual(self.succeed(self.ask("/o/not-stuck")), b"ok\n")
            stuck.released.set()

    def test_service_that_ends_without_an_answer(self) -> None:
        """The visitor is told that something is wrong behind the tunnel."""
        path = "/o/abort"

        def abort(exchange: ServiceLeg) -> None:
            exchange.cut()

        self.service.on(path, abort)
        status = self.succeed(self.ask(path, "--output", "/dev/null", "--write-out", "%{http_code}"))
        self.assertTrue(re.match(rb"50[02]", status), status)


class StreamingCases:
    """Answers that arrive as they are made."""

    service: Recorder
    place: Any
    assertTrue: Any
    assertEqual: Any

    def test_server_sent_events_arrive_one_by_one(self) -> None:
        """Each event reaches curl before the service sends the next."""
        path = f"/o/events/{id(self)}"
        step = threading.Semaphore(0)

        def clock(exchange: ServiceLeg) -> None:
            exchange.read_body()
            exchange.send(answer("Content-Type: text/event-stream", "Connection: close"))
            for number in range(5):
                exchange.send(f"data: {number}\n\n".encode())
                step.acquire(timeout=20)
            exchange.over = True

        self.service.on(path, clock)
        with Process(curl_argv(self.place(), path, "--no-buffer"), name="curl") as visitor:
            for number in range(5):
                visitor.wait_for_line(f"data: {number}$")
                step.release()
            self.assertEqual(visitor.wait_for_exit(), 0)


class WebSocketCases:
    """WebSockets."""

    #: Whether the visitor learns the code with which the service closed; over the original server it does not.
    learns_code = True

    #: What the visitor sees when the service dies: the original client says of a death what it says of a close.
    death_seen = 1005

    #: What the service sees when the visitor closes, whatever code it closed with.
    close_seen: ClassVar[tuple[int, str]] = (1005, "")

    place: Any
    addCleanup: Any
    assertEqual: Any
    assertIn: Any
    assertRaises: Any
    assertIsNone: Any

    def setUp(self) -> None:
        self.websockets = websocket_service()
        self.place()

    def connect(self, path: str, **options: Any) -> ClientConnection:
        """A visitor's WebSocket."""
        place = self.place()
        raw = socket.create_connection(("127.0.0.1", place.port), timeout=20)
        visitor = connect(place.url(path, "ws"), sock=raw, max_size=None, ping_interval=None, legacy=True, **options)
        self.addCleanup(visitor.close)
        return visitor

    def path(self, name: str, query: str = "") -> str:
        """A path of the service that only this test visits."""
        return f"/{name}?by={id(self)}{'&' if query else ''}{query}"

    def ended(self, visitor: ClientConnection) -> tuple[int, str]:
        """Code and reason that the visitor sees."""
        with self.assertRaises(ConnectionClosed):
            while True:
                visitor.recv(timeout=20)
        received = visitor.protocol.close_rcvd
        return (received.code, received.reason) if received is not None else (1006, "")

    def test_echo(self) -> None:
        """Text and binary, empty and large, as they came."""
        visitor = self.connect(self.path("echo"))
        for message in ("hi", "", "grüße", b"\x00\x01\xff", b"", os.urandom(1 << 20), "x" * 200_000):
            visitor.send(message)
            self.assertEqual(visitor.recv(timeout=20), message)

    def test_no_extension_is_agreed(self) -> None:
        """The dialect could not carry one, whatever visitor and service would like."""
        visitor = self.connect(self.path("echo", "deflate"), compression="deflate")
        self.assertEqual(visitor.protocol.extensions, [])
        visitor.send("hi " * 1000)
        self.assertEqual(visitor.recv(timeout=20), "hi " * 1000)
        request = self.websockets.visit(self.path("echo", "deflate")).request
        self.assertIsNone(request.headers.get("Sec-WebSocket-Extensions"))

    def test_fragments_become_one_message(self) -> None:
        """In both directions."""
        path = self.path("fragments")
        visitor = self.connect(path)
        self.assertEqual(visitor.recv(timeout=20), "one two three")
        visitor.send(["a ", "b ", "c"])
        self.assertEqual(visitor.recv(timeout=20), "a b c")

    def test_pings_are_answered(self) -> None:
        """The service's, and the visitor's: by whoever is nearest, because the dialect cannot carry them."""
        path = self.path("ping")
        visitor = self.connect(path)
        self.assertEqual(visitor.ping("visitor").wait(20), True)
        visitor.send("after the pong")
        self.assertEqual(visitor.recv(timeout=20), "after the pong")
        self.assertEqual(self.websockets.wait_for(path, "pongs"), ["yes"])

    def test_greeting(self) -> None:
        """What the service says right behind its 101 arrives, all of it and in order."""
        for number in range(5):
            visitor = self.connect(self.path("greet", f"number={number}"))
            self.assertEqual([visitor.recv(timeout=20), visitor.recv(timeout=20)], ["first", "second"])
            visitor.close()

    def test_subprotocol(self) -> None:
        """The first that is offered, which is what this service chooses as well."""
        path = self.path("echo", "protocol")
        visitor = self.connect(path, subprotocols=["one", "two"])
        self.assertEqual(visitor.subprotocol, "one")

    def test_service_closes(self) -> None:
        """The visitor sees it close; with the code as far as that is carried, never with the reason."""
        for query, code in (("code=4001&reason=bye", 4001), ("code=1000", 1000), ("", 1005)):
            visitor = self.connect(self.path("close", query))
            visitor.send("now")
            self.assertEqual(self.ended(visitor), (code if self.learns_code else 1005, ""))

    def test_visitor_closes(self) -> None:
        """The service sees it close, and what was said before."""
        for code in (1000, 4002):
            path = self.path("echo", f"leave={code}")
            visitor = self.connect(path)
            visitor.send("last words")
            visitor.close(code, "gone")
            self.assertEqual(self.websockets.wait_for(path, "closed"), self.close_seen)
            self.assertEqual(self.websockets.visit(path).messages, ["last words"])

    def test_visitor_vanishes(self) -> None:
        """The service does not wait for a visitor who is gone."""
        path = self.path("echo", "vanish")
        visitor = self.connect(path)
        visitor.send("here")
        self.assertEqual(visitor.recv(timeout=20), "here")
        visitor.socket.shutdown(socket.SHUT_RDWR)
        self.websockets.wait_for(path, "closed")

    def test_service_dies(self) -> None:
        """The visitor is told that it is over."""
        visitor = self.connect(self.path("terminate"))
        visitor.send("now")
        self.assertEqual(self.ended(visitor)[0], self.death_seen)


def close_after(data: bytes) -> Any:
    """An answer whose end is that of the connection."""

    def send(exchange: ServiceLeg) -> None:
        exchange.read_body()
        exchange.send(data)
        exchange.over = True

    return send


def send_continue(exchange: ServiceLeg) -> None:
    """100, then the body, then the answer."""
    exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    plain(exchange)
