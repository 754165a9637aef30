"""Interim responses on connections of visitors, and on those of proxies."""

from __future__ import annotations

from typing import Any

from tests.server.support import ACCEPT, UPGRADE, ServerCase, Service, Visitor, get, post

PROXY, KNOWING = "10.0.0.1", "10.0.0.2"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECT = post(b"", b"Expect: 100-Continue", length=2)


class InterimTests(ServerCase):
    settings: dict[str, Any] = {"trust_proxy": f"{PROXY}, {KNOWING}", "interim_responses": KNOWING}

    def from_(self, host: str, request: bytes) -> tuple[Visitor, Service]:
        visitor = self.stage.visitor(request, host=host)
        return visitor, self.stage.asked[-1]

    def hints(self, host: str, request: bytes) -> bytes:
        """What a 103 makes of itself; the answer comes all the same."""
        visitor, service = self.from_(host, request)
        service.head(103, (b"Link", b"</a>"), reason=b"Early Hints")
        told = visitor.read()
        service.answer(b"x")
        self.assertIn(b"HTTP/1.1 200 OK\r\n", visitor.read())
        return told

    def test_early_hints(self) -> None:
        """To visitors themselves and to proxies that know them."""
        self.assertEqual(self.hints("203.0.113.7", get()), HINTS)
        self.assertEqual(self.hints(KNOWING, get(b"/", b"X-Forwarded-For: 192.0.2.1")), HINTS)
        self.assertEqual(self.hints(PROXY, get()), b"")
        self.assertEqual(self.hints(PROXY, get(method=b"HEAD")), b"")

    def test_a_proxy_that_nobody_has_named(self) -> None:
        """It is known by what it adds."""
        for field in (b"Via: 1.1 a", b"x-forwarded-for: 1.2.3.4", b"Forwarded: for=1", b"X-Real-IP: 1.2.3.4"):
            self.assertEqual(self.hints("203.0.113.7", get(b"/", field)), b"", field)

    def test_behind_more_fields_than_are_kept(self) -> None:
        """A request that waits lets go of fields, and not of those that tell of a proxy."""
        for others in ([b"A: b"] * 100, [b"Accept: a"] * 100, [b"Origin: a"] * 60 + [b"Expect: b"] * 40):
            for field in (b"Via: 1.1 a", b"X-Forwarded-For: 1.2.3.4"):
                self.assertEqual(self.hints("203.0.113.7", get(b"/", *others, field)), b"", field)
                self.assertEqual(self.hints("203.0.113.7", get(b"/", field, *others)), b"", field)
            self.assertEqual(self.hints("203.0.113.7", get(b"/", *others)), HINTS)

    def test_continue_as_it_was_asked_for(self) -> None:
        """Once, and without a field; the body then goes on."""
        visitor, service = self.from_(PROXY, EXPECT)
        service.head(103, reason=b"Early Hints")
        self.assertEqual(visitor.read(), b"")
        for expected in (CONTINUE, b"", b""):
            service.head(100, (b"X-A", b"b"), reason=b"Go on")
            self.assertEqual(visitor.read(), expected)
        visitor.send(b"hi")
        self.assertEqual((service.data, service.ended), (b"hi", True))

    def test_continue_that_nobody_asked_for(self) -> None:
        visitor, service = self.from_(PROXY, get())
        service.head(100, reason=b"Continue")
        self.assertEqual(visitor.read(), b"")

    def test_handshakes(self) -> None:
        """The 101 goes to a proxy, and nothing before it."""
        visitor, service = self.from_(PROXY, UPGRADE)
        service.head(103, reason=b"Early Hints")
        service.head(100, reason=b"Continue")
        self.assertEqual(visitor.read(), b"")
        service.head(101, (b"Sec-WebSocket-Accept", ACCEPT), reason=b"Switching Protocols")
        self.assertTrue(visitor.read().startswith(b"HTTP/1.1 101 "))
