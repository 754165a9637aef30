"""Deflate contexts of a WebSocket whose early frames are gone: what inflating the later ones needs.

Need
    With context takeover (RFC 7692, 7.1.1) a message refers to the 32 KiB before it, so a timeline that lets go of
    frames would make the later ones unreadable.

Bounds
    Two windows for each WebSocket that has let go of compressed frames.  At most ``BUDGET`` bytes are inflated each
    time that frames fall out; where that is not enough, or a frame was not kept whole, the direction is lost: its later
    messages cannot be inflated, and whoever asks is told why.

Designs not chosen
    *Inflating everything as it passes*: most sockets never fill their timeline.  *The window as bytes*: copying the
    decompressor is exact, whatever its state between two blocks.
"""

import zlib
from collections.abc import Iterable
from typing import Any, Final

from sellia.inspector.model import CLOSE, FIN, RSV1, Frame

#: Bytes that frames which fall out at one time may inflate to.
BUDGET: Final = 8 << 20

_STEP: Final = 1 << 16

#: What ends each message's data, and is left out on the wire (RFC 7692, 7.2.2).
TAIL: Final = b"\x00\x00\xff\xff"


class Context:
    """Decompressor of one direction.  ``lost`` says why it cannot go on; empty while it can."""

    __slots__ = ("_bits", "_inflate", "_last", "_compressed", "inside", "lost", "takeover")

    def __init__(self, bits: int, takeover: bool) -> None:
        self._bits = bits
        self._inflate: Any = zlib.decompressobj(-bits)
        self._last = b""
        self._compressed = False
        #: Whether a message is under way.
        self.inside = False
        self.takeover = takeover
        self.lost = ""

    def copy(self) -> "Context":
        """Return another one in the same state."""
        other = Context.__new__(Context)
        other._bits, other._inflate, other._last = self._bits, self._inflate.copy(), self._last
        other._compressed, other.inside, other.takeover, other.lost = (
            self._compressed,
            self.inside,
            self.takeover,
            self.lost,
        )
        return other

    def frame(self, frame: Frame, keep: int, budget: int) -> tuple[bytes, int]:
        """Inflate a data frame; return the first ``keep`` bytes of it, and how many bytes it has.

        Beyond ``budget`` bytes nothing more is inflated, and the direction is lost.
        """
        first = frame.first
        if first & 0x0F or not self.inside:
            self._compressed = bool(first & RSV1)
            if not self.takeover:
                self._fresh()
        self.inside = first < FIN
        if not self._compressed:
            return frame.payload[:keep], frame.length
        if self.lost:
            return b"", 0
        if frame.truncated and (self.takeover or first < FIN):
            self.lost = f"{frame.length - len(frame.payload):,} bytes of frame {frame.number} were not kept"
        data = frame.payload + TAIL if first >= FIN and not frame.truncated else frame.payload
        return self._feed(data, keep, budget, frame.number)

    def _feed(self, data: bytes, keep: int, budget: int, number: int) -> tuple[bytes, int]:
        parts: list[bytes] = []
        total = 0
        try:
            while True:
                out = self._inflate.decompress(data, _STEP)
                if out:
                    if total < keep:
                        parts.append(out[: keep - total])
                    total += len(out)
                    self._last = out
                data = self._inflate.unconsumed_tail
                if self._inflate.eof:
                    # A final block ends zlib's stream, and the connection's goes on (RFC 7692, 7.2.3.4).
                    data = self._inflate.unused_data
                    self._fresh(self._last)
                    if data == TAIL or data == b"\x00" + TAIL:
                        break
                if total >= budget:
                    self.lost = f"frame {number} inflates to more than {budget:,} bytes"
                    break
                if not data and len(out) < _STEP:
                    break
        except zlib.error as error:
            why = str(error).rpartition(": ")[2]
            self.lost = f"frame {number} is not what deflate makes ({why})"
        return b"".join(parts), total

    def _fresh(self, window: bytes = b"") -> None:
        self._inflate = zlib.decompressobj(-self._bits, zdict=window) if window else zlib.decompressobj(-self._bits)


class Contexts:
    """Contexts of both directions, as they are behind the frames that a timeline has let go of."""

    __slots__ = ("service", "started", "visitor")

    def __init__(self, visitor: Context, service: Context) -> None:
        self.visitor = visitor
        self.service = service
        #: Whether frames were let go of.
        self.started = False

    def passed(self, frames: Iterable[Frame]) -> None:
        """Inflate frames that fall out, and keep nothing of them but what it takes to go on."""
        self.started = True
        budget = BUDGET
        for frame in frames:
            if not frame.first & CLOSE:
                context = self.visitor if frame.from_visitor else self.service
                if not context.lost:
                    budget -= context.frame(frame, 0, max(1, budget))[1]
