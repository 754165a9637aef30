"""Chunks that are none, and trailers that say what only a head may say."""

from __future__ import annotations

from tests.hostile import stage
from tests.hostile.case import HostileCase, Row, cases, play_row, rows
from tests.hostile.visitors import get, post

SMUGGLED = get(b"/smuggled")
CODING = b"Transfer-Encoding: chunked"
LAST = b"0\r\n\r\n"


def chunked(body: bytes, target: bytes = b"/") -> bytes:
    """A request with this body, which is to be in chunks."""
    return post(body, CODING, target=target)


BODIES = {
    "line feed alone behind a size": b"3\nabc\r\n" + LAST,
    "line feed alone behind the data": b"3\r\nabc\n" + LAST,
    "carriage return alone behind a size": b"3\rabc\r\n" + LAST,
    "hex prefix": b"0x3\r\nabc\r\n" + LAST,
    "underscore": b"1_0\r\n" + b"x" * 16 + b"\r\n" + LAST,
    "plus": b"+3\r\nabc\r\n" + LAST,
    "minus": b"-3\r\nabc\r\n" + LAST,
    "space before the size": b" 3\r\nabc\r\n" + LAST,
    "space behind the size": b"3 \r\nabc\r\n" + LAST,
    "tab behind the size": b"3\t\r\nabc\r\n" + LAST,
    "no size": b"\r\nabc\r\n" + LAST,
    "not a digit": b"g\r\nabc\r\n" + LAST,
    "quoted": b'"3"\r\nabc\r\n' + LAST,
    "a size of 17 digits": b"1" + b"0" * 16 + b"\r\n" + LAST,
    "a size of a thousand digits": b"f" * 1000 + b"\r\n" + LAST,
    "less data than the size": b"5\r\nabc\r\n" + LAST,
    "more data than the size": b"3\r\nabcdef\r\n" + LAST,
    "no line end behind the data": b"3\r\nabc" + LAST,
    "extension with a line feed": b"3;a\nxx\r\nabc\r\n" + LAST,
    "extension with a carriage return": b"3;a\rxx\r\nabc\r\n" + LAST,
    "extension with nul": b"3;a\x00\r\nabc\r\n" + LAST,
    "extension without end": b"3;" + b"a" * 300_000,
    "last chunk with a line feed": b"0\n\n",
    "end of trailers with a line feed": b"0\r\n\n",
    "trailers without end": b"0\r\n" + b"A: b\r\n" * 100_000,
    "a trailer of 100 KiB": b"0\r\nA: " + b"b" * 300_000,
    "trailer with content-length": b"0\r\nContent-Length: 58\r\n\r\n",
    "trailer with content_length": b"0\r\nContent_Length: 58\r\n\r\n",
    "trailer with transfer-encoding": b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "folded trailer": b"0\r\nA: b\r\n c\r\n\r\n",
    "trailer with a line feed": b"0\r\nA: b\nC: d\r\n\r\n",
    "trailer with nul": b"0\r\nA: b\x00\r\n\r\n",
    "trailer with a space before the colon": b"0\r\nA : b\r\n\r\n",
}

TOO_LARGE = ("extension without end", "trailers without end", "a trailer of 100 KiB")


@cases(
    [
        *rows((name, chunked(body) + SMUGGLED) for name, body in BODIES.items() if name not in TOO_LARGE),
        *rows(((name, chunked(BODIES[name])) for name in TOO_LARGE), statuses=(431,)),
    ],
    play_row,
)
class ChunkTests(HostileCase):
    """Each ends the connection; no request that is whole has reached the service, and nothing behind it."""


class PassingTests(HostileCase):
    """What is right passes, and chunks are made anew for the service."""

    def passed(self, body: bytes, expected: bytes) -> object:
        self.assert_row(Row("", (chunked(body, b"/chunks"),), (200,), 1, closed=False))
        arrived = stage.ledger().wait_for("/chunks")
        self.assertEqual(bytes(arrived.body), expected)
        return arrived

    def test_extensions_are_not_passed_on(self) -> None:
        self.passed(b'3;a=b\r\nabc\r\n3 ;c="d"\r\ndef\r\n0;e\r\n\r\n'.replace(b"3 ;", b"3;"), b"abcdef")
        for piece in (b"a=b", b'c="d"', b";"):
            self.assertNotIn(piece, bytes(stage.ledger().wire[-1]))

    def test_sizes_in_any_spelling(self) -> None:
        self.passed(b"00A\r\n" + b"x" * 10 + b"\r\na\r\n" + b"y" * 10 + b"\r\n000\r\n\r\n", b"x" * 10 + b"y" * 10)

    def test_trailers_that_are_no_framing_do_not_become_it(self) -> None:
        """What routes, authenticates or describes a message is dropped; what is said about its content is not."""
        self.passed(b"3\r\nabc\r\n0\r\nHost: x\r\nAuthorization: y\r\nContent-Type: z\r\nX-Sum: 1\r\n\r\n", b"abc")
        arrived = stage.ledger().wait_for("/chunks")
        self.assertEqual(arrived.trailers, [(b"x-sum", b"1")])

    def test_one_octet_at_a_time(self) -> None:
        sent = chunked(b"3;x\r\nabc\r\n0\r\nA: b\r\n\r\n", b"/chunks")
        self.assert_row(Row("", tuple(sent[at : at + 1] for at in range(len(sent))), (200,), 1, closed=False))


class CutTests(HostileCase):
    """A body that ends too soon is never taken for a whole one."""

    def cut(self, sent: bytes) -> None:
        from tests.hostile.visitors import dial

        before = len([each for each in stage.ledger().seen() if each.complete])
        with dial(stage.server().port) as visitor:
            visitor.sendall(sent)
            stage.ledger().wait_for("/cut")
        stage.settle()
        whole = [each for each in stage.ledger().seen() if each.complete and each.target != stage.SETTLE]
        self.assertEqual([each.target for each in whole if each.target == b"/cut"], [], before)

    def test_length(self) -> None:
        self.cut(post(b"abc", b"Content-Length: 10", target=b"/cut"))

    def test_chunks(self) -> None:
        self.cut(chunked(b"3\r\nabc\r\n", b"/cut"))

    def test_chunk(self) -> None:
        self.cut(chunked(b"5\r\nabc", b"/cut"))

    def test_trailers(self) -> None:
        self.cut(chunked(b"3\r\nabc\r\n0\r\nA: b\r\n", b"/cut"))
