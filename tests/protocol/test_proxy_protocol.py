"""Headers of the PROXY protocol: what they say, however they are cut, and everything that is none."""

from ipaddress import ip_address
from struct import pack

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.proxy_protocol import LIMIT, LINE_LIMIT, SIGNATURE, Header, HeaderReader, encode_header


def version2(
    source: str = "192.0.2.1",
    *,
    command: int = 0x21,
    family: int | None = None,
    tail: bytes = b"",
    size: int | None = None,
) -> bytes:
    """A header of version 2; ``tail`` are its extensions."""
    address = ip_address(source).packed
    body = address + address + pack("!HH", 50000, 443) + tail
    kind = (0x11 if len(address) == 4 else 0x21) if family is None else family
    return SIGNATURE + bytes((command, kind)) + pack("!H", len(body) if size is None else size) + body


def read(*pieces: bytes) -> Header | None:
    reader = HeaderReader()
    found = None
    for piece in pieces:
        assert found is None, "it was complete before"
        found = reader.feed(piece)
    return found


def octets(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


GOOD = {
    b"PROXY TCP4 192.0.2.1 198.51.100.1 50000 443\r\n": "192.0.2.1",
    b"PROXY TCP6 2001:db8::1 2001:DB8::2 50000 443\r\n": "2001:db8::1",
    b"PROXY TCP6 ::ffff:192.0.2.1 ::1 0 65535\r\n": "192.0.2.1",
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff:f...f:ffff whatever else 65535 65535\r\n": None,
    version2(): "192.0.2.1",
    version2("2001:db8::1"): "2001:db8::1",
    version2("::ffff:192.0.2.1"): "192.0.2.1",
    version2(tail=b"\x01\x00\x02h2" + b"\x04\x00\x00" + b"\x20\x00\x05\x01\0\0\0\0"): "192.0.2.1",
    version2(tail=b"\x04" + pack("!H", LIMIT - 28 - 3) + bytes(LIMIT - 28 - 3)): "192.0.2.1",
    version2(command=0x20): None,
    version2(command=0x20, family=0, tail=b"anything"): None,
    SIGNATURE + b"\x20\x00\x00\x00": None,
    SIGNATURE + b"\x21\x00\x00\x00": None,
    SIGNATURE + b"\x21\x00\x00\x05abcde": None,
    SIGNATURE + b"\x21\x31\x00\xd8" + b"/run/x".ljust(216, b"\0"): None,
    version2(family=0x10): None,
}

BAD = [
    b"GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
    b"PROXX",
    b"proxy TCP4 192.0.2.1 198.51.100.1 50000 443\r\n",
    b"\r\n\r\nGET",
    b"PROXY \r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP5 192.0.2.1 198.51.100.1 50000 443\r\n",
    b"PROXY UDP4 192.0.2.1 198.51.100.1 50000 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 50000\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 50000 443 \r\n",
    b"PROXY TCP4  192.0.2.1 198.51.100.1 50000 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 50000 65536\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 -1 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 +1 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 0443 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 x 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 \xb2 443\r\n",
    b"PROXY TCP4 192.0.2.01 198.51.100.1 50000 443\r\n",
    b"PROXY TCP4 192.0.2 198.51.100.1 50000 443\r\n",
    b"PROXY TCP4 2001:db8::1 2001:db8::2 50000 443\r\n",
    b"PROXY TCP6 192.0.2.1 198.51.100.1 50000 443\r\n",
    b"PROXY TCP4 \x1b[2J 198.51.100.1 50000 443\r\n",
    b"PROXY TCP4 \xff.0.2.1 198.51.100.1 50000 443\r\n",
    b"PROXY TCP4 192.0.2.1 198.51.100.1 50000 443\n\n\r\n",
    b"PROXY UNKNOWN " + b"x" * 100,
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    version2(command=0x22),
    version2(command=0x11),
    version2(command=0x31),
    version2(family=0x41),
    version2(family=0x13),
    version2(family=0x12),
    version2("2001:db8::1", family=0x22),
    version2(family=0x21),
    version2(family=0x31),
    version2(size=11),
    version2(size=LIMIT - 15),
    version2(size=0xFFFF),
    version2(tail=b"\x01"),
    version2(tail=b"\x01\x00\x03h2"),
    version2(tail=b"\x01\x00\x02h2\x01\xff"),
]


class HeaderTests(SynchronousTestCase):
    def test_what_they_say(self) -> None:
        for data, address in GOOD.items():
            self.assertEqual(read(data), Header(address, b""), data)

    def test_in_pieces(self) -> None:
        """Nothing is decided before the last octet, and nothing is lost."""
        for data, address in GOOD.items():
            self.assertEqual(read(*octets(data)), Header(address, b""), data)
            self.assertIsNone(read(*octets(data)[:-1]), data)

    def test_what_comes_behind(self) -> None:
        for data, address in GOOD.items():
            self.assertEqual(read(data[:5], data[5:] + b"GET / HTTP/1.1\r\n"), Header(address, b"GET / HTTP/1.1\r\n"))
        line = b"PROXY UNKNOWN\r\n"
        self.assertEqual(read(line + line), Header(None, line), "there is one header")

    def test_what_is_none(self) -> None:
        for data in BAD:
            with self.assertRaises(ValueError, msg=data):
                read(data)

    def test_what_is_none_in_pieces(self) -> None:
        """As soon as it shows: at the latest with the last octet, for most long before."""
        for data in BAD:
            reader = HeaderReader()
            with self.assertRaises(ValueError, msg=data):
                for octet in octets(data):
                    assert reader.feed(octet) is None
        reader = HeaderReader()
        with self.assertRaises(ValueError):
            reader.feed(b"G")

    def test_the_longest_line(self) -> None:
        self.assertEqual(read(b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n"), Header(None, b""))

    def test_nothing_is_kept_beyond_the_bound(self) -> None:
        """A header without an end is refused when it has as much as it may."""
        reader = HeaderReader()
        with self.assertRaises(ValueError):
            for count in range(200):
                reader.feed(b"PROXY UNKNOWN x" if not count else b"x")
        self.assertLessEqual(len(reader._data), 107)

    @given(
        st.binary(max_size=300), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"])
    )
    def test_anything(self, data: bytes, start: bytes) -> None:
        """It is a header, part of one, or a ValueError; and the same in one piece and in many."""
        outcomes = []
        for pieces in ([start + data], octets(start + data)):
            reader = HeaderReader()
            outcome: object = None
            try:
                for at, piece in enumerate(pieces):
                    found = reader.feed(piece)
                    if found is not None:
                        outcome = found.address, found.rest + b"".join(pieces[at + 1 :])
                        break
            except ValueError:
                outcome = ValueError
            outcomes.append(outcome)
        self.assertEqual(outcomes[0], outcomes[1])


class WriterTests(SynchronousTestCase):
    """What is written is read back by the reader above, and by HAProxy in tests/e2e."""

    FOUR = ("203.0.113.7", 50000), ("198.51.100.1", 20017)
    SIX = ("2001:db8::7", 50000), ("2001:db8::1", 20017)
    MIXED = ("203.0.113.7", 50000), ("2001:db8::1", 20017)

    def test_read_back(self) -> None:
        for version in (1, 2):
            for source, to in (self.FOUR, self.SIX, self.MIXED):
                header = HeaderReader().feed(encode_header(version, source, to) + b"rest")
                self.assertEqual(header, Header(source[0], b"rest"))

    def test_version_1(self) -> None:
        said = [encode_header(1, *ends) for ends in (self.FOUR, self.SIX, self.MIXED)]
        self.assertEqual(
            said,
            [
                b"PROXY TCP4 203.0.113.7 198.51.100.1 50000 20017\r\n",
                b"PROXY TCP6 2001:db8::7 2001:db8::1 50000 20017\r\n",
                b"PROXY TCP6 ::ffff:203.0.113.7 2001:db8::1 50000 20017\r\n",
            ],
        )
        longest = ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535)
        self.assertLessEqual(len(encode_header(1, longest, longest)), LINE_LIMIT)

    def test_version_2(self) -> None:
        said = encode_header(2, *self.FOUR)
        self.assertEqual(said[12:16] + said[24:], bytes.fromhex("2111000c c350 4e31"))
        self.assertEqual(encode_header(2, *self.FOUR, datagrams=True)[13], 0x12)
        self.assertEqual(encode_header(2, *self.SIX)[13:16], b"\x21\x00\x24")

    def test_mapped(self) -> None:
        said = encode_header(1, ("::ffff:203.0.113.7", 1), ("198.51.100.1", 2))
        self.assertEqual(said, b"PROXY TCP4 203.0.113.7 198.51.100.1 1 2\r\n")

    def test_no_address(self) -> None:
        for version in (1, 2):
            header = HeaderReader().feed(encode_header(version, ("unix", 0), ("", 0)))
            self.assertEqual(header, Header(None, b""))
