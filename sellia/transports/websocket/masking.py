"""Masking of WebSocket payloads (RFC 6455, 5.3), by whichever way is faster for the size.

Autobahn's native masker costs a microsecond or two before the first byte, Python's integers cost more for each byte:
below half a kibibyte integers win, above it the native masker does.

Autobahn's own class for it copies a payload three times around the masking itself.  So the native code is called here
on a buffer that is ours, in which the head of the frame stands already: a payload is copied once, and masked where it
is.  Autobahn's class remains for payloads that come in pieces, and for an Autobahn without the native code.

Keys come from the system's generator, a thousand at a time: 0.6 times what pseudo-random ones of ``random`` cost.
"""

import os
from struct import Struct
from typing import Any, Final, Protocol

from autobahn.websocket import USES_NVX
from autobahn.websocket.protocol import create_xor_masker  # type: ignore[attr-defined]

if USES_NVX:
    from _nvx_xormasker import ffi, lib
else:
    ffi = lib = None

#: Payload size from which the native masker is faster.
_NATIVE_FROM: Final = 512

#: The native masker is fastest where a payload begins at a multiple of this.
_ALIGNMENT: Final = 16

#: Keys that are drawn from the system at once: one by one they would cost a system call each, eight times as much.
_DRAWN: Final = 1024
_keys: list[bytes] = []
_take = _keys.pop
_cut = Struct("4s" * _DRAWN).unpack

os.register_at_fork(after_in_child=_keys.clear)  # or the parent would use the same ones

_PADDING: Final = [bytes(-size % _ALIGNMENT) for size in range(_ALIGNMENT)]


class Masker(Protocol):
    """Masks, or unmasks, the payload of one frame piece by piece."""

    def process(self, payload: bytes) -> bytes:
        """The next piece, masked."""


def native_masking() -> bool:
    """Whether Autobahn's native masker is there; without it a large frame takes a thousand times longer."""
    return bool(USES_NVX)


def new_key() -> bytes:
    """Return a masking key that nobody can predict (RFC 6455, 10.3)."""
    try:
        return _take()
    except IndexError:
        _keys.extend(_cut(os.urandom(4 * _DRAWN)))
        return _take()


def mask(payload: bytes, key: bytes) -> bytes:
    """Return the whole payload of a frame, masked with ``key``; unmasked, if it was masked."""
    size = len(payload)
    if size < _NATIVE_FROM:
        pad = (key * ((size + 3) >> 2))[:size]
        return (int.from_bytes(payload, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")
    if lib is None:
        masked: bytes = create_xor_masker(key, size).process(payload)
        return masked
    buffer = bytearray(payload)
    _mask_from(buffer, 0, key)
    return bytes(buffer)


def masked_frame(head: bytes, key: bytes, payload: bytes) -> bytes | memoryview:
    """A whole frame: its head, the key, and the payload, masked."""
    if len(payload) < _NATIVE_FROM or lib is None:
        return b"".join((head, key, mask(payload, key)))
    start = len(head) + len(key)
    padding = _PADDING[start % _ALIGNMENT]
    buffer = bytearray().join((padding, head, key, payload))
    _mask_from(buffer, len(padding) + start, key)
    return memoryview(buffer)[len(padding) :]


def masker(key: bytes, length: int) -> Masker:
    """For a frame of ``length`` bytes that comes in pieces."""
    made: Masker = create_xor_masker(key, length)
    return made


def _mask_from(buffer: bytearray, start: int, key: bytes) -> None:
    """Mask what stands in ``buffer`` from ``start`` on."""
    native: Any = lib
    made = native.nvx_xormask_new(ffi.from_buffer(key))
    native.nvx_xormask_process(made, ffi.from_buffer(buffer) + start, len(buffer) - start)
    native.nvx_xormask_free(made)
