"""Masking of WebSocket payloads (RFC 6455, 5.3), by whichever way is faster for the size.

Autobahn's native masker costs a few microseconds before the first octet, Python's integers cost more for each octet:
below about a kibibyte integers win, above it the native masker does.
"""

from random import getrandbits
from typing import Final, Protocol

from autobahn.websocket import USES_NVX
from autobahn.websocket.protocol import create_xor_masker  # type: ignore[attr-defined]

#: Payload size from which the native masker is faster.
_NATIVE_FROM: Final = 1024


class Masker(Protocol):
    """Masks, or unmasks, the payload of one frame piece by piece."""

    def process(self, payload: bytes) -> bytes:
        """The next piece, masked."""


def native_masking() -> bool:
    """Whether Autobahn's native masker is there; without it a large frame takes a thousand times longer."""
    return bool(USES_NVX)


def new_key() -> bytes:
    """A fresh masking key."""
    return getrandbits(32).to_bytes(4, "little")


def mask(payload: bytes, key: bytes) -> bytes:
    """The whole payload of a frame, masked with ``key``; unmasked, if it was masked."""
    size = len(payload)
    if size >= _NATIVE_FROM:
        masked: bytes = create_xor_masker(key, size).process(payload)
        return masked
    pad = (key * ((size + 3) >> 2))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")


def masker(key: bytes, length: int) -> Masker:
    """For a frame of ``length`` octets that comes in pieces."""
    made: Masker = create_xor_masker(key, length)
    return made
