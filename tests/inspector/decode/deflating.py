"""A WebSocket's sender with permessage-deflate, for tests of whoever inflates."""

import zlib
from typing import Any

from sellia.inspector.contexts import TAIL
from sellia.inspector.timeline import Deflate, Timeline


class Sender:
    """Compresses messages as one end of a WebSocket does, and puts them into a timeline."""

    def __init__(self, line: Timeline, from_visitor: bool = True, bits: int = 15, takeover: bool = True) -> None:
        self.line = line
        self.from_visitor = from_visitor
        self.bits = bits
        self.takeover = takeover
        self.compressor: Any = None
        self.sent: list[bytes] = []

    def compress(self, data: bytes) -> bytes:
        if self.compressor is None or not self.takeover:
            self.compressor = zlib.compressobj(wbits=-self.bits)
        out: bytes = self.compressor.compress(data) + self.compressor.flush(zlib.Z_SYNC_FLUSH)
        assert out.endswith(TAIL)
        return out[: -len(TAIL)]

    def send(self, data: bytes, parts: int = 1, compressed: bool = True) -> None:
        """Send a text message in so many frames."""
        self.sent.append(data)
        payload = self.compress(data) if compressed else data
        step = max(1, -(-len(payload) // parts))
        pieces = [payload[at : at + step] for at in range(0, len(payload), step)] or [b""]
        for number, piece in enumerate(pieces):
            first = 0 if number else 0x41 if compressed else 0x01
            if number == len(pieces) - 1:
                first |= 0x80
            self.line.add(0.0, self.from_visitor, first, piece)


def timeline(deflate: Deflate | None, limit: int = 1 << 20, message_limit: int = 1 << 18) -> Timeline:
    line = Timeline(limit=limit, message_limit=message_limit, deflate=deflate)
    line.contexts = deflate.contexts() if deflate is not None else None
    return line
