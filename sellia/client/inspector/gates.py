"""Gates of WebSockets whose messages are held: whole messages are stopped, shown, changed, let go or dropped.

Need
    A message that matches a hold stops, and everything behind it in its direction waits, so that order is kept.  What
    is let go passes as if it had just come; what is changed or dropped must leave the other messages readable.

How
    A gate stands on a leg from when a hold fits its WebSocket.  It collects the frames of a message until the last,
    asks whether it is to be held, and hands frames back to the leg in order.

Compression (RFC 7692)
    With context takeover a message refers to those before it, so the other end must see each of them, or none of the
    bytes that they compress to.  Once one was changed or dropped, the gate inflates all later ones of that direction
    and sends them as they are, which any receiver of the extension accepts.  Where it cannot inflate, because frames
    were not kept, messages can be let go and not changed.

Invariants
    * Frames pass in the order in which they came, and a message that was not changed passes frame by frame as it came.
    * Pings and pongs pass at once.

Bounds
    Messages of up to ``HOLDABLE`` bytes are collected; longer ones pass.  ``WAITING`` bytes wait behind one that is
    held: then all are let go.  The holds' time limit is kept by whoever owns the gate.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Protocol

from sellia.inspector.contexts import BUDGET, Context
from sellia.inspector.exchange import Exchange
from sellia.inspector.model import CLOSE, FIN, RSV1, Frame
from sellia.inspector.timeline import Timeline
from sellia.transports.websocket.pipe import WebSocketLeg

#: Bytes of a message that can be held, and that wait behind one.
HOLDABLE: Final = 1 << 20
WAITING: Final = 4 << 20

#: Reason of the end of a WebSocket with a message that cannot be inflated any more.
_UNREADABLE: Final = "a message cannot be inflated behind one that was changed at the inspector"


@dataclass(slots=True, eq=False)
class Parcel:
    """A message on its way: its frames as they came, and what is in it as far as that can be known."""

    to_service: bool
    frames: list[tuple[int, bytes]] = field(default_factory=list)
    size: int = 0
    content: bytes | None = None  #: None: it cannot be inflated
    held: bool = False

    @property
    def opcode(self) -> int:
        """Opcode of the message."""
        return self.frames[0][0] & 0x0F


class Asker(Protocol):
    """Owner of the holds."""

    def wants(self, gate: "MessageGate", parcel: Parcel) -> bool:
        """Return whether a message is to be held; if so, it is up to the owner to `let_go` of it in time."""

    def passed(self, gate: "MessageGate", parcel: Parcel) -> None:
        """A message that was held is let go because a side has gone, or too much waits."""


class _Way:
    """One direction of a gate."""

    __slots__ = ("building", "context", "left", "passing", "queue", "recoding", "waiting")

    def __init__(self, timeline: Timeline | None, from_visitor: bool) -> None:
        self.queue: deque[Parcel] = deque()
        self.waiting = 0
        self.building: Parcel | None = None
        #: Bytes of a frame in pieces that are still to come; -1: none is under way.
        self.left = -1
        way = None if timeline is None else timeline.visitor if from_visitor else timeline.service
        #: Whether the message under way passes without being looked at.
        self.passing = way is not None and (way.begin >= 0 or way.pieces is not None)
        if way is not None and way.pieces is not None and way.first >= FIN:
            self.left = way.missing
        self.context = context_of(timeline, from_visitor)
        self.recoding = False


class MessageGate:
    """Gate of one WebSocket's leg at the client (`sellia.transports.websocket.gate.Gate`)."""

    def __init__(self, leg: WebSocketLeg, exchange: Exchange, asker: Asker) -> None:
        self.leg = leg
        self.exchange = exchange
        self._asker = asker
        self._ways = {True: _Way(exchange.timeline, True), False: _Way(exchange.timeline, False)}
        self._gone = False
        leg.gate = self

    # --- a Gate -----------------------------------------------------------------------------------------------

    def frame(self, to_socket: bool, first: int, payload: bytes) -> bool:
        way = self._ways[to_socket]
        if first & 0x0F == CLOSE:
            if not way.queue:
                return False
            self._queue(way, Parcel(to_socket, [(first, payload)], len(payload)))
            return True
        if way.passing:
            return self._passes(way, first)
        self._collect(way, to_socket, first, payload)
        return True

    def begun(self, to_socket: bool, first: int, length: int) -> bool:
        way = self._ways[to_socket]
        parcel = way.building
        size = (parcel.size if parcel is not None else 0) + length
        if not way.passing and size > HOLDABLE and not way.queue:
            self._give_up(way, first)
        if way.passing:
            way.left = length if first >= FIN else -1
            if not way.left:
                way.passing = False
            return False
        if parcel is None:
            parcel = way.building = Parcel(to_socket)
        parcel.frames.append((first, b""))
        way.left = length
        if not length:
            self._ended(way, parcel, first)
        return True

    def continued(self, to_socket: bool, payload: bytes) -> bool:
        way = self._ways[to_socket]
        if way.passing:
            if way.left > 0:
                way.left -= len(payload)
                if not way.left:
                    way.passing, way.left = False, -1
            return False
        parcel = way.building
        if parcel is None:
            return False
        first, so_far = parcel.frames[-1]
        parcel.frames[-1] = first, so_far + payload
        parcel.size += len(payload)
        way.left -= len(payload)
        if not way.left:
            self._ended(way, parcel, first)
        return True

    def over(self) -> None:
        if self._gone:
            return
        self._gone = True
        for way in self._ways.values():
            if way.building is not None:
                way.queue.append(way.building)
                way.building = None
            for parcel in way.queue:
                if parcel.held:
                    parcel.held = False
                    self._asker.passed(self, parcel)
            self._move(way)
        self.leg.gate = None

    # --- for the owner ------------------------------------------------------------------------------------------

    def can_change(self, parcel: Parcel) -> bool:
        """Return whether a message that is held may be changed or dropped."""
        way = self._ways[parcel.to_service]
        deflate = self.exchange.timeline.deflate if self.exchange.timeline is not None else None
        return deflate is None or (way.context is not None and (not way.context.takeover or not way.context.lost))

    def let_go(self, parcel: Parcel, payload: bytes | None = None, *, drop: bool = False) -> None:
        """Let a held message pass, with another payload, or not at all; what waits behind it follows."""
        way = self._ways[parcel.to_service]
        if drop or payload is not None:
            way.recoding = way.recoding or (way.context is not None and way.context.takeover)
            if drop:
                parcel.frames = []
            elif payload is not None:
                parcel.frames = [(FIN | parcel.opcode, payload)]
        elif way.recoding:
            self._recode(way, parcel)
        parcel.held = False
        self._move(way)

    @property
    def needed(self) -> bool:
        """Whether it must stay without any hold: something is on its way, or later messages must be inflated."""
        return any(way.queue or way.building or way.recoding for way in self._ways.values())

    def leave(self) -> None:
        """Take the gate off the leg, unless it is still needed."""
        if not self.needed and self.leg.gate is self:
            self.leg.gate = None
            self._gone = True

    # --- collecting -----------------------------------------------------------------------------------------------

    def _passes(self, way: _Way, first: int) -> bool:
        if first >= FIN:
            way.passing = False
        return False

    def _collect(self, way: _Way, to_socket: bool, first: int, payload: bytes) -> None:
        parcel = way.building
        if parcel is None:
            parcel = way.building = Parcel(to_socket)
        parcel.frames.append((first, payload))
        parcel.size += len(payload)
        self._ended(way, parcel, first)

    def _ended(self, way: _Way, parcel: Parcel, first: int) -> None:
        """A frame is whole: act on its message if that is whole as well, or is too long."""
        way.left = -1
        if first < FIN:
            if parcel.size > HOLDABLE and not way.queue:
                self._give_up(way, 0)
            return
        way.building = None
        self._read(way, parcel)
        if parcel.size <= HOLDABLE and not self._gone and self._asker.wants(self, parcel):
            parcel.held = True
            self._stop(parcel.to_service)
        elif way.recoding:
            self._recode(way, parcel)
        self._queue(way, parcel)

    def _give_up(self, way: _Way, next_first: int) -> None:
        """Let a message pass that is too long to be held; its context is lost, unless it is not compressed."""
        parcel, way.building = way.building, None
        first = parcel.frames[0][0] if parcel is not None else next_first
        if first & RSV1 and way.context is not None and way.context.takeover:
            way.context.lost = "a message was too long"
            if way.recoding:
                self._break()
                return
        if parcel is not None:
            self._hand_over(parcel)
        way.passing = True

    def _read(self, way: _Way, parcel: Parcel) -> None:
        """Inflate a message, where it is compressed, and keep the context."""
        if not parcel.frames[0][0] & RSV1:
            parcel.content = b"".join(payload for _, payload in parcel.frames)
            return
        context = way.context
        if context is None:
            return
        parts, budget = [], BUDGET
        for first, payload in parcel.frames:
            frame = Frame(0, 0.0, parcel.to_service, first, len(payload), payload, 0)
            part, size = context.frame(frame, BUDGET, max(1, budget))
            budget -= size
            parts.append(part)
        parcel.content = None if context.lost else b"".join(parts)

    def _recode(self, way: _Way, parcel: Parcel) -> None:
        """Replace the frames of a compressed message by one that is not."""
        if parcel.frames and parcel.frames[0][0] & RSV1:
            if parcel.content is None:
                parcel.frames = []
                self._break()
            else:
                parcel.frames = [(FIN | parcel.opcode, parcel.content)]

    def _break(self) -> None:
        """End the WebSocket: a message cannot be read any more without those that were changed."""
        if not self.leg.close(1011, _UNREADABLE):
            self.leg.drop(_UNREADABLE)

    # --- passing ----------------------------------------------------------------------------------------------------

    def _queue(self, way: _Way, parcel: Parcel) -> None:
        way.queue.append(parcel)
        way.waiting += parcel.size
        if way.waiting > WAITING:
            for each in way.queue:
                if each.held:
                    each.held = False
                    if way.recoding:
                        self._recode(way, each)
                    self._asker.passed(self, each)
        self._move(way)

    def _move(self, way: _Way) -> None:
        """Hand over what is in front of the next message that is held."""
        queue = way.queue
        while queue and not queue[0].held:
            parcel = queue.popleft()
            way.waiting -= parcel.size
            self._hand_over(parcel)
            if not queue:
                self._go_on(parcel.to_service)

    def _hand_over(self, parcel: Parcel) -> None:
        leg = self.leg
        leg.gate = None
        try:
            for first, payload in parcel.frames:
                if parcel.to_service:
                    leg.frame_received(first, payload)
                else:
                    leg.frame(first, payload)
        finally:
            if not self._gone:
                leg.gate = self

    def _stop(self, to_service: bool) -> None:
        """Take no more in a direction."""
        if to_service:
            self.leg.stream.stall()
        else:
            self.leg.pause_sending()

    def _go_on(self, to_service: bool) -> None:
        if to_service:
            self.leg.stream.flow()
        elif not self.leg.stream.paused:
            self.leg.resume_sending()


def context_of(timeline: Timeline | None, from_visitor: bool) -> Context | None:
    """Return the decompressor of a direction, behind all frames that have passed; None where nothing is compressed."""
    if timeline is None or timeline.deflate is None:
        return None
    context, after = timeline.deflate.context(from_visitor), -1
    if timeline.gap is not None:
        contexts = timeline.contexts
        if contexts is None:
            context.lost = "frames were not kept"
            return context
        context = (contexts.visitor if from_visitor else contexts.service).copy()
        after = timeline.gap.begin + timeline.gap.frames - 1
    for frame in timeline.frames(after):
        if frame.from_visitor == from_visitor and not frame.first & CLOSE and not context.lost:
            context.frame(frame, 0, BUDGET)
    return context
