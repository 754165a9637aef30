"""Reader of a TLS ClientHello, as far as the server's name that it asks for (RFC 8446, 4.1.2; RFC 6066, 3).

It is fed what comes first on a connection, in whatever pieces: a ClientHello may be split over records, and a record
over any number of reads.  Nothing is decrypted, negotiated or changed.  What is no ClientHello raises ValueError at the
first byte that shows it.

Encrypted ClientHello: a client that uses it asks openly for another name, that of whoever holds its keys, and most
browsers send an extension that only looks like it.  So it is told, and the name that stands in the open is the one.

Bounds: ``LIMIT`` bytes of handshake, several times what post-quantum keys need, and as many again for the heads of
records.  What has been read is kept once.

Designs not chosen
    *A TLS library that stops at the name* (OpenSSL's callback): it has negotiated by then, and needs a certificate.
"""

from dataclasses import dataclass
from typing import Final

#: Bytes of a ClientHello.
LIMIT: Final = 16 * 1024

#: Bytes of a record's content (RFC 8446, 5.1).
_RECORD_LIMIT: Final = 1 << 14

#: Records over which a ClientHello may be spread.
RECORDS: Final = 64

_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_NAME: Final = 0
_ENCRYPTED: Final = 0xFE0D

#: Alerts (RFC 8446, 6): what a visitor is told in place of an answer, by name.
ALERTS: Final = {
    "access_denied": 49,
    "decode_error": 50,
    "internal_error": 80,
    "missing_extension": 109,
    "unrecognized_name": 112,
}


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client asks for: ``server_name`` in lower case, None if it names none.

    ``encrypted`` says whether there is an encrypted ClientHello, or what looks like one.
    """

    server_name: str | None
    encrypted: bool


class ClientHelloReader:
    """Reads the beginning of one connection; ``data`` is all that was read."""

    __slots__ = ("_handshake", "_offset", "_records", "data")

    def __init__(self) -> None:
        self.data = b""
        self._offset = 0  # of the record that has not been read whole
        self._handshake = b""
        self._records = 0

    def feed(self, data: bytes) -> ClientHello | None:
        """Take more bytes; None until the ClientHello is whole.  Raises ValueError."""
        self.data += data
        if len(self.data) > 2 * LIMIT:
            raise ValueError("the ClientHello is longer than the limit")
        while True:
            head = self.data[self._offset : self._offset + 5]
            if head[:1] not in (b"", b"\x16") or head[1:2] not in (b"", b"\x03"):
                raise ValueError("the connection does not begin with a TLS handshake")
            if len(head) < 5:
                return None
            length = head[3] << 8 | head[4]
            if not 0 < length <= _RECORD_LIMIT:
                raise ValueError("a TLS record has a length that none has")
            end = self._offset + 5 + length
            start = self._offset + 5
            if self._records == 0 and self.data[start : start + 1] not in (b"", b"\x01"):
                raise ValueError("the TLS handshake does not begin with a ClientHello")
            if len(self.data) < end:
                return None
            self._records += 1
            if self._records > RECORDS:
                raise ValueError("the ClientHello is spread over too many records")
            self._handshake += self.data[start:end]
            self._offset = end
            found = _read(self._handshake)
            if found is not None:
                return found


def alert(name: str) -> bytes:
    """Return the record of a fatal alert."""
    return bytes((21, 3, 3, 0, 2, 2, ALERTS[name]))


def _read(handshake: bytes) -> ClientHello | None:
    if len(handshake) < 4:
        return None
    if handshake[0] != _CLIENT_HELLO:
        raise ValueError("the TLS handshake does not begin with a ClientHello")
    length = int.from_bytes(handshake[1:4], "big")
    if length > LIMIT:
        raise ValueError("the ClientHello is longer than the limit")
    if len(handshake) < 4 + length:
        return None
    body = _Vectors(handshake[4 : 4 + length])
    body.take(2 + 32)  # version, random
    body.vector(1)  # session
    body.vector(2)  # cipher suites
    body.vector(1)  # compression
    if body.done:
        return ClientHello(None, False)
    extensions = _Vectors(body.vector(2))
    seen: set[int] = set()
    name: str | None = None
    while not extensions.done:
        kind = int.from_bytes(extensions.take(2), "big")
        content = extensions.vector(2)
        if kind in seen:
            raise ValueError("the ClientHello has an extension twice")
        seen.add(kind)
        if kind == _SERVER_NAME:
            name = _server_name(content)
    return ClientHello(name, _ENCRYPTED in seen)


def _server_name(content: bytes) -> str:
    entries = _Vectors(_Vectors(content).vector(2))
    kind, name = entries.take(1), entries.vector(2)
    if kind != b"\0" or not entries.done or not 0 < len(name) <= 255:
        raise ValueError("the ClientHello does not name exactly one host")
    try:
        return name.decode("ascii").lower().removesuffix(".")
    except UnicodeDecodeError:
        raise ValueError("the ClientHello names what is no host") from None


class _Vectors:
    """Bytes that are taken from the front, with vectors whose length stands before them."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def done(self) -> bool:
        return self._at == len(self._data)

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise ValueError("the ClientHello is cut off inside")
        self._at += size
        return self._data[self._at - size : self._at]

    def vector(self, width: int) -> bytes:
        return self.take(int.from_bytes(self.take(width), "big"))
