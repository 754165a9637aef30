"""The name in a ClientHello, however it is cut, and everything that is none."""

import ssl

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.client_hello import ALERTS, LIMIT, RECORDS, ClientHello, ClientHelloReader, alert


def real(name: str | None, **options: object) -> bytes:
    """What OpenSSL says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    for option, value in options.items():
        setattr(context, option, value)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def vector(data: bytes, width: int = 2) -> bytes:
    return len(data).to_bytes(width, "big") + data


def server_name(name: bytes = b"demo.localhost") -> bytes:
    return b"\0\0" + vector(vector(b"\0" + vector(name)))


def body(*extensions: bytes, tail: bytes = b"") -> bytes:
    """The content of a ClientHello."""
    return (
        b"\3\3"
        + b"r" * 32
        + vector(b"s" * 32, 1)
        + vector(b"\x13\1")
        + vector(b"\0", 1)
        + vector(b"".join(extensions))
        + tail
    )


def handshake(content: bytes) -> bytes:
    return b"\1" + vector(content, 3)


def records(data: bytes, size: int = 1 << 14) -> bytes:
    return b"".join(b"\x16\3\1" + vector(data[at : at + size]) for at in range(0, len(data), size))


def read(*pieces: bytes) -> ClientHello | None:
    reader = ClientHelloReader()
    found = None
    for piece in pieces:
        assert found is None
        found = reader.feed(piece)
    assert reader.data == b"".join(pieces)
    return found


class RealTests(SynchronousTestCase):
    def test_names(self) -> None:
        for name in ("demo.localhost", "a" * 63 + ".example.com"):
            self.assertEqual(read(real(name)), ClientHello(name, False))
        self.assertEqual(read(real(None)), ClientHello(None, False))
        old = real("demo.localhost", maximum_version=ssl.TLSVersion.TLSv1_2)
        self.assertEqual(read(old), ClientHello("demo.localhost", False))

    def test_one_byte_at_a_time(self) -> None:
        data = real("demo.localhost")
        reader = ClientHelloReader()
        found = [reader.feed(data[at : at + 1]) for at in range(len(data))]
        self.assertEqual(found[-1], ClientHello("demo.localhost", False))
        self.assertEqual(set(found[:-1]), {None})

    @given(st.lists(st.integers(1, 400), max_size=20), st.integers(16, 600))
    def test_any_pieces_of_any_records(self, cuts: list[int], size: int) -> None:
        whole = records(handshake(body(server_name(), b"\xff\xff" + vector(b"x" * 300))), size)
        data = whole + b"what comes behind it"
        reader = ClientHelloReader()
        found = None
        while data and found is None:
            length = cuts.pop() if cuts else len(data)
            found = reader.feed(data[:length])
            data = data[length:]
        self.assertEqual(found, ClientHello("demo.localhost", False))


class MeaningTests(SynchronousTestCase):
    def test_spelling(self) -> None:
        self.assertEqual(
            read(records(handshake(body(server_name(b"Demo.LOCALHOST."))))), ClientHello("demo.localhost", False)
        )

    def test_encrypted(self) -> None:
        """What stands in the open counts, whether the rest is real or only looks like it."""
        found = read(records(handshake(body(server_name(b"public.example"), b"\xfe\x0d" + vector(b"x" * 200)))))
        self.assertEqual(found, ClientHello("public.example", True))
        self.assertEqual(read(records(handshake(body(b"\xfe\x0d" + vector(b"x"))))), ClientHello(None, True))

    def test_no_extensions_at_all(self) -> None:
        content = body()[:-2]
        self.assertEqual(read(records(handshake(content))), ClientHello(None, False))


class RefusedTests(SynchronousTestCase):
    def refused(self, *pieces: bytes) -> str:
        return str(self.assertRaises(ValueError, read, *pieces))

    def test_at_the_first_byte(self) -> None:
        for data in (b"G", b"\x15", b"\x80", b"\0", b"\x16\2", b"\x16\3\1\0\0", b"\x16\3\1\x40\1", b"\x16\3\1\0\5\2"):
            self.refused(data)

    def test_plain_http(self) -> None:
        self.assertIn("does not begin with a TLS handshake", self.refused(b"GET / HTTP/1.1\r\n\r\n"))

    def test_wrong_names(self) -> None:
        entry = b"\0" + vector(b"a.b")
        for content in (
            server_name(b""),
            server_name(b"x" * 256),
            server_name("\u00fc.example".encode()),
            b"\0\0" + vector(vector(entry + entry)),
            b"\0\0" + vector(vector(b"\1" + vector(b"a.b"))),
            b"\0\0" + vector(b""),
            b"\0\0" + vector(vector(b"")),
            server_name() + server_name(),
        ):
            self.refused(records(handshake(body(content))))

    def test_cut_off_inside(self) -> None:
        content = body(server_name())
        for end in range(len(content)):
            if content[:end] != body()[:-2]:
                self.refused(records(handshake(content[:end])))
                continue

    def test_too_long(self) -> None:
        self.assertIn("longer than the limit", self.refused(b"\x16\3\1\x40\0\1\0\x40\1" + b"x" * 100 + b"x" * LIMIT))
        fits = body(server_name(), b"\xff\xff" + vector(b"x" * (LIMIT - 200)))
        self.assertEqual(read(records(handshake(fits))), ClientHello("demo.localhost", False))

    def test_too_many_records(self) -> None:
        """As an attacker, who sends a byte in each."""
        data = handshake(body(server_name()))
        self.assertIn("too many records", self.refused(records(data, 1)))
        self.assertIsNone(read(records(data, 1)[: 6 * RECORDS]))


class AlertTests(SynchronousTestCase):
    def test_bytes(self) -> None:
        self.assertEqual(alert("unrecognized_name"), bytes.fromhex("15030300020270"))
        self.assertEqual(len({alert(name) for name in ALERTS}), len(ALERTS))
