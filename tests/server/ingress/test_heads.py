"""Heads of requests: what is legal passes in its plainest spelling, and nothing else does."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.server.ingress.heads import judge_trailers, plain_values
from tests.server.reading import chunked, get, post, read


class PlainTests(SynchronousTestCase):
    """What a service sees of what is written in an unusual way."""

    def headers(self, *fields: bytes) -> list[tuple[bytes, bytes]]:
        sink, _, problem = read(get(*fields))
        self.assertIsNone(problem, fields)
        return [pair for pair in sink.requests[0].headers if pair[0] != b"Host"]

    def test_white_space(self) -> None:
        for value in (b"b", b" b", b"b ", b"\tb\t ", b"  b"):
            [(_, seen), (_, empty)] = self.headers(b"A:" + value, b"C:  ")
            self.assertEqual((seen.strip(b" \t"), empty), (b"b", b""))
        self.assertEqual(self.headers(b"A: b \t c"), [(b"A", b"b \t c")])

    def test_host(self) -> None:
        sink, _, _ = read(b"GET / HTTP/1.1\r\nHost: a.b \r\n\r\n")
        self.assertEqual(sink.requests[0].hosts, [b"a.b"])
        self.assertEqual(sink.requests[0].headers, [(b"Host", b"a.b")])

    def test_a_line_end_of_unicode_is_a_space(self) -> None:
        for value, seen in (
            (b"b\x85c", b"b c"),
            (b"\xc2\x85b", b" b"),
            ("\u4f60\x85".encode(), "\u4f60 ".encode()),
            (b"\x83\x85", b"\x83 "),  # of Shift-JIS
            ("\u00c5\u2026".encode(), "\u00c5\u2026".encode()),  # has 0x85 in it, and is no line end
        ):
            self.assertEqual(self.headers(b"A: x" + value + b"y"), [(b"A", b"x" + seen + b"y")])

    def test_lengths(self) -> None:
        for spelling in (b"3", b"003", b"0" * 32 + b"3", b"3 ", b"3\t", b" 3 "):
            sink, _, problem = read(post(b"abc", b"content-Length:" + spelling) + get(target=b"/next"))
            self.assertIsNone(problem, spelling)
            self.assertEqual(sink.requests[0].headers[1], (b"content-Length", b"3"))
            self.assertEqual(sink.requests[0].length, 3)
            self.assertEqual(sink.bodies, [b"abc", b""])
        self.assertEqual(self.headers(b"Content-Length: 000"), [(b"Content-Length", b"0")])

    def test_codings(self) -> None:
        for spelling in (b"chunked", b" CHUNKED", b"chunked ", b"  Chunked  "):
            sink, _, problem = read(post(b"3\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding:" + spelling) + get())
            self.assertIsNone(problem, spelling)
            self.assertEqual(sink.bodies, [b"abc", b""])

    def test_trailers(self) -> None:
        sink, _, problem = read(chunked(b"0\r\nA: b\x85 \r\nC:d\t\r\n\r\n") + get())
        self.assertIsNone(problem)
        self.assertEqual(sink.ends, [[(b"A", b"b  "), (b"C", b"d\t")], []])
        self.assertRaises(ProblemError, judge_trailers, [(b"content_length", b"3")])

    @given(st.lists(st.binary(max_size=6), max_size=4))
    def test_values_of_any_kind(self, values: list[bytes]) -> None:
        """What passes has nothing that splits it, and nothing behind it."""
        try:
            plain = plain_values([(b"A", value) for value in values])
        except ProblemError:
            assert any(byte < 0x20 and byte != 9 or byte == 0x7F for value in values for byte in value)
            return
        assert len(plain) == len(values)
        for (_, after), before in zip(plain, values, strict=True):
            assert len(after.decode("utf-8", "replace").splitlines()) <= 1 or b"\xe2\x80" in before
            assert not after.endswith((b"\r", b"\n"))
