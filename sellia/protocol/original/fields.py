"""Codecs of the fields of the original's messages, by type.

A message is a `msgspec.Struct` whose annotations are its format (``original`` has them all); msgspec itself neither
writes nor reads it (``packing`` says why).  A :class:`Form` is worked out once for each kind of message.
"""

from typing import Annotated, Any, Final, get_args, get_type_hints

import msgspec

from sellia.errors import LimitExceeded, ProtocolError
from sellia.protocol.limits import HEADER_COUNT_LIMIT
from sellia.protocol.messages import Headers
from sellia.protocol.original import msgpack as packing

#: Fields in one ``headers`` at most.  Beyond what an exchange may have (``HEADER_COUNT_LIMIT``), so that a service
#: that sends too many of them ends its exchange, and not its client's link.
FIELDS_LIMIT: Final = 2 * HEADER_COUNT_LIMIT

#: Bytes that are text on the wire, in whatever charset.
TextOctets = Annotated[bytes, "text"]

#: Text for people: what of it is not UTF-8 is replaced.  Other text that is not UTF-8 does not fit.
Words = Annotated[str, "words"]

#: An integer of 64 bits; others have 32.
Long = Annotated[int, "long"]


#: The field that says which kind of message it is.
TYPE: Final = b"type"


class Form:
    """Codec of one kind of message: each field's name, whether it must be there, how it is written and read."""

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        self.kind: Any = kind
        hints = get_type_hints(kind, include_extras=True)
        self.fields: list[tuple[str, bytes, bytes, bool, Any, Any]] = []
        for each in msgspec.structs.fields(kind):
            name = each.name.encode()
            write, read = TYPES[_essential(hints[each.name])]
            self.fields.append((each.name, name, packing.text(name), each.required, write, read))
        self.names = frozenset(name for _, name, _, _, _, _ in self.fields)
        tag = kind.__struct_config__.tag
        self.tag = tag.encode() if isinstance(tag, str) else b""
        self._opening = packing.text(TYPE) + packing.text(self.tag) if self.tag else b""

    def write(self, message: msgspec.Struct) -> list[bytes]:
        parts = [b"", self._opening]
        count = 1 if self.tag else 0
        for attribute, _, name, _, write, _ in self.fields:
            value = getattr(message, attribute)
            if value is not None:
                count += 1
                parts.append(name)
                parts += write(value)
        parts[0] = packing.map_head(count)
        return parts

    def read(self, data: bytes, found: dict[bytes, int]) -> Any:
        values = []
        for _, name, _, required, _, read in self.fields:
            at = found.get(name)
            if required:
                if at is None:
                    raise ProtocolError("a field is missing")
                values.append(read(data, at))
            else:
                values.append(None if at is None or packing.is_nil(data, at) else read(data, at))
        return self.kind(*values)


def _essential(hint: Any) -> Any:
    """Return the type of a field without the None of an optional one."""
    kinds = get_args(hint)
    return kinds[0] if type(None) in kinds else hint


# Each type is written to pieces, and read from where its value begins.


def _write_text(value: str) -> tuple[bytes, ...]:
    return (packing.text(value.encode("utf-8", "replace")),)


def _read_text(data: bytes, at: int) -> str:
    try:
        return packing.octets(data, at)[0].decode()
    except UnicodeDecodeError:
        raise ProtocolError("text that is not UTF-8") from None


def _read_words(data: bytes, at: int) -> str:
    return packing.octets(data, at)[0].decode("utf-8", "replace")


def _write_text_octets(value: bytes) -> tuple[bytes, ...]:
    return (packing.text(value),)


def _write_binary(value: bytes) -> tuple[bytes, ...]:
    return packing.binary_head(len(value)), value


def _read_octets(data: bytes, at: int) -> bytes:
    return packing.octets(data, at)[0]


def _write_integer(value: int) -> tuple[bytes, ...]:
    return (packing.integer(value),)


def _read_integer(data: bytes, at: int) -> int:
    return _within(packing.number(data, at), 31)


def _read_long(data: bytes, at: int) -> int:
    return _within(packing.number(data, at), 63)


def _within(value: int, bits: int) -> int:
    if not -1 << bits <= value < 1 << bits:
        raise ProtocolError("an integer out of range")
    return value


def _write_truth(value: bool) -> tuple[bytes, ...]:
    return (packing.TRUE if value else packing.FALSE,)


def _write_headers(headers: Headers) -> list[bytes]:
    """Fields of equal names come together where the first of them stood, in its spelling."""
    merged: dict[bytes, tuple[bytes, list[bytes]]] = {}
    for name, value in headers:
        merged.setdefault(name.lower(), (name, []))[1].append(value)
    parts = [packing.map_head(len(merged))]
    for name, values in merged.values():
        parts.append(packing.text(name))
        parts.append(packing.array_head(len(values)))
        parts += map(packing.text, values)
    return parts


def _read_headers(data: bytes, at: int) -> Headers:
    headers: Headers = []
    names, at = packing.map_size(data, at)
    for _ in range(names):
        name, at = packing.octets(data, at)
        count, at = packing.array_size(data, at)
        if len(headers) + count > FIELDS_LIMIT:
            raise LimitExceeded("a message has more header fields than the limit", 1008)
        for _ in range(count):
            value, at = packing.octets(data, at)
            headers.append((name, value))
    return headers


#: How each type of a field is written to pieces, and read from where its value begins.
TYPES: Final[dict[Any, tuple[Any, Any]]] = {
    str: (_write_text, _read_text),
    Words: (_write_text, _read_words),
    bytes: (_write_binary, _read_octets),
    TextOctets: (_write_text_octets, _read_octets),
    int: (_write_integer, _read_integer),
    Long: (_write_integer, _read_long),
    bool: (_write_truth, packing.truth),
    Headers: (_write_headers, _read_headers),
}
