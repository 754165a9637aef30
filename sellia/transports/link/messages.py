"""Binary messages of one frame each, which is how both ends of a link speak: put on the wire, and taken off it.

Need
    A link carries parcels of up to half a mebibyte.  Each should be put together once, masked where it stands, and
    found again without being moved from buffer to buffer.

How
    :func:`binary_frame` makes the octets of a message.  :class:`SingleFrameReader` finds such messages in what a socket
    brings, and keeps the beginning of one until the rest is there.  All else (control frames, text, fragments, other
    people's mistakes) it hands back for Autobahn's parser to deal with, from the first octet of that frame on.

Bounds
    What is kept is the beginning of one message: at most ``limit`` octets of payload and one read of the socket.
    A longer message is handed back as soon as its head is there, for Autobahn to refuse.
"""

from collections.abc import Callable
from typing import Final

from sellia.transports.websocket.fast_path import span
from sellia.transports.websocket.frames import BINARY, frame_head
from sellia.transports.websocket.masking import mask, masked_frame, new_key

_BINARY: Final = 0x80 | BINARY


def binary_frame(message: bytes, masked: bool) -> bytes | memoryview:
    """The frame that is the whole of a binary message."""
    head = frame_head(_BINARY, len(message), masked)
    if not masked:
        return head + message
    return masked_frame(head, new_key(), message)


class SingleFrameReader:
    """Takes the messages out of what a socket brings.  ``masked`` says whether its peer masks."""

    __slots__ = ("_masked", "_missing", "_pieces", "limit")

    def __init__(self, masked: bool, limit: int) -> None:
        self._masked = masked
        #: Octets of the longest message that is taken.
        self.limit = limit
        self._pieces: list[bytes] = []
        self._missing = 0

    def feed(self, data: bytes, act: Callable[[bytes], bool]) -> bytes:
        """Call ``act`` with each whole message, as long as it returns True; return what is not for us.

        That begins with a frame's first octet.  What is returned after ``act`` has returned False is what came behind
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
        """The beginning of a message that is kept, if there is one: it is not for us any more."""
        kept = b"".join(self._pieces)
        self._pieces.clear()
        self._missing = 0
        return kept
