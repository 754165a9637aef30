"""Payloads of a WebSocket's messages, joined from their fragments and inflated (RFC 7692).

Need
    Messages are looked at in the order in which they passed, again and again from the beginning, or one in the middle
    by itself, and with context takeover each one needs all before it.

Bounds
    ``DECODED_LIMIT`` bytes of a message come out, and ``BUDGET`` bytes of one are inflated to be thrown away, because
    those that follow need them; where a message inflates to more than that, the ones after it cannot be read, and say
    so.  A reader holds ``CHECKPOINTS`` copies of a decompressor for each direction, and `Readers` holds ``READERS``.
"""

from collections import OrderedDict
from typing import Final

from sellia.inspector.contexts import BUDGET, Context
from sellia.inspector.decode.content import Content
from sellia.inspector.exchange import Exchange
from sellia.inspector.model import CLOSE, Frame, Message
from sellia.inspector.timeline import Timeline

#: Bytes of a message that come out.
DECODED_LIMIT: Final = 4 << 20

#: Copies of a decompressor that a reader keeps each way, how many frames apart at first, and readers.
CHECKPOINTS: Final = 16
FRAMES_APART: Final = 64
READERS: Final = 8

_NOT_COMPRESSED: Final = "It is marked as compressed, although no compression was agreed."


class Reader:
    """Reads the messages of one timeline."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._ways = {True: _Way(timeline, True), False: _Way(timeline, False)}

    def content(self, message: Message) -> Content:
        """Return what a message says."""
        missing = "Not all of its frames were kept." if message.torn else ""
        if not message.compressed or message.opcode & CLOSE:
            whole = message.payload
            if message.truncated and not missing:
                missing = f"{message.length - len(whole):,} of its {message.length:,} bytes were not kept."
            return Content(whole, message.truncated, missing)
        if self._timeline.deflate is None:
            return Content(message.payload, message.truncated, _NOT_COMPRESSED)
        return self._ways[message.from_visitor].content(message)


class _Way:
    """One direction: the context behind the last frame that was read, and copies of earlier ones."""

    def __init__(self, timeline: Timeline, from_visitor: bool) -> None:
        self._timeline = timeline
        self._from_visitor = from_visitor
        self._context = self._start()
        self._next = 0
        self._read = 0
        self._apart = FRAMES_APART
        #: Contexts by the number of the frame that they are for, ascending.
        self._checkpoints: dict[int, Context] = {}

    def content(self, message: Message) -> Content:
        if not self._context.takeover:
            context = self._start()
        else:
            context = self._context_at(message.head.number)
        lost = context.lost
        parts: list[bytes] = []
        kept = total = 0
        for frame in message.frames:
            part, size = context.frame(frame, DECODED_LIMIT - kept, BUDGET)
            parts.append(part)
            kept += len(part)
            total += size
        if context is self._context:
            self._next = message.number + 1
        data = b"".join(parts)
        if lost:
            return Content(data, True, f"It cannot be inflated: {lost}, and what follows refers to it.")
        if context.lost:
            return Content(data, True, f"Only its beginning can be shown: {context.lost}.")
        if message.truncated:
            return Content(data, True, "Only its beginning was kept.")
        if total > len(data):
            return Content(data, True, f"It has {total:,} bytes, of which {len(data):,} are shown.")
        return Content(data)

    def _start(self) -> Context:
        deflate = self._timeline.deflate
        return deflate.context(self._from_visitor) if deflate is not None else Context(15, True)

    def _context_at(self, number: int) -> Context:
        """Bring the context to where frame ``number`` is the next."""
        line = self._timeline
        gap = line.gap
        behind = gap is not None and number >= gap.begin
        floor = gap.begin + gap.frames if gap is not None and behind else 0
        if self._next > number or self._next < floor:
            self._back_to(number, floor)
        for frame in line.frames(self._next - 1):
            if frame.number >= number:
                break
            self._pass(frame)
        self._next = number
        return self._context

    def _back_to(self, number: int, floor: int) -> None:
        at = max((each for each in self._checkpoints if floor <= each <= number), default=-1)
        if at >= 0:
            self._context, self._next = self._checkpoints[at].copy(), at
            return
        contexts = self._timeline.contexts
        if floor and contexts is not None:
            side = contexts.visitor if self._from_visitor else contexts.service
            self._context, self._next = side.copy(), floor
        else:
            self._context, self._next = self._start(), 0

    def _pass(self, frame: Frame) -> None:
        if frame.from_visitor != self._from_visitor or frame.first & CLOSE:
            return
        self._read += 1
        if self._read % self._apart == 0 and frame.number not in self._checkpoints and not self._context.inside:
            if len(self._checkpoints) >= CHECKPOINTS:
                self._checkpoints = dict(list(self._checkpoints.items())[::2])
                self._apart *= 2
            self._checkpoints[frame.number] = self._context.copy()
        if not self._context.lost:
            self._context.frame(frame, 0, BUDGET)


class Readers:
    """Readers of the timelines that were looked at last."""

    def __init__(self) -> None:
        self._readers: OrderedDict[int, tuple[Timeline, Reader]] = OrderedDict()

    def content(self, exchange: Exchange, message: Message) -> Content:
        """Return what a message of an exchange says."""
        line = exchange.timeline
        if line is None:
            return Content(b"", True, "The exchange is not kept any more.")
        known = self._readers.get(exchange.number)
        if known is None or known[0] is not line:
            known = line, Reader(line)
            self._readers[exchange.number] = known
            if len(self._readers) > READERS:
                self._readers.popitem(last=False)
        self._readers.move_to_end(exchange.number)
        return known[1].content(message)
