"""What twisted.web has read is held to Sellia's own rules before anything is made of it."""

from __future__ import annotations

import io
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers

from sellia.errors import ProblemError
from sellia.server.embedding.request_head import read_head, target_of

HANDSHAKE = (("Upgrade", "websocket"), ("Connection", "keep-alive, Upgrade"), ("Sec-WebSocket-Key", "x"))


class Read:
    """A request as twisted.web gives it to a Resource."""

    def __init__(
        self,
        *fields: tuple[str, str],
        method: bytes = b"GET",
        uri: bytes = b"/",
        version: bytes = b"HTTP/1.1",
        body: bytes = b"",
        prepath: tuple[bytes, ...] = (),
    ) -> None:
        self.method, self.uri, self.clientproto = method, uri, version
        self.requestHeaders = Headers()
        for name, value in (("Host", "a.test:80"), *fields):
            self.requestHeaders.addRawHeader(name, value)
        self.content = io.BytesIO(body)
        self.channel: Any = HTTPChannel()
        self.prepath = list(prepath)


class HeadTests(SynchronousTestCase):
    def refusal(self, read: Read) -> str:
        return self.assertRaises(ProblemError, read_head, read).problem.code

    def test_plain(self) -> None:
        request = read_head(Read(("x-a", "1"), ("X-B", "2"), ("X-A", "3"), uri=b"/?q", version=b"HTTP/1.0"))
        self.assertEqual((request.method, request.target, request.minor), (b"GET", b"/?q", 0))
        self.assertEqual(request.values(b"x-a"), [b"1", b"3"])
        self.assertEqual(request.hosts, [b"a.test:80"])
        self.assertFalse(request.has_body or request.upgrade)

    def test_bodies(self) -> None:
        by_length = read_head(Read(("Content-Length", "3"), body=b"abc"))
        self.assertEqual((by_length.length, by_length.chunked), (3, False))
        empty = read_head(Read(("Content-Length", "0")))
        self.assertEqual((empty.length, empty.has_body), (0, False))
        chunks = read_head(Read(("Transfer-Encoding", "Chunked")))
        self.assertEqual((chunks.length, chunks.chunked), (None, True))

    def test_body_without_a_framing(self) -> None:
        """As HTTP/2 has it; the body can still be read from its start."""
        read = Read(version=b"HTTP/2", body=b"abc")
        self.assertTrue(read_head(read).chunked)
        self.assertEqual(read.content.read(), b"abc")

    def test_upgrade(self) -> None:
        self.assertTrue(read_head(Read(*HANDSHAKE)).upgrade)

    def test_no_upgrade(self) -> None:
        """Another protocol, method or version, or a connection that is not said to change."""
        for read in (
            Read(("Upgrade", "h2c"), ("Connection", "Upgrade")),
            Read(("Upgrade", "websocket")),
            Read(*HANDSHAKE, method=b"HEAD"),
            Read(*HANDSHAKE, version=b"HTTP/1.0"),
            Read(*HANDSHAKE, version=b"HTTP/2"),
        ):
            self.assertFalse(read_head(read).upgrade)
        elsewhere = Read(*HANDSHAKE)
        elsewhere.channel = object()
        self.assertFalse(read_head(elsewhere).upgrade)

    def test_upgrade_with_a_body(self) -> None:
        self.assertEqual(self.refusal(Read(*HANDSHAKE, ("Content-Length", "1"), body=b"x")), "bad-request")

    def test_expectation_has_been_met(self) -> None:
        self.assertEqual(read_head(Read(("Expect", "100-Continue"))).values(b"expect"), [])
        self.assertEqual(read_head(Read(("Expect", "more"))).values(b"expect"), [b"more"])

    def test_refused(self) -> None:
        self.assertEqual(self.refusal(Read(method=b"CONNECT")), "method-not-allowed")
        self.assertEqual(self.refusal(Read(method=b"G(T")), "bad-request")
        self.assertEqual(self.refusal(Read(uri=b"/\x01")), "bad-request")
        self.assertEqual(self.refusal(Read(("X-A", "a\x01b"))), "bad-request")


class TargetTests(SynchronousTestCase):
    def target(self, uri: bytes, *prepath: bytes) -> bytes:
        read = Read(uri=uri, prepath=prepath)
        return target_of(read, read_head(read))

    def test_whole(self) -> None:
        """Octet for octet where the Resource is at the root."""
        for uri in (b"/", b"//", b"/a%2fb//c?d=/e?f", b"/%zz", b"/a;b"):
            self.assertEqual(self.target(uri), uri)

    def test_below_the_resource(self) -> None:
        self.assertEqual(self.target(b"/app/a%2Fb//c?d/e", b"app"), b"/a%2Fb//c?d/e")
        self.assertEqual(self.target(b"/app?q", b"app"), b"/?q")
        self.assertEqual(self.target(b"/app/", b"app"), b"/")
        self.assertEqual(self.target(b"/x/app//y", b"x", b"app"), b"//y")

    def test_absolute_form(self) -> None:
        self.assertEqual(self.target(b"http://A.test/x?y"), b"/x?y")

    def test_refused(self) -> None:
        for read in (
            Read(uri=b"http://b.test/"),
            Read(uri=b"x"),
            Read(("Host", "b.test")),
            Read(("Host", "a.test:80")),
        ):
            refusal = self.assertRaises(ProblemError, target_of, read, read_head(read))
            self.assertEqual(refusal.problem.code, "bad-host")
