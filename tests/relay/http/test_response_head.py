"""Parsing of response heads; the reader's tests have what is forgiven, this one where sections end."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import BAD_SERVICE_RESPONSE
from sellia.protocol.limits import HEADER_COUNT_LIMIT
from sellia.relay.http.response_head import fields_of, lines_of, may_be_status_line, parse_head, section_end


class ResponseHeadTests(SynchronousTestCase):
    def test_ends(self) -> None:
        for section, rest in (
            (b"A: b\r\n\r\n", b""),
            (b"A: b\n\n", b"x"),
            (b"A: b\r\n\n", b"x"),
            (b"A: b\n\r\n", b"\r\n\r\n"),
        ):
            end, behind = section_end(section + rest)
            self.assertEqual(lines_of(section[:end], "head"), [b"A: b"])
            self.assertEqual((section + rest)[behind:], rest)
        self.assertEqual(section_end(b"A: b\r\n\r")[0], -1)

    def test_beginnings(self) -> None:
        for data in (b"", b"H", b"HTTP/1", b"HTTP/1.1 200", b"ICY 200", b"IC"):
            self.assertTrue(may_be_status_line(data), data)
        for data in (b"h", b"HTTP/2", b"ICX ", b"\r\n"):
            self.assertFalse(may_be_status_line(data), data)

    def test_a_head(self) -> None:
        expected = (404, 0, b"Not There", fields(b"A: b", b"C: d e"))
        self.assertEqual(parse_head(b"HTTP/1.0 404 Not There\r\nA: b\r\nC : d\r\n e"), expected)

    def test_faults_are_predicates_of_the_service(self) -> None:
        for section in (
            b"HTTP/1.1 99 X",
            b"HTTP/1.1 200 O\x00K",
            b"HTTP/1.1 200 OK" + b"\r\nA: b" * (HEADER_COUNT_LIMIT + 1),
        ):
            error = self.assertRaises(ProblemError, parse_head, section)
            self.assertIs(error.problem, BAD_SERVICE_RESPONSE)
            self.assertRegex(error.detail, r"\A[a-z].*[^.]\Z")


def fields(*lines: bytes) -> list[tuple[bytes, bytes]]:
    return fields_of(list(lines), "head")
