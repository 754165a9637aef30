"""Requests that are refused: what is wrong with one, and each limit at its edge and as an attacker sees it."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import BAD_REQUEST, HEADER_TOO_LARGE, HTTP_VERSION_NOT_SUPPORTED, TARGET_TOO_LONG, Problem
from tests.server.reading import FIELDS, READ, SECTION, TARGET, Sink, chunked, get, octet_by_octet, post, read, reader


class RefusalTests(SynchronousTestCase):
    """What is wrong is refused, however it is cut, and the sink is told of no request."""

    def refused(self, data: bytes, problem: Problem = BAD_REQUEST, begun: bool = False) -> None:
        for pieces in ([data], octet_by_octet(data)) if len(data) < 2000 else ([data],):
            sink, _, found = read(*pieces)
            self.assertIs(found, problem, data[:120])
            self.assertEqual(sink.ends, [], data[:120])
            self.assertEqual(bool(sink.requests), begun, data[:120])

    def test_lengths(self) -> None:
        for value in (
            b"+3",
            b"0x3",
            b"0" * 50 + b"3",
            b"3" * 5000,
            b"",
            b"3, 3",
            b"3 3",
            b"-3",
            b"3.0",
            b"1" * 19,
        ):
            self.refused(post(b"abc", b"Content-Length: " + value))
        self.refused(post(b"abc", b"Content-Length: 3", b"Content-Length: 3"))
        self.refused(post(b"abc", b"Content-Length: 3", b"content-length: 4"))

    def test_codings(self) -> None:
        for value in (
            b"identity", b"identity, chunked", b"xchunked", b"chunked, chunked", b"gzip, chunked", b"chunked, gzip",
            b"chunked;a=b", b'"chunked"', b"\x0bchunked", b"", b"chunked,",
        ):  # fmt: skip
            self.refused(post(b"0\r\n\r\n", b"Transfer-Encoding: " + value))
        self.refused(post(b"0\r\n\r\n", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"))
        self.refused(post(b"0\r\n\r\n", b"Transfer-Encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0"))

    def test_both_framings(self) -> None:
        self.refused(post(b"0\r\n\r\n", b"Transfer-Encoding: chunked", b"Content-Length: 5"))
        self.refused(post(b"0\r\n\r\n", b"Content-Length: 5", b"Transfer-Encoding: chunked"))

    def test_lines(self) -> None:
        for field in (
            b"A: b\r\n c", b"A: b\r\n\tc", b"A: b\nB: c", b"A: b\rB: c", b"A : b", b"A\t: b", b" A: b", b"A", b": b",
            b"A: b\x00c", b"A: b\x01c", b"A: b\x7fc", b"A: b\x0bc",
            b"A\x00: b", b"A\x85: b", b"A(: b", b"A\xc2\x85: b",
        ):  # fmt: skip
            self.refused(get(field))
        for data in (
            b"GET / HTTP/1.1\nHost: a\n\n",
            b"GET / HTTP/1.1\rHost: a\r\r",
            b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\n",
            b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
            b" GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ):
            self.refused(data)

    def test_high_octets_pass_in_values(self) -> None:
        """UTF-8 and Latin-1 both do, as they would if there were no relay."""
        for value in ("Grüße".encode(), b"caf\xe9", b"a\tb", "\u2005".encode()):
            sink, _, problem = read(get(b"A: " + value))
            self.assertIsNone(problem)
            self.assertEqual(sink.requests[0].values(b"a"), [value])

    def test_targets(self) -> None:
        for target in (b"/\x00", b"/\x85", b"/\xc2\x85", b"/\x7f", b"/a\tb", b"/a b", b"/\x1b[2J", b"x", b"", b"/\r"):
            self.refused(get(target=target))

    def test_chunks(self) -> None:
        for body in (
            b"3\nabc\r\n0\r\n\r\n", b"0x3\r\nabc\r\n0\r\n\r\n", b"1_0\r\n", b"3;a\nxx\r\nabc\r\n0\r\n\r\n",
            b"f" * 17 + b"\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"3\r\nabc0\r\n\r\n", b"3 \r\nabc\r\n0\r\n\r\n", b"-3\r\n",
            b"+3\r\n", b"\r\n", b"g\r\n", b"3\r\nabc\n0\r\n\r\n", b"0\r\nA: b\nC: d\r\n\r\n", b"0\n\n", b"0\r\n\n",
        ):  # fmt: skip
            self.refused(chunked(body), begun=True)

    def test_trailers(self) -> None:
        for field in (
            b"Content-Length: 3", b"Transfer-Encoding: chunked", b"content_length: 3", b"A : b",
            b"A: b\r\n c",
        ):  # fmt: skip
            self.refused(chunked(b"0\r\n" + field + b"\r\n\r\n"), begun=True)

    def test_versions(self) -> None:
        for version in (b"0.9", b"2.0", b"1.2", b"3.0", b"9.9"):
            sink, _, problem = read(get(version=version))
            self.assertIs(problem, HTTP_VERSION_NOT_SUPPORTED)
            self.assertEqual(sink.requests, [])
        self.refused(b"GET /\r\nHost: a\r\n\r\n", HTTP_VERSION_NOT_SUPPORTED)

    def test_other_protocols(self) -> None:
        for data in (b"\x16\x03\x01\x00\xa5\x01\x00\x00", b"SSH-2.0-OpenSSH_9.2\r\n", b"EHLO a.example\r\n\r\n"):
            self.refused(data)

    def test_a_good_request_before_it_counts(self) -> None:
        sink, _, problem = read(get() + get(b"A : b"))
        self.assertIs(problem, BAD_REQUEST)
        self.assertEqual((len(sink.requests), len(sink.ends)), (1, 1))


class LimitTests(SynchronousTestCase):
    """Each limit at its exact edge, and as an attacker sees it: nothing that comes without an end is kept."""

    def test_target(self) -> None:
        for size, problem in ((TARGET, None), (TARGET + 1, TARGET_TOO_LONG)):
            data = get(target=b"/" + b"x" * (size - 1))
            self.assertIs(read(data)[2], problem)
            self.assertIs(read(data[:5000], data[5000:])[2], problem)

    def test_endless_target(self) -> None:
        self.assertIs(read(b"GET /", *[b"x" * 1000] * 20)[2], TARGET_TOO_LONG)

    def test_section(self) -> None:
        """Names, values, and four octets for each field: Host and the other."""
        overhead = len(b"Hosta") + 4 + len(b"A") + 4
        for size, problem in ((SECTION, None), (SECTION + 1, HEADER_TOO_LARGE)):
            data = get(b"A: " + b"x" * (size - overhead))
            self.assertIs(read(data)[2], problem)
            self.assertIs(read(data[:READ], data[READ:])[2], problem)

    def test_fields(self) -> None:
        for count, problem in ((FIELDS, None), (FIELDS + 1, HEADER_TOO_LARGE)):
            self.assertIs(read(get(*[b"A: b"] * (count - 1)))[2], problem)

    def test_trailer_fields(self) -> None:
        for count, problem in ((FIELDS, None), (FIELDS + 1, HEADER_TOO_LARGE)):
            self.assertIs(read(chunked(b"0\r\n" + b"A: b\r\n" * count + b"\r\n"))[2], problem)

    def endless(self, start: bytes, piece: bytes) -> None:
        """It is refused before three reads of it have been kept."""
        sink = Sink()
        it = reader(sink)
        it.feed(start)
        fed = 0
        try:
            while fed < 10 * READ:
                it.feed(piece)
                fed += len(piece)
        except ProblemError as refusal:
            self.assertIs(refusal.problem, HEADER_TOO_LARGE)
        self.assertLessEqual(fed, 2 * READ)

    def test_endless_value(self) -> None:
        self.endless(get()[:-2] + b"A: ", b"x" * 1000)
        self.endless(get()[:-2] + b"A: ", b"x" * READ)

    def test_endless_name(self) -> None:
        self.endless(get()[:-2], b"x" * 1000)

    def test_endless_white_space(self) -> None:
        self.endless(get()[:-2] + b"A: ", b" " * 1000)

    def test_endless_trailer(self) -> None:
        self.endless(chunked(b"3\r\nabc\r\n0\r\nA: "), b"x" * 1000)

    def test_endless_extension(self) -> None:
        self.endless(chunked(b"3;"), b"x" * 1000)

    def test_method_without_end(self) -> None:
        self.assertIs(read(*octet_by_octet(b"X" * 40))[2], BAD_REQUEST)

    def test_a_large_head_behind_the_body_before_it(self) -> None:
        """What came before a head is not held against it."""
        body = b"x" * 60_000
        field = b"A: " + b"y" * 20_000
        data = post(body, b"Content-Length: 60000") + get(field)
        sink, _, problem = read(data[:READ], *[data[at : at + 5000] for at in range(READ, len(data), 5000)])
        self.assertIsNone(problem)
        self.assertEqual(len(sink.ends), 2)

    def test_a_body_is_no_head(self) -> None:
        """A body of any size and cut passes."""
        chunk = b"2000\r\n" + b"x" * 0x2000 + b"\r\n"
        sink, _, problem = read(chunked(b""), *[chunk] * 100, b"0\r\nA: b\r\n", b"\r\n")
        self.assertIsNone(problem)
        self.assertEqual(len(sink.bodies[0]), 100 * 0x2000)
