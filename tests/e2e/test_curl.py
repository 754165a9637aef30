"""HTTP as curl and a service see it. Exact bytes: the service is a `Recorder`."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from pathlib import Path

from tests.e2e.curl_case import BIG, PIECE, CurlTests, answer, ask, parts
from tests.e2e.recorder import Answer, ServiceLeg, plain
from tests.e2e.stage import curl_argv
from tests.processes import Process


class RequestTests(CurlTests):
    """What reaches the service."""

    def test_headers_in_order_and_in_their_spelling(self) -> None:
        """Header lines reach the service in order, repeated ones apart, names and values as the visitor wrote them."""
        wanted = [("X-One", "1"), ("x-LOWER", "two  words"), ("X-One", "3"), ("Cookie", "a=1; b=2"), ("X-Empty", "")]
        options = [part for name, value in wanted for part in ("-H", f"{name}: {value}" if value else f"{name};")]
        self.assertEqual(self.succeed(ask("/headers", *options)), b"ok\n")
        [exchange] = self.service.exchanges("/headers")
        names = {name for name, _ in wanted}
        self.assertEqual([pair for pair in exchange.headers if pair[0] in names], wanted)
        self.assertEqual(exchange.header("Host"), self.place.authority)

    def test_target_byte_for_byte(self) -> None:
        """Double slashes, dots, percent-encoding in both cases, and the query arrive as the visitor wrote them."""
        target = "//a//b/../%2e%2E/%2f%C3%bc;p=1/x.y?q=%20+&&q=%2F?/../"
        self.succeed(ask(target, "--path-as-is", "--globoff"))
        self.assertEqual(len(self.service.exchanges(target)), 1)

    def test_methods(self) -> None:
        """Any method reaches the service, with or without a body."""
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PURGE"):
            for body in ("", "some=body"):
                path = f"/method/{method}/{len(body)}"
                output = self.succeed(ask(path, "--request", method, *(["--data", body] if body else [])))
                self.assertEqual(output, b"ok\n")
                [exchange] = self.service.exchanges(path)
                self.assertEqual((exchange.method, bytes(exchange.body)), (method, body.encode()))

    def test_large_upload_with_a_length(self) -> None:
        """A large PUT keeps its Content-Length and arrives whole."""
        with tempfile.NamedTemporaryFile() as upload:
            expected = write_big(upload.name)
            self.succeed(ask("/put", "--upload-file", upload.name))
        [exchange] = self.service.exchanges("/put")
        self.assertEqual(exchange.header("Content-Length"), str(BIG))
        self.assertEqual((exchange.length, exchange.digest), (BIG, expected))

    def test_large_upload_in_chunks(self) -> None:
        """A large upload of unknown length arrives whole and chunked, not buffered until its length is known."""
        data = PIECE * 64
        self.succeed(ask("/put-chunked", "--upload-file", "-", stdin=data))
        [exchange] = self.service.exchanges("/put-chunked")
        self.assertEqual(exchange.header("Transfer-Encoding"), "chunked")
        self.assertEqual((exchange.length, exchange.digest), (len(data), hashlib.sha256(data).hexdigest()))

    def test_expect_continue_waits_for_the_service(self) -> None:
        """The body follows the service's own ``100 Continue``, and the final answer follows the body."""
        self.service.on("/expect", send_continue)
        options = ["-H", "Expect: 100-continue", "--expect100-timeout", "50", "--include", "--data", "x" * 2000]
        output = self.succeed(ask("/expect", *options))
        self.assertTrue(output.startswith(b"HTTP/1.1 100"), output)
        [exchange] = self.service.exchanges("/expect")
        self.assertEqual(exchange.length, 2000)

    def test_expect_continue_refused(self) -> None:
        """A service that refuses by the head alone is believed: curl never sends the body."""
        refusal = answer("Content-Length: 3", "Connection: close", status="417 No", body=b"no\n")

        def refuse(exchange: ServiceLeg) -> None:
            exchange.send(refusal)
            exchange.over = True

        self.service.on("/expect-not", refuse)
        options = ["-H", "Expect: 100-continue", "--expect100-timeout", "50", "--data", "x" * 2000]
        finished = ask("/expect-not", *options, "--write-out", "%{http_code} %{size_upload}")
        self.assertEqual(self.succeed(finished), b"no\n417 0")

    def test_answer_before_the_request_is_complete(self) -> None:
        """A service that answers by the head alone is heard while the upload is still going on."""
        body = b"too much\n"
        self.service.on("/early", answer_early(answer("Content-Length: 9", status="413 Too Large", body=body)))
        with tempfile.NamedTemporaryFile() as upload:
            write_big(upload.name)
            finished = ask("/early", "-H", "Expect:", "--upload-file", upload.name, "--write-out", "%{http_code}")
        self.assertTrue(finished.output.endswith(b"413"), finished)

    def test_visitor_who_leaves_cancels_the_request(self) -> None:
        """When curl goes away in the middle of an answer, the service's connection ends as well."""
        left = threading.Event()

        def endless(exchange: ServiceLeg) -> None:
            exchange.send(answer("Content-Type: text/event-stream") + b"data: 1\n\n")
            try:
                exchange.wait_until_left()
            finally:
                left.set()

        self.service.on("/leave", endless)
        with Process(curl_argv(self.place, "/leave", "--no-buffer"), name="curl") as visitor:
            visitor.wait_for_line("data: 1")
        self.assertTrue(left.wait(20), "the service was not told that the visitor left")


class ResponseTests(CurlTests):
    """What reaches curl."""

    def test_headers_in_order_and_many_cookies(self) -> None:
        """Forty Set-Cookie lines and other repeated ones arrive apart, in order, in their spelling."""
        lines = [f"Set-Cookie: c{n}=v{n}; Path=/; HttpOnly" for n in range(40)]
        lines[20:20] = ["X-lower-UPPER: a", "Link: </a>", "Link: </b>"]
        self.service.on("/cookies", answer(*lines, "Content-Length: 0"))
        _, headers, _ = parts(self.succeed(ask("/cookies", "--include")))
        kept = [line.decode() for line in headers if line.split(b":")[0] in (b"Set-Cookie", b"X-lower-UPPER", b"Link")]
        self.assertEqual(kept, lines)

    def test_status_and_reason(self) -> None:
        """Unusual statuses arrive with their reason phrase."""
        self.service.on("/teapot", answer("Content-Length: 0", status="418 I'm a Teapot"))
        self.assertEqual(parts(self.succeed(ask("/teapot", "--include")))[0], b"HTTP/1.1 418 I'm a Teapot")

    def test_head(self) -> None:
        """HEAD keeps the Content-Length of the body that is not sent, and the connection goes on."""
        self.service.on("/head", answer("Content-Length: 12345", "ETag: x"))
        output = self.succeed(ask("/after-head", "--head", self.place.url("/head"), "--next", "--silent"))
        _, headers, rest = parts(output)
        self.assertIn(b"Content-Length: 12345", headers)
        self.assertEqual(rest, b"ok\n")

    def test_no_content_and_not_modified(self) -> None:
        """204 and 304 have no body and are given none; what a 304 says of the body it does not send stays."""
        self.service.on("/204", answer(status="204 No Content"))
        self.service.on("/304", answer('ETag: "v1"', "Content-Length: 77", status="304 Not Modified"))
        status, headers, body = parts(self.succeed(ask("/204", "--include")))
        self.assertEqual((status, body), (b"HTTP/1.1 204 No Content", b""))
        self.assertFalse([line for line in headers if line.lower().startswith((b"content-length", b"transfer-enc"))])
        status, headers, body = parts(self.succeed(ask("/304", "--include", "-H", 'If-None-Match: "v1"')))
        self.assertEqual((status, body), (b"HTTP/1.1 304 Not Modified", b""))
        self.assertIn(b'ETag: "v1"', headers)

    def test_chunked_with_trailers(self) -> None:
        """A chunked answer stays chunked, and its trailers arrive after it."""
        chunks = b"5\r\nhello\r\n6\r\n world\r\n0\r\nX-Checksum: abc\r\nX-Other: d\r\n\r\n"
        self.service.on("/trailers", answer("Transfer-Encoding: chunked", "Trailer: X-Checksum, X-Other") + chunks)
        options = ["--include", "--raw", "-H", "TE: trailers", "-H", "Connection: TE"]
        _, headers, body = parts(self.succeed(ask("/trailers", *options)))
        self.assertIn(b"transfer-encoding: chunked", [line.lower() for line in headers])
        self.assertTrue(body.endswith(b"0\r\nX-Checksum: abc\r\nX-Other: d\r\n\r\n"), body)
        self.assertEqual(self.succeed(ask("/trailers")), b"hello world")

    def test_large_download(self) -> None:
        """A large body with a Content-Length arrives whole."""
        expected = hashlib.sha256()

        def send(exchange: ServiceLeg) -> None:
            exchange.send(answer(f"Content-Length: {BIG}"))
            for number in range(BIG // len(PIECE)):
                piece = number.to_bytes(4, "big") + PIECE[4:]
                expected.update(piece)
                exchange.send(piece)

        self.service.on("/download", send)
        with tempfile.NamedTemporaryFile() as download:
            self.succeed(ask("/download", "--output", download.name))
            with open(download.name, "rb") as arrived:
                digest = hashlib.file_digest(arrived, "sha256").hexdigest()
        self.assertEqual(digest, expected.hexdigest())

    def test_server_sent_events_arrive_one_by_one(self) -> None:
        """Each event reaches curl before the service sends the next."""
        step = threading.Semaphore(0)

        def clock(exchange: ServiceLeg) -> None:
            exchange.read_body()
            exchange.send(answer("Content-Type: text/event-stream", "Cache-Control: no-cache", "Connection: close"))
            for number in range(5):
                exchange.send(f"data: {number}\n\n".encode())
                if not step.acquire(timeout=20):
                    raise AssertionError("the visitor never saw the event")
            exchange.over = True

        self.service.on("/events", clock)
        with Process(curl_argv(self.place, "/events", "--no-buffer"), name="curl") as visitor:
            for number in range(5):
                visitor.wait_for_line(f"data: {number}")
                self.assertNotIn(f"data: {number + 1}", visitor.output)
                step.release()
            self.assertEqual(visitor.wait_for_exit(), 0)

    def test_http_1_0_visitor(self) -> None:
        """A visitor who speaks HTTP/1.0 gets a body without chunks, ended by the end of the connection."""

        def send(exchange: ServiceLeg) -> None:
            chunked = exchange.version == "HTTP/1.1"
            exchange.send(answer("Transfer-Encoding: chunked") if chunked else answer())
            exchange.send(b"5\r\nhello\r\n0\r\n\r\n" if chunked else b"hello")

        self.service.on("/old", send)
        status, headers, body = parts(self.succeed(ask("/old", "--http1.0", "--include")))
        self.assertIn(b" 200 ", status)
        self.assertNotIn(b"transfer-encoding: chunked", [line.lower() for line in headers])
        self.assertEqual(body, b"hello")

    def test_keep_alive(self) -> None:
        """Requests one after the other go over one connection of the visitor's."""
        urls = [self.place.url(f"/again/{number}") for number in range(3)]
        output = self.succeed(ask("/again/3", "--write-out", "%{num_connects} ", *urls))
        self.assertEqual(output.replace(b"ok\n", b""), b"1 0 0 0 ")

    def test_early_hints(self) -> None:
        """A 103 arrives before the final answer, with its own headers."""
        hints = answer("Link: </style.css>; rel=preload", status="103 Early Hints")
        self.service.on("/hints", hints + answer("Content-Length: 3", body=b"ok\n"))
        output = self.succeed(ask("/hints", "--include"))
        first, _, rest = output.partition(b"\r\n\r\n")
        self.assertEqual(first, b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload")
        self.assertTrue(rest.startswith(b"HTTP/1.1 200 OK"), rest)

    def test_compressed_bodies_pass_untouched(self) -> None:
        """What the service compressed is neither inflated nor deflated again."""
        packed = bytes.fromhex("1f8b08000000000000034bcc4b0100a8f0cd9c03000000")
        lines = ["Content-Encoding: gzip", "Vary: Accept-Encoding", f"Content-Length: {len(packed)}"]
        self.service.on("/gzip", answer(*lines, body=packed))
        self.assertEqual(self.succeed(ask("/gzip", "-H", "Accept-Encoding: gzip", "--raw")), packed)

    def test_service_that_dies_in_the_middle(self) -> None:
        """An answer cut short, with a length or chunked, is broken for the visitor too: curl exits with 18."""
        endings = {
            "/cut-length": answer("Content-Length: 1000", body=b"half"),
            "/cut-chunked": answer("Transfer-Encoding: chunked", body=b"4\r\nhalf\r\n"),
        }
        for path, data in endings.items():
            self.service.on(path, send_and_cut(data))
            finished = ask(path)
            self.assertEqual((finished.status, finished.output), (18, b"half"), finished.errors)


def write_big(path: str) -> str:
    """Fill a file with `BIG` bytes that differ from piece to piece; their SHA-256."""
    digest = hashlib.sha256()
    with Path(path).open("wb") as file:
        for number in range(BIG // len(PIECE)):
            piece = number.to_bytes(4, "big") + PIECE[4:]
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def send_continue(exchange: ServiceLeg) -> None:
    """Ask for the body before reading it."""
    exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    plain(exchange)


def answer_early(data: bytes) -> Answer:
    """Answer by the head, then read what comes."""

    def early(exchange: ServiceLeg) -> None:
        exchange.send(data)
        exchange.over = True
        exchange.read_body()

    return early


def send_and_cut(data: bytes) -> Answer:
    """Send this much and end the connection."""

    def cut(exchange: ServiceLeg) -> None:
        exchange.read_body()
        exchange.send(data)
        exchange.cut()

    return cut
