"""Requests of tunnels that have rules, as visitors send them: what is refused reaches nobody."""

from sellia.protocol.messages import TunnelOptions
from tests.server.support import UPGRADE, ServerCase, chunked, get, post


class RuledCase(ServerCase):
    options = TunnelOptions()

    def setUp(self) -> None:
        super().setUp()
        self.stage.open_tunnel("demo", options=self.options)

    def assert_refused(self, request: bytes, status: int, word: str, host: str = "203.0.113.7") -> bytes:
        """A request is answered so, and nobody has been asked."""
        before = len(self.stage.asked)
        said = self.stage.visitor(request, host=host).read()
        self.assertIn(b"HTTP/1.1 %d " % status, said)
        self.assertIn(f"Sellia-Error: {word}".encode(), said)
        self.assertEqual(len(self.stage.asked), before)
        return said

    def assert_passes(self, request: bytes, host: str = "203.0.113.7") -> None:
        before = len(self.stage.asked)
        self.stage.visitor(request, host=host)
        self.assertEqual(len(self.stage.asked), before + 1)


class AddressTests(RuledCase):
    options = TunnelOptions(allow=["203.0.113.0/24"])

    def test_strangers(self) -> None:
        self.assert_passes(get())
        self.assert_refused(get(), 403, "forbidden", host="198.51.100.1")
        smuggled = get(b"/", b"X-Forwarded-For: 203.0.113.7", b"Forwarded: for=203.0.113.7", b"X-Real-IP: 203.0.113.7")
        self.assert_refused(smuggled, 403, "forbidden", host="198.51.100.1")
        self.assert_refused(UPGRADE, 403, "forbidden", host="198.51.100.1")


class MethodTests(RuledCase):
    options = TunnelOptions(methods=["GET"])

    def test_others_are_refused(self) -> None:
        self.assert_passes(get())
        self.assert_passes(UPGRADE)
        self.assertIn(b"Allow: GET\r\n", self.assert_refused(post(b"x"), 405, "method-not-allowed"))
        for method in (b"HEAD", b"get", b"PROPFIND", b"X-UNKNOWN"):
            self.assert_refused(get(method=method), 405, "method-not-allowed")

    def test_in_other_spellings(self) -> None:
        self.assert_refused(get(b"http://demo.localhost/x", method=b"DELETE"), 405, "method-not-allowed")
        self.assert_refused(b"POST / HTTP/1.0\r\nHost: demo.localhost\r\n\r\n", 405, "method-not-allowed")
        self.assert_refused(get(b"/", b"X_HTTP_Method_Override: delete"), 405, "method-not-allowed")

    def test_what_is_behind_a_refused_one(self) -> None:
        """Nothing of a body is taken for the next request."""
        self.stage.visitor(post(get()))
        self.assertEqual(self.stage.asked, [])


class BodyTests(RuledCase):
    options = TunnelOptions(max_body=10)

    def test_declared(self) -> None:
        self.assert_passes(post(b"x" * 10))
        self.assert_refused(post(b"x" * 11), 413, "body-too-large")
        self.assert_refused(post(b"", length=10**17), 413, "body-too-large")

    def test_who_waits_for_100_is_refused_at_once(self) -> None:
        said = self.assert_refused(post(b"", b"Expect: 100-continue", length=11), 413, "body-too-large")
        self.assertNotIn(b"100 Continue", said)

    def test_chunked_at_the_edge(self) -> None:
        visitor, service = self.stage.ask(chunked(b"x" * 6, b"y" * 4) + b"0\r\n\r\n")
        service.answer(b"ok")
        self.assert_answers(visitor, (200, None))

    def test_chunked_beyond(self) -> None:
        """What is too much does not reach the service, whose request is reset."""
        visitor, service = self.stage.ask(chunked(b"x" * 10))
        visitor.send(b"1\r\ny\r\n")
        self.assert_answers(visitor, (413, "body-too-large"))
        self.assertNotIn(b"y", b"".join(data for kind, data in _data(service.events)))
        self.assertNotEqual(visitor.end, "open")

    def test_chunked_in_one_piece(self) -> None:
        visitor = self.stage.visitor(chunked(b"x" * 11) + b"0\r\n\r\n" + get())
        self.assert_answers(visitor, (413, "body-too-large"))
        self.assertLessEqual(len(self.stage.asked), 1)

    def test_both_lengths(self) -> None:
        """A length that is not the body's is no way around."""
        request = get(b"/in", b"Content-Length: 1", b"Transfer-Encoding: chunked", method=b"POST")
        self.assert_refused(request + b"b\r\nxxxxxxxxxxx\r\n0\r\n\r\n", 400, "bad-request")
        before = b"POST / HTTP/1.0\r\nHost: demo.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assert_refused(before + b"b\r\nxxxxxxxxxxx\r\n0\r\n\r\n", 400, "bad-request")


def _data(events: list[tuple[object, ...]]) -> list[tuple[str, bytes]]:
    return [(str(each[0]), each[1]) for each in events if len(each) > 1 and isinstance(each[1], bytes)]


class VisitorRateTests(RuledCase):
    options = TunnelOptions(visitor_burst=2, visitor_rate=0.5)

    def test_one_visitor(self) -> None:
        self.assert_passes(get())
        self.assert_passes(UPGRADE)
        said = self.assert_refused(get(), 429, "rate-limited")
        self.assertIn(b"Retry-After: 2\r\n", said)
        self.assertIn(b"0.5 requests a second, 2 at once", said)
        self.assert_refused(UPGRADE, 429, "rate-limited")
        self.assert_passes(get(), host="203.0.113.8")
        self.stage.clock.advance(2.0)
        self.assert_passes(get())
        self.assert_refused(get(), 429, "rate-limited")

    def test_what_a_visitor_says_of_itself(self) -> None:
        for number in range(2):
            self.assert_passes(get(b"/", b"X-Forwarded-For: 10.0.0.%d" % number))
        self.assert_refused(get(b"/", b"X-Forwarded-For: 10.0.0.9"), 429, "rate-limited")

    def test_a_network_of_ipv6_is_one(self) -> None:
        self.assert_passes(get(), host="2001:db8::1")
        self.assert_passes(get(), host="2001:db8::2")
        self.assert_refused(get(), 429, "rate-limited", host="2001:db8:0:0:ffff::3")
        self.assert_passes(get(), host="2001:db8:0:1::1")

    def test_an_address_of_ipv4_is_one_however_it_comes(self) -> None:
        self.assert_passes(get())
        self.assert_passes(get(), host="::ffff:203.0.113.7")
        self.assert_refused(get(), 429, "rate-limited")
