"""MessagePack codec for the original dialect: maps with text for keys, written and read without trust.

Need
    The original's peers send text that need not be UTF-8 (header values are bytes), take text for binary and the
    other way round, and ignore what stands behind the map.  A peer may be hostile: nothing is allocated by a length
    that is only claimed, nesting costs no stack, and small values that expand into large objects are never built.

How
    :func:`find_fields` walks over a map and says where the values of interesting fields begin; everything else is
    skipped by counting.  The caller then reads each value as the type that it must have.  What cannot be read raises
    :class:`ProtocolError`, which never leaves ``protocol``.

Bounds
    The caller bounds the bytes.  ``VALUES_LIMIT`` bounds the values in one message, and with them the time that a
    message of nothing but tiny values takes (some milliseconds).

Design not chosen
    *msgspec*, as for the native dialect: it refuses text that is not UTF-8 and bytes behind the map, tells text from
    binary, and reading without types builds objects of fifty times the size of a hostile message before it can be
    looked at.
"""

import struct
from collections.abc import Collection
from typing import Final

from sellia.errors import LimitExceeded, ProtocolError

#: Values in one message at most, keys and those inside of others included.
VALUES_LIMIT: Final = 8192

_u16 = struct.Struct("!H").pack
_u32 = struct.Struct("!I").pack
_i16 = struct.Struct("!h").pack
_i32 = struct.Struct("!i").pack
_u64 = struct.Struct("!Q").pack
_i64 = struct.Struct("!q").pack

TRUE: Final = b"\xc3"
FALSE: Final = b"\xc2"

#: Heads of integers that have a fixed size: bytes, and whether signed.
_INTEGERS: Final = {
    0xCC: (1, False),
    0xCD: (2, False),
    0xCE: (4, False),
    0xCF: (8, False),
    0xD0: (1, True),
    0xD1: (2, True),
    0xD2: (4, True),
    0xD3: (8, True),
}

#: Heads of text and binary: bytes of their length.
_LENGTHS: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}

#: What follows other heads that hold no values: that many bytes.
_FIXED: Final = {
    0xC0: 0,
    0xC2: 0,
    0xC3: 0,
    0xCA: 4,
    0xCB: 8,
    0xD4: 2,
    0xD5: 3,
    0xD6: 5,
    0xD7: 9,
    0xD8: 17,
    **{head: size for head, (size, _) in _INTEGERS.items()},
}

#: Heads of extensions: bytes of their length, which does not count the byte that says of which type they are.
_EXTENSIONS: Final = {0xC7: 1, 0xC8: 2, 0xC9: 4}


# --- writing -------------------------------------------------------------------------------------------------


def map_head(size: int) -> bytes:
    """Encode the head of a map of so many fields."""
    if size < 16:
        return bytes((0x80 | size,))
    return b"\xde" + _u16(size) if size < 0x10000 else b"\xdf" + _u32(size)


def array_head(size: int) -> bytes:
    """Encode the head of an array of so many values."""
    if size < 16:
        return bytes((0x90 | size,))
    return b"\xdc" + _u16(size) if size < 0x10000 else b"\xdd" + _u32(size)


def text(octets: bytes) -> bytes:
    """Encode text; in UTF-8, as far as it is meant to be read by people."""
    size = len(octets)
    if size < 32:
        return bytes((0xA0 | size,)) + octets
    if size < 0x100:
        return bytes((0xD9, size)) + octets
    return (b"\xda" + _u16(size) if size < 0x10000 else b"\xdb" + _u32(size)) + octets


def binary_head(size: int) -> bytes:
    """Encode the head of binary of so many bytes, which follow."""
    if size < 0x100:
        return bytes((0xC4, size))
    return b"\xc5" + _u16(size) if size < 0x10000 else b"\xc6" + _u32(size)


def integer(value: int) -> bytes:
    """Encode an integer in its smallest form."""
    if value >= 0:
        if value < 0x80:
            return bytes((value,))
        if value < 0x100:
            return bytes((0xCC, value))
        if value < 0x10000:
            return b"\xcd" + _u16(value)
        return b"\xce" + _u32(value) if value < 0x1_0000_0000 else b"\xcf" + _u64(value)
    if value >= -0x20:
        return bytes((value & 0xFF,))
    if value >= -0x80:
        return bytes((0xD0, value & 0xFF))
    if value >= -0x8000:
        return b"\xd1" + _i16(value)
    return b"\xd2" + _i32(value) if value >= -0x8000_0000 else b"\xd3" + _i64(value)


# --- reading -------------------------------------------------------------------------------------------------


def find_fields(data: bytes, names: Collection[bytes], at: int = 0) -> dict[bytes, int]:
    """Find where the values of the fields ``names`` begin in the map at ``at``.

    Of equal fields the last counts.  Raises ProtocolError, or LimitExceeded for more values than the limit.
    """
    size, at = map_size(data, at)
    found: dict[bytes, int] = {}
    budget = VALUES_LIMIT
    for _ in range(size):
        name, at = octets(data, at)
        if name in names:
            found[name] = at
        at, budget = skip(data, at, budget - 1)
    return found


def map_size(data: bytes, at: int) -> tuple[int, int]:
    """Decode how many fields the map at ``at`` has, and where they begin."""
    return _collection(data, at, 0x80, 0xDE)


def array_size(data: bytes, at: int) -> tuple[int, int]:
    """Decode how many values the array at ``at`` has, and where they begin."""
    return _collection(data, at, 0x90, 0xDC)


def octets(data: bytes, at: int) -> tuple[bytes, int]:
    """Decode the text or binary at ``at``, and where it ends."""
    head = data[at] if at < len(data) else 0
    at += 1
    if 0xA0 <= head < 0xC0:
        end = at + (head & 0x1F)
    elif head in _LENGTHS:
        size, at = _length(data, at, _LENGTHS[head])
        end = at + size
    else:
        raise ProtocolError("neither text nor binary")
    if end > len(data):
        raise ProtocolError("cut off")
    return data[at:end], end


def number(data: bytes, at: int) -> int:
    """Decode the integer at ``at``."""
    head = _head(data, at)
    if head < 0x80:
        return head
    if head >= 0xE0:
        return head - 0x100
    if head not in _INTEGERS:
        raise ProtocolError("not an integer")
    size, signed = _INTEGERS[head]
    end = at + 1 + size
    if end > len(data):
        raise ProtocolError("cut off")
    return int.from_bytes(data[at + 1 : end], "big", signed=signed)


def truth(data: bytes, at: int) -> bool:
    """Decode the truth value at ``at``."""
    head = _head(data, at)
    if head == TRUE[0]:
        return True
    if head == FALSE[0]:
        return False
    raise ProtocolError("not a truth value")


def is_nil(data: bytes, at: int) -> bool:
    """Return whether nil is at ``at``."""
    return _head(data, at) == 0xC0


def _head(data: bytes, at: int) -> int:
    if at >= len(data):
        raise ProtocolError("cut off")
    return data[at]


def _length(data: bytes, at: int, size: int) -> tuple[int, int]:
    end = at + size
    if end > len(data):
        raise ProtocolError("cut off")
    return int.from_bytes(data[at:end], "big"), end


def _collection(data: bytes, at: int, small: int, large: int) -> tuple[int, int]:
    head = _head(data, at)
    at += 1
    if head & 0xF0 == small:
        return head & 0x0F, at
    if head == large:
        return _length(data, at, 2)
    if head == large + 1:
        return _length(data, at, 4)
    raise ProtocolError("not a map, or not an array")


def skip(data: bytes, at: int, budget: int = VALUES_LIMIT) -> tuple[int, int]:
    """Find the end of the value at ``at``, and what is left of the budget of values."""
    due = 1
    end = len(data)
    while due:
        due -= 1
        budget -= 1
        if budget < 0:
            raise LimitExceeded("a message has more values in it than the limit", 1008)
        if at >= end:
            raise ProtocolError("cut off")
        head = data[at]
        if head < 0x80 or head >= 0xE0:
            at += 1
        elif head < 0xA0 or head >= 0xDC:
            if head < 0x90 or head >= 0xDE:
                size, at = map_size(data, at)
                due += 2 * size
            else:
                size, at = array_size(data, at)
                due += size
        elif head < 0xC0:
            at += 1 + (head & 0x1F)
        elif head in _FIXED:
            at += 1 + _FIXED[head]
        elif head in _LENGTHS:
            size, at = _length(data, at + 1, _LENGTHS[head])
            at += size
        elif head in _EXTENSIONS:
            size, at = _length(data, at + 1, _EXTENSIONS[head])
            at += size + 1
        else:
            raise ProtocolError("a byte that never begins a value")
    if at > end:
        raise ProtocolError("cut off")
    return at, budget
