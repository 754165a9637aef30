"""Lines of a head that are none: folded, ended in another way, with control characters in them."""

from __future__ import annotations

from tests.hostile import stage
from tests.hostile.case import HostileCase, Row, cases, play_row, rows
from tests.hostile.visitors import HOST, get, request

SMUGGLED = get(b"/smuggled")


def fields(*pairs: tuple[str, bytes]) -> list[tuple[str, bytes]]:
    """A request with each of these fields."""
    return [(name, get(b"/", field) + SMUGGLED) for name, field in pairs]


LINES = [
    *fields(
        ("folded with a space", b"A: b\r\n c"),
        ("folded with a tab", b"A: b\r\n\tc"),
        ("folded with nothing", b"A: b\r\n "),
        ("bare line feed in a value", b"A: b\nB: c"),
        ("bare carriage return in a value", b"A: b\rB: c"),
        ("bare carriage return at the end", b"A: b\r"),
        ("carriage return twice", b"A: b\r\r"),
        ("space before the colon", b"A : b"),
        ("tab before the colon", b"A\t: b"),
        ("no colon", b"Abc"),
        ("no name", b": b"),
        ("name with a space in it", b"A B: c"),
        ("name with brackets", b"A[]: c"),
        ("name with an at", b"A@b: c"),
        ("name in quotes", b'"A": c'),
        ("nul in a name", b"A\x00: b"),
        ("nul in a value", b"A: b\x00c"),
        ("nel in a name", b"A\x85: b"),
        ("letter beyond ascii in a name", b"\xc3\x84: b"),
        *(
            (f"control {octet:02x} in a value", b"A: b%cc" % octet)
            for octet in [*range(1, 9), *range(11, 13), *range(14, 32)]
        ),
        ("delete in a value", b"A: b\x7f"),
        ("escape in a name", b"A\x1b: b"),
    ),
    ("bare line feeds only", b"GET / HTTP/1.1\nHost: demo.localhost\n\n" + SMUGGLED),
    ("bare carriage returns only", b"GET / HTTP/1.1\rHost: demo.localhost\r\r" + SMUGGLED),
    ("line feed behind the request line", b"GET / HTTP/1.1\nHost: demo.localhost\r\n\r\n" + SMUGGLED),
    ("head that ends with a bare line feed", get()[:-2] + b"\n" + SMUGGLED),
    ("first field after a space", b"GET / HTTP/1.1\r\n Host: demo.localhost\r\n\r\n" + SMUGGLED),
    ("carriage return behind the head", b"GET / HTTP/1.1\r\nHost: demo.localhost\r\n\rA: b\r\n\r\n" + SMUGGLED),
]

TARGETS = [
    (f"target with {name}", request(b"GET", target) + SMUGGLED)
    for name, target in {
        "nul": b"/a\x00b",
        "escape": b"/a\x1bb",
        "delete": b"/a\x7fb",
        "tab": b"/a\tb",
        "space": b"/a b",
        "nel": b"/a\x85b",
        "nel in utf-8": b"/a\xc2\x85b",
        "vertical tab": b"/a\x0bb",
        "carriage return": b"/a\rb",
        "line feed": b"/a\nb",
        "nothing in it": b"",
        "no slash": b"a",
        "a backslash first": b"\\a",
        "another scheme": b"ftp://demo.localhost/",
    }.items()
]

REQUEST_LINES = [
    ("tab in the request line", b"GET\t/ HTTP/1.1\r\nHost: demo.localhost\r\n\r\n"),
    ("space behind the version", b"GET / HTTP/1.1 \r\nHost: demo.localhost\r\n\r\n"),
    ("space before the method", b" GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n"),
    ("lower-case http", b"GET / http/1.1\r\nHost: demo.localhost\r\n\r\n"),
    ("another protocol", b"GET / ICE/1.0\r\nHost: demo.localhost\r\n\r\n"),
    ("method with a control character", b"GE\x01T / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n"),
    ("method with a bracket", b"G(T / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n"),
    ("method of 33 letters", b"G" * 33 + b" / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n"),
    ("method of a megabyte", b"G" * 65536),
    ("no version but a space", b"GET / \r\n\r\n"),
    *((f"version {version.decode()}", get(version=version)) for version in (b"1", b"01.1", b"11")),
    ("two digits behind the point", get(version=b"1.01")),
    ("tls", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(160)),
    ("ssh", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("rubbish", bytes(range(128, 256)) * 8),
    ("nul octets", bytes(512)),
]

OTHER_VERSIONS = (b"0.9", b"1.2", b"2.0", b"9.9", b"3.0", b"1.", b".1", b"1. 1")

VERSIONS = [
    *((f"version {version.decode()}", get(version=version) + SMUGGLED) for version in OTHER_VERSIONS),
    ("no version", b"GET /\r\nHost: demo.localhost\r\n\r\n"),
]


@cases(rows([*LINES, *TARGETS, *REQUEST_LINES]), play_row)
class LineTests(HostileCase):
    """Each is refused, and nothing behind it is read."""


@cases([Row(name, (sent,), (505,)) for name, sent in VERSIONS], play_row)
class VersionTests(HostileCase):
    """HTTP of another version than 1.0 and 1.1, or none."""


@cases(
    [
        Row(
            "two spaces before the target",
            (b"GET  /spaces HTTP/1.1\r\nHost: demo.localhost\r\n\r\n",),
            (200,),
            1,
            False,
        ),
        Row(
            "two spaces before the version",
            (b"GET /spaces  HTTP/1.1\r\nHost: demo.localhost\r\n\r\n",),
            (200,),
            1,
            False,
        ),
        Row("white space behind a value", (get(b"/spaces", b"A: b \t "),), (200,), 1, False),
        Row("nel in a value", (get(b"/spaces", b"A: b\x85c"),), (200,), 1, False),
        Row("nel in utf-8 in a value", (get(b"/spaces", b"A: \xc2\x85"),), (200,), 1, False),
        Row("blank lines before a request", (b"\r\n\r\n\r\n" + get(b"/spaces"),), (200,), 1, False),
    ],
    play_row,
)
class ToleratedTests(HostileCase):
    """What RFC 9112 lets pass: the service gets it in the one way in which it is meant to be written."""

    def tearDown(self) -> None:
        super().tearDown()
        head = stage.ledger().wait_for("/spaces").head
        self.assertTrue(head.startswith(b"GET /spaces HTTP/1.1\r\n"))
        self.assertNotIn(b"\x85", head)


@cases(
    [
        Row("target of 8 KiB", (get(b"/" + b"x" * 8191),), (200,), 1, closed=False),
        Row("target above 8 KiB", (get(b"/" + b"x" * 8192) + SMUGGLED,), (414,)),
        Row("target without end", (b"GET /" + b"x" * 500_000,), (414,)),
        Row("128 fields", (get(b"/", *[b"A: b"] * 127),), (200,), 1, closed=False),
        Row("129 fields", (get(b"/", *[b"A: b"] * 128) + SMUGGLED,), (431,)),
        Row("fields without end", (get()[:-2], *[b"A: b\r\n" * 5000] * 4), (431,)),
        Row("a field above 64 KiB", (get(b"/", b"A: " + b"x" * 65_600) + SMUGGLED,), (431,)),
        Row("a value without end", (get()[:-2] + b"A: ", *[b"x" * 60_000] * 10), (431,)),
        Row("a name without end", (get()[:-2], *[b"x" * 60_000] * 10), (431,)),
        Row("white space without end", (get()[:-2] + b"A:", *[b" " * 60_000] * 10), (431,)),
    ],
    play_row,
)
class SizeTests(HostileCase):
    """What has no end is refused before it is kept."""


class ShadowTests(HostileCase):
    """A name with an underscore can be taken for one with a hyphen."""

    def test_forwarded_names_with_an_underscore_are_dropped(self) -> None:
        sent = get(
            b"/shadow",
            b"X_Forwarded_For: 6.6.6.6",
            b"x_forwarded-proto: https",
            b"X-Real_IP: 6.6.6.6",
            b"X_Harmless: 1",
        )
        self.assert_row(Row("", (sent,), (200,), 1, closed=False))
        arrived = stage.ledger().wait_for("/shadow")
        self.assertEqual(arrived.values(b"x_harmless"), [b"1"])
        self.assertNotIn(b"6.6.6.6", arrived.head)
        self.assertEqual(arrived.values(b"x-forwarded-for"), [b"127.0.0.1"])
        self.assertEqual(arrived.values(b"host"), [HOST])
