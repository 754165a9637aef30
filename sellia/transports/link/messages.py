"""Framing of link messages: each is one binary WebSocket frame, written and read without assembling anything.

Need
    A link carries parcels of up to half a mebibyte.  Each should be put together once, masked where it stands, and
    found again without being moved from buffer to buffer.

How
    :func:`write_message` writes a message as a frame: one that is masked is copied once, into the buffer that is
    masked, and one that is not goes to the socket as it is, beside its head.  :class:`SingleFrameReader` finds such
    messages in what is read from a socket, and keeps the beginning of one until the rest is there.  All else (control
    frames, text, fragments, other people's mistakes) it hands back for Autobahn's parser to deal with, from the first
    byte of that frame on.

Bounds
    What is kept is the beginning of one message: at most ``limit`` bytes of payload and one read of the socket.
    A longer message is handed back as soon as its head is there, for Autobahn to refuse.
"""

from collections.abc import Callable
from typing import Any, Final

from sellia.transports.reactor.sockets import write_now
from sellia.transports.websocket.fast_path import span
from sellia.transports.websocket.frames import BINARY, frame_head
from sellia.transports.websocket.masking import mask, masked_frame, new_key

_BINARY: Final = 0x80 | BINARY


def write_message(transport: Any, message: bytes, masked: bool) -> None:
    """Write a message, as the frame that is the whole of it."""
    head = frame_head(_BINARY, len(message), masked)
    if masked:
        write_now(transport, masked_frame(head, new_key(), message))
    else:
        write_now(transport, message, head)


class SingleFrameReader:
    """Finds messages in what is read from a socket.  ``masked`` says whether its peer masks."""

    __slots__ = ("_masked", "_missing", "_pieces", "limit")

    def __init__(self, masked: bool, limit: int) -> None:
        self._masked = masked
        #: Bytes of the longest message that is taken.
        self.limit = limit
        self._pieces: list[bytes] = []
        self._missing = 0

    def feed(self, data: bytes, act: Callable[[bytes], bool]) -> bytes:
        """Call ``act`` with each whole message, as long as it returns True; return what is not for us.

        That begins with a frame's first byte.  What is returned after ``act`` has returned False is what came behind
        the message.
        """
        if self._missing > len(data):
            self._pieces.append(data)
            self._missing -= len(data)
            return b""
        if self._pieces:
            self._pieces.append(data)
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._missing = 0
        offset, end, masked = 0, len(data), self._masked
        while offset < end:
            if data[offset] != _BINARY:
                break
            start, stop = span(data, offset, masked)
            if start < 0 or stop - start > self.limit:
                break
            if stop > end:
                self._pieces.append(data[offset:] if offset else data)
                self._missing = stop - end
                return b""
            message = data[start:stop]
            if masked:
                message = mask(message, data[start - 4 : start])
            offset = stop
            if not act(message):
                break
        return data[offset:] if offset else data

    def give_up(self) -> bytes:
        """Return the beginning of a message that is kept, if there is one, and forget it."""
        kept = b"".join(self._pieces)
        self._pieces.clear()
        self._missing = 0
        return kept
