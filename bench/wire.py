"""
WebSocket frames and opening handshakes (RFC 6455) for the load generator and the service behind the tunnel.

Only what measuring needs, and nothing on the way of a message that could be done beforehand: a client's frames are
built once, with a fixed masking key, and sent over and over; what comes back has a known length and a known content.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import NamedTuple

from autobahn.websocket.xormasker import create_xor_masker

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
FIN = 0x80
MASKED = 0x80

MASK = b"\x5a\xc3\x0f\x96"
"""The load generator's masking key. It need not be unpredictable: nothing between here and the service caches HTTP."""

_SMALL = 1024
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = base64.b64encode(b"sellia benchmark")


class Header(NamedTuple):
    """A frame header: its first byte (fin, rsv, opcode), its own length, the masking key or nothing, payload length."""

    first: int
    size: int
    mask: bytes
    length: int


def header(first: int, length: int, mask: bytes = b"") -> bytes:
    """The header of a frame with a payload of ``length`` bytes (RFC 6455, section 5.2)."""
    bit = MASKED if mask else 0
    if length < 126:
        return bytes((first, bit | length)) + mask
    if length < 65536:
        return bytes((first, bit | 126)) + length.to_bytes(2) + mask
    return bytes((first, bit | 127)) + length.to_bytes(8) + mask


def frame(payload: bytes, opcode: int = BINARY, mask: bytes = b"") -> bytes:
    """A whole message in one frame; with ``mask`` as a client sends it."""
    return header(FIN | opcode, len(payload), mask) + (unmask(payload, mask) if mask else payload)


def parse_header(data: bytes | bytearray | memoryview, offset: int = 0) -> Header | None:
    """The frame header at ``offset``, or None while it is incomplete."""
    available = len(data) - offset
    if available < 2:
        return None
    first, second = data[offset], data[offset + 1]
    length, size = second & 0x7F, 2
    if length == 126:
        size = 4
    elif length == 127:
        size = 10
    masked = second & MASKED
    if available < size + (4 if masked else 0):
        return None
    if size > 2:
        length = int.from_bytes(data[offset + 2 : offset + size])
    if not masked:
        return Header(first, size, b"", length)
    return Header(first, size + 4, bytes(data[offset + size : offset + size + 4]), length)


def unmask(payload: bytes, mask: bytes) -> bytes:
    """The payload without (or with) the mask. Small ones as one long integer, large ones by Autobahn's native code."""
    length = len(payload)
    if length < _SMALL:
        key = (mask * (length // 4 + 1))[:length]
        return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(length)
    return masker(mask, length)(payload)


def masker(mask: bytes, length: int) -> Callable[[bytes], bytes]:
    """The same for a payload of ``length`` bytes that comes in pieces."""
    process: Callable[[bytes], bytes] = create_xor_masker(mask, length).process
    return process


def accept_key(key: bytes) -> bytes:
    """What the server answers to ``Sec-WebSocket-Key`` (RFC 6455, section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID).digest())


def upgrade_request(host: str, path: str) -> bytes:
    """A visitor's opening handshake, without extensions."""
    return (
        b"GET %b HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: %b\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ) % (path.encode("ascii"), host.encode("ascii"), _KEY)


def upgrade_answer(key: bytes) -> bytes:
    """The service's side of it."""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n"
    ) % accept_key(key)


def is_accepted(answer: bytes) -> bool:
    """Whether a response head accepts the handshake that `upgrade_request` asked for."""
    return answer.startswith(b"HTTP/1.1 101") and field(answer, b"sec-websocket-accept") == accept_key(_KEY)


def field(head: bytes, name: bytes) -> bytes:
    """The first value of a header field, ``name`` in lower case; empty when it is not there."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""
