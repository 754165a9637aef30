"""Timeline of a WebSocket: its frames, both directions in one order, within a bound of its own.

Need
    A socket may live for weeks and say thousands of things a second, and the inspector must neither grow with it nor
    lose count.

Invariants
    * ``count`` is the number of frames that passed, and ``len(head) + gap.frames + len(tail)`` is the same number.
    * Numbers are given once, without holes, so ``after=NUMBER`` never names another frame later.

Bounds
    ``limit`` bytes, the fixed cost of each frame included.  The first ``HEAD_SHARE`` of it keeps what a connection
    begins with, its logins and subscriptions, for good; the rest keeps the latest frames, and what falls out between
    the two is counted in one gap.  Frames fall out a thirty-second part of the limit at a time, so that letting go
    costs next to nothing for each, and does not take long.

Designs not chosen
    *A ring of fixed slots*: frames differ in size by five orders of magnitude.  *Many gaps*: only one can arise, as
    nothing is let go of but the oldest of the tail.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from sellia.inspector.contexts import Context, Contexts
from sellia.inspector.model import CLOSE, FIN, FRAME_COST, Frame, Gap, Message

#: Share of the limit for the beginning, as a divisor.
HEAD_SHARE: Final = 16

#: Share of the limit that is let go of at a time, as a divisor.
LET_GO: Final = 32


class Deflate(msgspec.Struct, gc=False, frozen=True):
    """Parameters of permessage-deflate that were agreed (RFC 7692, 7.1), by direction."""

    visitor_bits: int = 15
    service_bits: int = 15
    visitor_takeover: bool = True
    service_takeover: bool = True

    def context(self, from_visitor: bool) -> Context:
        """Return the context with which a direction begins."""
        if from_visitor:
            return Context(self.visitor_bits, self.visitor_takeover)
        return Context(self.service_bits, self.service_takeover)

    def contexts(self) -> Contexts | None:
        """Return what keeps the contexts of a timeline; None where every message stands for itself."""
        if not (self.visitor_takeover or self.service_takeover):
            return None
        return Contexts(self.context(True), self.context(False))


class Direction(msgspec.Struct, gc=False):
    """What is under way in one direction, and the counts of what has passed."""

    begin: int = -1  #: number of the first frame of the data message under way; -1: none
    room: int = 0  #: bytes of that message that may still be kept
    pieces: bytearray | None = None  #: payload of the frame that comes in pieces, as far as it is kept
    at: float = 0.0  #: that frame's time, first byte, length, and the bytes that are still to come
    first: int = 0
    length: int = 0
    missing: int = 0
    frames: int = 0
    octets: int = 0  #: bytes of payloads
    messages: int = 0  #: data messages that have ended


class Timeline(msgspec.Struct, gc=False):
    """Frames of one WebSocket, or datagrams of one flow (``datagrams``: each is a message, whatever its first byte)."""

    limit: int
    message_limit: int
    datagrams: bool = False
    subprotocol: str = ""
    deflate: Deflate | None = None
    head: list[Frame] = msgspec.field(default_factory=list)
    tail: list[Frame] = msgspec.field(default_factory=list)
    gap: Gap | None = None
    count: int = 0
    cost: int = 0  #: bytes of what is kept
    head_open: bool = True  #: whether the head takes more
    visitor: Direction = msgspec.field(default_factory=Direction)
    service: Direction = msgspec.field(default_factory=Direction)
    #: Takes the frames that fall into the gap, where inflating what comes after needs them.
    contexts: Contexts | None = None

    # --- what passes: each returns the bytes by which the timeline has grown ----------------------------------

    def add(self, at: float, from_visitor: bool, first: int, payload: bytes, injected: bool = False) -> int:
        """Take a whole frame."""
        return self._take(at, from_visitor, first, payload, len(payload), injected)

    def begin_frame(self, at: float, from_visitor: bool, first: int, length: int) -> int:
        """Take the head of a data frame whose payload follows in pieces; it has its number when it is whole."""
        way = self.visitor if from_visitor else self.service
        way.pieces = bytearray()
        way.at, way.first, way.length, way.missing = at, first, length, length
        return 0 if length else self._finish(way, from_visitor)

    def continue_frame(self, from_visitor: bool, payload: bytes) -> int:
        """Take the next piece of it."""
        way = self.visitor if from_visitor else self.service
        pieces = way.pieces
        if pieces is None:
            return 0
        room = (self.message_limit if way.begin < 0 else way.room) - len(pieces)
        way.missing -= len(payload)
        kept = min(len(payload), room)
        pieces += payload if kept == len(payload) else payload[:kept]
        self.cost += kept
        return kept if way.missing > 0 else kept + self._finish(way, from_visitor)

    def finish(self) -> int:
        """Keep what has come of frames that will not be continued."""
        grown = 0
        for way in (self.visitor, self.service):
            if way.pieces is not None:
                grown += self._finish(way, way is self.visitor)
        return grown

    # --- for whoever reads ------------------------------------------------------------------------------------

    def frames(self, after: int = -1) -> Iterator[Frame]:
        """Return the frames that are kept with numbers above ``after``, in order."""
        for part in (self.head, self.tail):
            if part and part[-1].number > after:
                yield from part[max(0, after + 1 - part[0].number) :]

    def frame(self, number: int) -> Frame | None:
        """Return a frame; None where it is not kept, or was not yet."""
        for part in (self.head, self.tail):
            if part and part[0].number <= number <= part[-1].number:
                return part[number - part[0].number]
        return None

    def messages(self, after: int = -1, limit: int = 0) -> list[Message]:
        """Return the messages that ended after frame ``after``, ``limit`` at most (0: all)."""
        found: list[Message] = []
        for frame in self.frames(after):
            if frame.final or self.datagrams:
                found.append(self.message_of(frame))
                if len(found) == limit:
                    break
        return found

    def message(self, number: int) -> Message | None:
        """Return the message whose last frame has this number."""
        frame = self.frame(number)
        return self.message_of(frame) if frame is not None and (frame.final or self.datagrams) else None

    def message_of(self, last: Frame) -> Message:
        """Return the message that ends with a frame, of as many of its frames as are kept."""
        if last.begin == last.number:
            return Message(last.number, (last,))
        parts = []
        for frame in self.frames(last.begin - 1):
            if frame.number > last.number:
                break
            if frame.begin == last.begin and frame.from_visitor == last.from_visitor:
                parts.append(frame)
        gap = self.gap
        torn = gap is not None and last.begin < gap.begin + gap.frames and last.number >= gap.begin
        return Message(last.number, tuple(parts), torn)

    def under_way(self) -> list[Message]:
        """Return the messages of which frames are there, and not the last."""
        found = []
        for way in (self.visitor, self.service):
            if way.begin >= 0:
                parts = [frame for frame in self.frames(way.begin - 1) if frame.begin == way.begin]
                if parts:
                    found.append(self.message_of(parts[-1]))
        return found

    # --- inside -------------------------------------------------------------------------------------------------

    def _finish(self, way: Direction, from_visitor: bool) -> int:
        """Take the frame whose pieces have come."""
        pieces, way.pieces = way.pieces, None
        assert pieces is not None
        self.cost -= len(pieces)
        return self._take(way.at, from_visitor, way.first, bytes(pieces), way.length, False) - len(pieces)

    def _take(self, at: float, from_visitor: bool, first: int, payload: bytes, size: int, injected: bool) -> int:
        way = self.visitor if from_visitor else self.service
        number = begin = self.count
        way.frames += 1
        way.octets += size
        if self.datagrams or first & CLOSE:
            if size > self.message_limit:
                payload = payload[: self.message_limit]
        else:
            if way.begin < 0:
                way.room = self.message_limit
            else:
                begin = way.begin
            if len(payload) <= way.room:
                way.room -= len(payload)
            else:
                payload, way.room = payload[: way.room], 0
            if first >= FIN:
                way.begin = -1
                way.messages += 1
            else:
                way.begin = begin
        cost = FRAME_COST + len(payload)
        self.count = number + 1
        self.cost += cost
        frame = Frame(number, at, from_visitor, first, size, payload, begin, injected)
        if self.head_open:
            if not number or self.cost <= self.limit // HEAD_SHARE:
                self.head.append(frame)
                return cost
            self.head_open = False
        self.tail.append(frame)
        return cost - self._let_go() if self.cost > self.limit else cost

    def _let_go(self) -> int:
        """Let go of the oldest of the tail; return their bytes."""
        tail = self.tail
        wanted = max(self.cost - self.limit, self.limit // LET_GO)
        freed = count = 0
        while freed < wanted and count < len(tail) - 1:
            freed += FRAME_COST + len(tail[count].payload)
            count += 1
        dropped = tail[:count]
        if not dropped:
            return 0
        del tail[:count]
        if self.contexts is not None:
            self.contexts.passed(dropped if self.gap is not None else [*self.head, *dropped])
        gap = self.gap
        if gap is None:
            gap = self.gap = Gap(dropped[0].number)
        for frame in dropped:
            gap.add(frame)
        self.cost -= freed
        return freed
