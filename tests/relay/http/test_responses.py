"""Responses as services write them: what is forgiven, what is refused, and that pieces make no difference."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.protocol.limits import HEAD_LIMIT, HEADER_COUNT_LIMIT
from sellia.protocol.messages import Headers, ResponseHead
from sellia.relay.http.headers import response_to_visitor
from sellia.relay.http.responses import ResponseReader, check_head

OK = b"HTTP/1.1 200 OK\r\n"


class Answer:
    """What a reader made of some bytes."""

    def __init__(self, *pieces: bytes, bodiless: bool = False) -> None:
        self.interim: list[tuple[int, Headers]] = []
        self.reader = reader = ResponseReader(lambda status, _, headers: self.interim.append((status, headers)))
        reader.begin(bodiless=bodiless)
        for piece in pieces:
            if reader.complete:
                reader.rest += piece
            else:
                reader.feed(piece)
        self.head = reader.head
        self.body = b"".join(reader.body)

    @property
    def headers(self) -> Headers:
        assert self.head is not None
        return self.head.headers


class ForgivenTests(SynchronousTestCase):
    """As nginx and Caddy do."""

    def test_bare_line_feeds(self) -> None:
        """``python3 -m http.server --cgi``."""
        answer = Answer(b"HTTP/1.0 200 OK\nContent-Type: a\nContent-Length: 2\n\nhi")
        self.assertEqual(answer.headers, [(b"Content-Type", b"a"), (b"Content-Length", b"2")])
        self.assertEqual((answer.body, answer.reader.complete), (b"hi", True))

    def test_line_ends_of_both_kinds(self) -> None:
        for head in (b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\n", b"HTTP/1.1 200 OK\nA: b\r\nC: d\n\r\n"):
            self.assertEqual(Answer(head + b"x\n\ny\r\n\r\n").headers, [(b"A", b"b"), (b"C", b"d")])

    def test_white_space(self) -> None:
        answer = Answer(OK + b"A :  b \t\r\nContent-Length:\t 2  \r\n\r\nhi")
        self.assertEqual(answer.headers, [(b"A", b"b"), (b"Content-Length", b"2")])
        self.assertTrue(answer.reader.keep_alive)

    def test_a_field_in_two_lines(self) -> None:
        answer = Answer(OK + b"A: b\r\n\t c\r\n d\r\nB:\r\n e\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(answer.headers[:2], [(b"A", b"b c d"), (b"B", b"e")])

    def test_lengths(self) -> None:
        for fields in (
            b"Content-Length: 2\r\ncontent-length: 2\r\n",
            b"Content-Length: 2, 2\r\n",
        ):
            answer = Answer(OK + fields + b"\r\nhi")
            self.assertEqual(answer.headers, [(b"Content-Length", b"2")])
            self.assertFalse(answer.reader.keep_alive)
        answer = Answer(OK + b"Content-Length: 0002\r\n\r\nhi")
        self.assertEqual((answer.headers, answer.body), ([(b"Content-Length", b"2")], b"hi"))
        self.assertTrue(answer.reader.keep_alive)

    def test_a_length_beside_chunks(self) -> None:
        """The chunks count, the length goes, and the connection is not used again."""
        for fields in (
            b"Content-Length: 50\r\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: chunked \r\nContent-Length: 1\r\n",
        ):
            answer = Answer(OK + fields + b"\r\n2\r\nhi\r\n0\r\n\r\n")
            self.assertEqual((answer.headers, answer.body, answer.reader.complete), ([], b"hi", True))
            self.assertFalse(answer.reader.keep_alive)

    def test_chunks(self) -> None:
        for body in (
            b"2 \r\nhi\r\n0\r\n\r\n",
            b"2;name=value\r\nhi\r\n00\r\n\r\n",
            b"2\nhi\n0\n\n",
            b"1\r\nh\r\n1\t\r\ni\r\n0\r\n\r\n",
        ):
            answer = Answer(OK + b"Transfer-Encoding: chunked\r\n\r\n" + body)
            self.assertEqual((answer.body, answer.reader.complete, answer.reader.rest), (b"hi", True, b""))
            self.assertTrue(answer.reader.keep_alive)

    def test_icecast(self) -> None:
        answer = Answer(b"ICY 200 OK\r\nicy-name: x\r\n\r\nmusic")
        self.assertEqual((answer.body, answer.reader.until_close), (b"music", True))

    def test_no_reason(self) -> None:
        for line in (b"HTTP/1.1 200\r\n", b"HTTP/1.1 200 \r\n"):
            head = Answer(line + b"Content-Length: 0\r\n\r\n").head
            assert head is not None
            self.assertEqual((head.status, head.reason), (200, b""))

    def test_blank_lines_in_front(self) -> None:
        self.assertEqual(Answer(b"\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n").headers, [(b"Content-Length", b"0")])

    def test_old_encodings(self) -> None:
        value = b"attachment; filename=\x83\x85\x81\x5b.txt"
        self.assertEqual(Answer(OK + b"A: " + value + b"\r\nContent-Length: 0\r\n\r\n").headers[0], (b"A", value))

    def test_many_fields(self) -> None:
        fields = b"".join(b"A%d: b\r\n" % number for number in range(HEADER_COUNT_LIMIT))
        self.assertEqual(len(Answer(OK + fields + b"\r\n").headers), HEADER_COUNT_LIMIT)
        self.assertRaises(ProblemError, Answer, OK + fields + b"A: b\r\n\r\n")


class KeepAliveTests(SynchronousTestCase):
    def test_table(self) -> None:
        for version, fields, keep in (
            (b"1.1", b"", True),
            (b"1.1", b"Connection: close\r\n", False),
            (b"1.1", b"Connection: X\r\nconnection: Close , y\r\n", False),
            (b"1.0", b"", False),
            (b"1.0", b"Connection: Keep-Alive\r\n", True),
            (b"1.0", b"Connection: keep-alive, close\r\n", False),
            (b"1.0", b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n", False),
        ):
            answer = Answer(b"HTTP/%b 200 OK\r\n%bContent-Length: 0\r\n\r\n" % (version, fields))
            self.assertEqual(answer.reader.keep_alive, keep, msg=repr((version, fields)))


class InterimTests(SynchronousTestCase):
    def test_they_come_as_they_are(self) -> None:
        hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        answer = Answer(hint + hint + OK + b"Content-Length: 2\r\n\r\nhi")
        self.assertEqual(answer.interim, [(103, [(b"Link", b"</a>")])] * 2)
        self.assertEqual(answer.body, b"hi")

    def test_a_length_of_nothing_is_no_body(self) -> None:
        self.assertEqual(Answer(b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n").interim[0][0], 100)

    def test_a_body_is_refused(self) -> None:
        for fields in (b"Content-Length: 5", b"content-length: 05", b"Transfer-Encoding: chunked"):
            self.assertRaises(ProblemError, Answer, b"HTTP/1.1 104 X\r\n" + fields + b"\r\n\r\nhello")

    def test_switching(self) -> None:
        answer = Answer(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nrest")
        self.assertEqual(answer.reader.switched, (b"Switching", [(b"Upgrade", b"x")]))
        self.assertEqual(answer.reader.rest, b"rest")


class RefusedTests(SynchronousTestCase):
    def test_heads(self) -> None:
        for head in (
            b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
            b"HTTP/1.1 200 OK\nA: b\rc\n\n",
            b"HTTP/1.1 200 OK\r\nA: b\x00\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n",
            b"HTTP/1.1 200 a\x1bb\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 099 OK\r\n\r\n",
            b"HTTP/1.x 200 OK\r\n\r\n",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1\t200 OK\r\n\r\n",
        ):
            self.assertRaises(ProblemError, Answer, head)

    def test_chunks(self) -> None:
        for body in (
            b"zz\r\n",
            b"2\r\nhiX\r\n",
            b"2\r\nhi0\r\n\r\n",
            b"\r\n",
            b"1_0\r\n",
            b"-1\r\n",
            b"F" * 16 + b"\r\n",
        ):
            self.assertRaises(ProblemError, Answer, OK + b"Transfer-Encoding: chunked\r\n\r\n" + body)

    def test_trailers_with_control_characters(self) -> None:
        begun = OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
        self.assertRaises(ProblemError, Answer, begun + b"A: b\rc\r\n\r\n")
        self.assertEqual(Answer(begun + b"A B: x\r\nC: d\r\n\r\n").reader.trailers, [(b"C", b"d")])

    def test_what_is_not_http_is_refused_with_its_first_bytes(self) -> None:
        """A service that speaks something else waits for an answer, and never sends a blank line."""
        self.assertRaises(ProblemError, Answer, b"U")
        self.assertRaises(ProblemError, Answer, b"HTTX")
        Answer(b"H", b"TTP/1.1 2")

    def test_what_never_ends(self) -> None:
        """As an attacker."""
        chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n"
        for begun in (OK + b"A: ", OK, chunked + b"5;", chunked + b"0\r\nA: "):
            self.assertRaises(ProblemError, Answer, begun, *([b"x" * 4096] * (HEAD_LIMIT // 4096 + 1)))


PARTS = [b"HTTP/1.1 200 OK", b"HTTP/1.1 100 C", b"\r\n", b"\n", b"A: b", b"A b: c", b": d", b"Content-Length: 3"]
PARTS += [b"Transfer-Encoding: chunked", b"3", b"0", b"abc", b"\x00", b" ", b"\r"]


class PiecesTests(SynchronousTestCase):
    WHOLE = (
        b"\r\nHTTP/1.1 103 Hints\r\nLink: <a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\nTransfer-Encoding: chunked\r\n\r\n"
        b"3 ;x=y\r\nabc\r\n0a\n0123456789\n0\r\nX: y\r\n\r\nmore"
    )

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.integers(0, len(WHOLE)), max_size=8))
    @example(list(range(len(WHOLE))))
    def test_pieces_make_no_difference(self, cuts: list[int]) -> None:
        places = [0, *sorted(cuts), len(self.WHOLE)]
        pieces = [self.WHOLE[start:end] for start, end in zip(places, places[1:], strict=False) if start < end]
        answer = Answer(*pieces)
        self.assertEqual(answer.interim, [(103, [(b"Link", b"<a>")])])
        self.assertEqual(answer.headers, [(b"A", b"b c")])
        self.assertEqual((answer.body, answer.reader.trailers), (b"abc0123456789", [(b"X", b"y")]))
        self.assertEqual((answer.reader.complete, answer.reader.rest), (True, b"more"))

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.sampled_from(PARTS), max_size=20))
    def test_nothing_else_is_raised_and_what_comes_out_is_clean(self, parts: list[bytes]) -> None:
        try:
            answer = Answer(b"".join(parts))
        except ProblemError:
            return
        if answer.head is not None:
            status, reason, headers, _, _ = answer.head
            check_head(ResponseHead(status, reason, response_to_visitor(headers, status)))
        for status, headers in answer.interim:
            check_head(ResponseHead(status, b"", response_to_visitor(headers, status)))


class CheckHeadTests(SynchronousTestCase):
    def test_length(self) -> None:
        self.assertIsNone(check_head(ResponseHead(200, b"OK", [(b"A", b"b")])))
        self.assertEqual(check_head(ResponseHead(200, b"OK", [(b"content-LENGTH", b"12")])), 12)
        for values in ([b"1", b"1"], [b"+1"], [b""], [b"1, 1"], [b"0x1"], [b"-1"], [b"9" * 19], [b"\xb2"]):
            head = ResponseHead(200, b"OK", [(b"Content-Length", value) for value in values])
            self.assertRaises(ValueError, check_head, head)

    def test_the_rest(self) -> None:
        for head in (
            ResponseHead(99, b"", []),
            ResponseHead(1000, b"", []),
            ResponseHead(200, b"a\rb", []),
            ResponseHead(200, b"", [(b"A B", b"")]),
            ResponseHead(200, b"", [(b"A", b"\n")]),
        ):
            self.assertRaises(ValueError, check_head, head)
