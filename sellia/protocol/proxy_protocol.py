"""The PROXY protocol's header, versions 1 and 2, in which a proxy says first who is behind a connection.

https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt has it.  :class:`HeaderReader` is fed what comes first on a
connection, in whatever pieces, until it has a :class:`Header`; :func:`encode_header` writes one.  What is no such
header raises ValueError at the first byte that shows it: the connection is to be closed then, without an answer, since
whoever sent it is not the proxy that the listener is for.

What a header may say
    * A TCP address, version 4 or 6, in the spelling of its version: it is the visitor's.
    * That there is none: UNKNOWN, LOCAL (the proxy's own health checks), an unspecified family, a unix socket.  The
      connection then counts as what it is, the proxy's own.
    * Anything else that is well-formed, and what is said of UDP: an error, for nothing of it can be true here.

Extensions (TLVs) must be well-formed, and are not read: their checksums guard against faults of the network that TCP
finds as well, and what they say of TLS or of the proxy, nobody here asks for.

Bounds: 107 bytes for version 1, as its specification says; ``LIMIT`` for version 2, which could have 64 KiB.

Designs not chosen
    *Twisted's own* ``haproxy:`` *wrapper*: wants the first sixteen bytes in one piece, tells the wrapped protocol of
    the connection before the header has come (so that it takes the proxy for the visitor), believes any text to be an
    address, raises what is no number as an exception into the log, and waits without end.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"

#: Bytes of a header of version 1, its line end included.
LINE_LIMIT: Final = 107

#: Bytes of a header of version 2: addresses, and as many TLVs as a certificate's names and an authority may need.
LIMIT: Final = 4096

_PREFIX: Final = b"PROXY "

_KINDS: Final[dict[bytes, type[IPv4Address] | type[IPv6Address]]] = {b"TCP4": IPv4Address, b"TCP6": IPv6Address}

#: Lengths of the addresses of version 2, by family.
_ADDRESSES: Final = {0x0: 0, 0x1: 12, 0x2: 36, 0x3: 216}


@dataclass(frozen=True, slots=True)
class Header:
    """Header of a connection: ``address`` is the visitor's, None where the connection is the proxy's own.

    ``rest`` came behind it.
    """

    address: str | None
    rest: bytes


class HeaderReader:
    """Parser of the header of one connection."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> Header | None:
        """Parse more bytes; None until the header is complete.  Raises ValueError."""
        self._data = data = self._data + data
        if data[:12] == SIGNATURE[: len(data)]:
            return _version2(data)
        if data[:6] == _PREFIX[: len(data)]:
            return _version1(data)
        raise ValueError("the connection does not begin with a header of the PROXY protocol")


def _version1(data: bytes) -> Header | None:
    end = data.find(b"\r\n", 0, LINE_LIMIT)
    if end < 0:
        if len(data) >= LINE_LIMIT:
            raise ValueError("the header of the PROXY protocol is longer than 107 bytes")
        return None
    rest = data[end + 2 :]
    words = data[:end].split(b" ")
    if words[1] == b"UNKNOWN":
        return Header(None, rest)
    kind = _KINDS.get(words[1])
    if kind is None or len(words) != 6:
        raise ValueError("the header of the PROXY protocol does not name two addresses and two ports")
    try:
        source, _ = (kind(word.decode("ascii")) for word in words[2:4])
    except ValueError:
        raise ValueError("an address in the header of the PROXY protocol is none") from None
    for port in words[4:]:
        if not port.isdigit() or len(port) > 5 or int(port) > 65535 or port != b"%d" % int(port):
            raise ValueError("a port in the header of the PROXY protocol is none")
    return Header(_plain(source), rest)


def _version2(data: bytes) -> Header | None:
    if len(data) > 12 and data[12] not in (0x20, 0x21):
        raise ValueError("the header of the PROXY protocol has a version or command that nobody knows")
    if len(data) > 13 and (data[13] >> 4 not in _ADDRESSES or data[13] & 0xF > 2):
        raise ValueError("the header of the PROXY protocol has a family that nobody knows")
    if len(data) < 16:
        return None
    size = 16 + (data[14] << 8 | data[15])
    if size > LIMIT:
        raise ValueError(f"the header of the PROXY protocol is longer than {LIMIT} bytes")
    if len(data) < size:
        return None
    rest = data[size:]
    if data[12] == 0x20:
        return Header(None, rest)  # LOCAL: whatever else it says is to be skipped
    family, transport = data[13] >> 4, data[13] & 0xF
    if transport == 2:
        raise ValueError("the header of the PROXY protocol tells of UDP")
    length = _ADDRESSES[family]
    if size < 16 + length:
        raise ValueError("the header of the PROXY protocol is too short for its addresses")
    if family:
        _check_extensions(data[16 + length : size])
    if not transport or family not in (0x1, 0x2):
        return Header(None, rest)
    if family == 0x1:
        return Header(_plain(IPv4Address(data[16:20])), rest)
    return Header(_plain(IPv6Address(data[16:32])), rest)


def _check_extensions(data: bytes) -> None:
    """Check the TLVs of a header: type, two bytes of length, value, and the next right behind it."""
    offset = 0
    while offset < len(data):
        offset += 3 + int.from_bytes(data[offset + 1 : offset + 3], "big")
        if offset > len(data):
            raise ValueError("the header of the PROXY protocol has an extension that is cut off")


def _plain(address: IPv4Address | IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).compressed


def _spelled(address: IPv4Address | IPv6Address) -> str:
    """Return an address as RFC 5952 spells it: Python 3.12 and older spell a mapped one in hexadecimal."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return f"::ffff:{mapped}" if mapped is not None else str(address)


def encode_header(
    version: int, source: tuple[str, int], destination: tuple[str, int], *, datagrams: bool = False
) -> bytes:
    """Encode the header of a connection from ``source`` to ``destination``, each an address and a port.

    Where either address cannot be read, or the two are of different versions of IP that cannot be made one, the header
    says that the connection is the proxy's own.  ``datagrams``: it is about UDP, which only version 2 can say.
    """
    ends = _ends(source[0], destination[0])
    if ends is None:
        return b"PROXY UNKNOWN\r\n" if version == 1 else SIGNATURE + b"\x20\x00\x00\x00"
    four = isinstance(ends[0], IPv4Address)
    if version == 1:
        words = ("TCP4" if four else "TCP6", *map(_spelled, ends), str(source[1]), str(destination[1]))
        return f"PROXY {' '.join(words)}\r\n".encode("ascii")
    addresses = b"".join(each.packed for each in ends)
    ports = source[1].to_bytes(2, "big") + destination[1].to_bytes(2, "big")
    family = (0x10 if four else 0x20) | (2 if datagrams else 1)
    length = len(addresses) + len(ports)
    return SIGNATURE + bytes((0x21, family)) + length.to_bytes(2, "big") + addresses + ports


def _ends(source: str, destination: str) -> tuple[IPv4Address, IPv4Address] | tuple[IPv6Address, IPv6Address] | None:
    """Return both addresses in one version of IP: IPv4 where both are, else IPv6, mapped where need be."""
    try:
        ends = [ip_address(each.partition("%")[0]) for each in (source, destination)]
    except ValueError:
        return None
    plain = [(each.ipv4_mapped or each) if isinstance(each, IPv6Address) else each for each in ends]
    one, other = plain
    if isinstance(one, IPv4Address) and isinstance(other, IPv4Address):
        return one, other
    wide = [each if isinstance(each, IPv6Address) else IPv6Address(f"::ffff:{each}") for each in plain]
    return wide[0], wide[1]
