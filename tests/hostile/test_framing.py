"""Requests that say in more than one way, or in a strange way, where they end: refused, and nothing is smuggled."""

from __future__ import annotations

from tests.hostile.case import HostileCase, Row, cases, play_row, rows
from tests.hostile.visitors import get, post

SMUGGLED = get(b"/smuggled")

CHUNKED = b"Transfer-Encoding: chunked"
EMPTY = b"0\r\n\r\n"

BOTH = [
    ("content-length before transfer-encoding", post(EMPTY + SMUGGLED, b"Content-Length: 5", CHUNKED)),
    ("transfer-encoding before content-length", post(EMPTY + SMUGGLED, CHUNKED, b"Content-Length: 5")),
    ("content-length that covers what is smuggled", post(EMPTY + SMUGGLED, b"Content-Length: 58", CHUNKED)),
    ("both with a GET", get(b"/", b"Content-Length: 5", CHUNKED) + EMPTY + SMUGGLED),
    ("both with content-length 0", post(EMPTY + SMUGGLED, b"Content-Length: 0", CHUNKED)),
]

LENGTHS = [
    ("two equal lengths", post(b"abc" + SMUGGLED, b"Content-Length: 3", b"Content-Length: 3")),
    ("two lengths that differ", post(b"abc" + SMUGGLED, b"Content-Length: 3", b"Content-Length: 0")),
    ("two lengths in two cases", post(b"abc" + SMUGGLED, b"Content-Length: 3", b"content-length: 5")),
    *(
        (f"length {name}", post(b"abc" + SMUGGLED, b"Content-Length:" + value))
        for name, value in {
            "plus": b" +3",
            "minus": b" -3",
            "minus zero": b" -0",
            "hex": b" 0x3",
            "octal": b" 0o3",
            "of 51 digits": b" " + b"0" * 50 + b"3",
            "underscore": b" 1_0",
            "of 5000 digits": b" " + b"3" * 5000,
            "of 19 digits": b" " + b"1" * 19,
            "above 64 bits": b" 18446744073709551619",
            "empty": b"",
            "blank": b"  ",
            "list of equals": b" 3, 3",
            "list": b" 3, 5",
            "with a space inside": b" 3 3",
            "fraction": b" 3.0",
            "exponent": b" 3e0",
            "word": b" three",
            "quoted": b' "3"',
            "full-width": b" \xef\xbc\x93",
            "vertical tab": b" \x0b3",
            "form feed": b" 3\x0c",
            "nul": b" 3\x00",
            "semicolon": b" 3;",
        }.items()
    ),
]

CODINGS = [
    *(
        (f"coding {name}", post(EMPTY + SMUGGLED, b"Transfer-Encoding:" + value))
        for name, value in {
            "identity": b" identity",
            "identity then chunked": b" identity, chunked",
            "chunked then identity": b" chunked, identity",
            "xchunked": b" xchunked",
            "chunked twice": b" chunked, chunked",
            "gzip then chunked": b" gzip, chunked",
            "chunked then gzip": b" chunked, gzip",
            "empty": b"",
            "trailing comma": b" chunked,",
            "leading comma": b" ,chunked",
            "parameter": b" chunked;a=b",
            "quoted": b' "chunked"',
            "vertical tab before": b" \x0bchunked",
            "form feed after": b" chunked\x0c",
            "nul after": b" chunked\x00",
            "prefix": b" chunk",
            "two words": b" cow chunked",
            "tab behind it": b" chunked\t",
            "non-breaking space": b" \xa0chunked",
        }.items()
    ),
    ("coding in two fields", post(EMPTY + SMUGGLED, b"Transfer-Encoding: gzip", CHUNKED)),
    ("chunked in two fields", post(EMPTY + SMUGGLED, CHUNKED, CHUNKED)),
    ("chunked in http 1.0", post(EMPTY + SMUGGLED, CHUNKED, version=b"1.0")),
    (
        "chunked in http 1.0 that is kept alive",
        post(EMPTY + SMUGGLED, CHUNKED, b"Connection: keep-alive", version=b"1.0"),
    ),
]

NAMES = [
    (
        f"{field.decode('latin-1').encode('unicode_escape').decode()}",
        post(EMPTY + SMUGGLED, field, b"Content-Length: 5"),
    )
    for field in (
        b"Transfer-Encoding : chunked",
        b"Transfer-Encoding\t: chunked",
        b" Transfer-Encoding: chunked",
        b"Transfer Encoding: chunked",
        b"Transfer-Encoding\x00: chunked",
        b"Transfer-Encoding\x0b: chunked",
        b"Transf\xe9r-Encoding: chunked",
        b"X: x\nTransfer-Encoding: chunked",
        b"X: x\rTransfer-Encoding: chunked",
        b"Transfer-Encoding:\r\n chunked",
        b"Transfer-Encoding: chunked\r",
        b"Content-Length : 5",
        b"Content-Length\t: 5",
    )
]


@cases(rows([*BOTH, *LENGTHS, *CODINGS, *NAMES]), play_row)
class FramingTests(HostileCase):
    """Each is refused before anything of it has reached the service, and so is whatever comes behind it."""


SHADOWS = [
    ("underscore for a hyphen in content-length", post(b"abc", b"Content-Length: 3", b"Content_Length: 500")),
    ("underscore for a hyphen in transfer-encoding", post(b"abc", b"Content-Length: 3", b"Transfer_Encoding: chunked")),
]

PLAIN = [
    ("white space before a length", post(b"abc", b"Content-Length: \t 3")),
    ("white space behind a length", post(b"abc", b"Content-Length: 3 \t")),
    ("zeros in front of a length", post(b"abc", b"Content-Length: 003")),
    ("a length of 0", post(b"", b"Content-Length: 0")),
    ("a length of two zeros", post(b"", b"Content-Length: 00")),
    ("white space behind a coding", post(b"3\r\nabc\r\n" + EMPTY, b"Transfer-Encoding: chunked ")),
    ("no framing at all", post(b"")),
    ("chunked in capitals", post(b"3\r\nabc\r\n" + EMPTY, b"transfer-encoding: CHUNKED")),
]


@cases(rows([*SHADOWS, *PLAIN], statuses=(200,), complete=1, closed=False), play_row)
class UnambiguousTests(HostileCase):
    """What has one meaning passes; a field that shadows framing does not."""

    def tearDown(self) -> None:
        super().tearDown()
        from tests.hostile import stage

        last = [each for each in stage.ledger().seen() if each.target != stage.SETTLE][-1]
        self.assertNotIn(b"_", b"".join(name for name, _ in last.headers))


class TwoRequestTests(HostileCase):
    """Requests that are right come through one by one, however they are packed."""

    def test_pipelined(self) -> None:
        both = post(b"abc", b"Content-Length: 3") + get(b"/second")
        self.assert_row(Row("", (both,), (200, 200), complete=2, closed=False))

    def test_a_bad_one_behind_a_good_one(self) -> None:
        """The first is answered, the second refused, the third never read."""
        sent = get(b"/first") + post(EMPTY, b"Content-Length: 5", CHUNKED) + SMUGGLED
        self.assert_row(Row("", (sent,), (200, 400), complete=1))

    def test_a_body_that_looks_like_a_request(self) -> None:
        sent = post(SMUGGLED, b"Content-Length: %d" % len(SMUGGLED))
        self.assert_row(Row("", (sent,), (200,), complete=1, closed=False))

    def test_an_unknown_method_behind_another_request(self) -> None:
        """Nobody is asked to know all methods: what is well-formed is the service's to judge."""
        sent = get(b"/first") + get(b"/second").replace(b"GET", b"BREW") + post(b"abc", b"Content-Length: 3")
        self.assert_row(Row("", (sent,), (200, 200, 200), complete=3, closed=False))
