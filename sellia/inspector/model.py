"""Exchanges as an inspector keeps them: heads, bodies, the frames of a WebSocket, times, and the end.

Need
    The page, the HTTP API, filters, HAR files, tests that are made of exchanges, and recordings read one model, whether
    an exchange was captured, imported or read from a recording.

Invariants
    * ``length`` is what passed, ``data`` or ``payload`` what is kept of it: where they differ, something is missing.
    * Nothing here is decoded: contents are as they were on the wire, without chunks and masks.
    * Times are seconds since 1970 that never go backwards within one run of a client.

Cost
    Frames and exchanges hold no cycles and are left out of the garbage collector's view.

Designs not chosen
    *JSON in the store*: bodies are bytes, and most exchanges are never looked at.  *Joined messages in the store*: a
    message would be copied at its end, and its fragments would be gone; they are joined when somebody asks.
"""

from typing import Final, Literal

import msgspec

from sellia.protocol.messages import Headers
from sellia.relay.mux.observer import EndedBy

Kind = Literal["http", "websocket", "upgrade", "tcp", "udp"]

#: Where an exchange comes from: a visitor, somebody at the inspector (replayed, composed), or a HAR file.
Origin = Literal["visitor", "inspector", "import"]

#: Bytes that an exchange and a frame cost besides their contents, as measured.
EXCHANGE_COST: Final = 1600
FRAME_COST: Final = 176
FIELD_COST: Final = 136

#: Bits and opcodes of a frame's first byte (RFC 6455, 5.2; RFC 7692, 6).
FIN, RSV1 = 0x80, 0x40
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

#: Names of a frame's opcodes (RFC 6455, 5.2), and of a datagram.
OPCODES: Final = {0: "continuation", TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}


class Body(msgspec.Struct, gc=False):
    """Content of a message one way, or the bytes of a connection one way, as they were sent."""

    data: bytes | bytearray = b""  #: what is kept: the beginning
    length: int = 0  #: bytes that passed
    first_at: float = 0.0  #: when the first bytes passed; 0: none did
    last_at: float = 0.0

    @property
    def truncated(self) -> bool:
        """Whether less is kept than passed."""
        return self.length > len(self.data)

    def add(self, data: bytes, at: float, limit: int) -> int:
        """Take the next bytes, and return how many of them are kept."""
        if not self.length:
            self.first_at = at
        self.last_at = at
        self.length += len(data)
        kept = self.data
        room = limit - len(kept)
        if room <= 0:
            return 0
        if len(data) > room:
            data = data[:room]
        if not kept:
            self.data = data
        elif type(kept) is bytearray:
            kept += data
        else:
            self.data = bytearray(kept)
            self.data += data
        return len(data)


class Frame(msgspec.Struct, gc=False):
    """Frame of a WebSocket, or datagram, as it passed; unmasked, and not inflated."""

    number: int  #: its place in the timeline, from 0, both directions counted together
    at: float
    from_visitor: bool
    first: int  #: first byte: fin, rsv1 to rsv3, opcode; 0x82 for a datagram
    length: int  #: bytes of its payload
    payload: bytes  #: what is kept of it: the beginning
    begin: int  #: number of the first frame of its message
    injected: bool = False  #: whether it was sent from the inspector

    @property
    def final(self) -> bool:
        """Whether its message ends with it."""
        return self.first >= FIN

    @property
    def opcode(self) -> int:
        return self.first & 0x0F

    @property
    def compressed(self) -> bool:
        """Whether its message is compressed (RSV1 of the first frame; RFC 7692)."""
        return bool(self.first & RSV1)

    @property
    def truncated(self) -> bool:
        """Whether less is kept than passed."""
        return self.length > len(self.payload)


class Message(msgspec.Struct, gc=False, frozen=True):
    """Message of a WebSocket, joined from its frames; a control frame is one by itself."""

    number: int  #: the number of its last frame, which orders messages and is the cursor of ``after``
    frames: tuple[Frame, ...]
    torn: bool = False  #: whether frames of it are not kept, or may not be

    @property
    def head(self) -> Frame:
        """Its first frame, which has the opcode and RSV1."""
        return self.frames[0]

    @property
    def from_visitor(self) -> bool:
        return self.frames[0].from_visitor

    @property
    def opcode(self) -> int:
        return self.frames[0].opcode

    @property
    def kind(self) -> str:
        """Name of its opcode."""
        return OPCODES.get(self.opcode, f"opcode {self.opcode}")

    @property
    def compressed(self) -> bool:
        return self.frames[0].compressed

    @property
    def at(self) -> float:
        """When its first frame passed."""
        return self.frames[0].at

    @property
    def ended_at(self) -> float:
        """When its last frame passed."""
        return self.frames[-1].at

    @property
    def length(self) -> int:
        """Bytes of its payload on the wire, without frame heads."""
        return sum(frame.length for frame in self.frames)

    @property
    def payload(self) -> bytes:
        """What is kept of its payload, as it was on the wire, up to where something is missing."""
        if len(self.frames) == 1:
            return self.frames[0].payload
        parts: list[bytes] = []
        for frame in self.frames:
            parts.append(frame.payload)
            if frame.truncated:
                break
        return b"".join(parts)

    @property
    def truncated(self) -> bool:
        return self.torn or any(frame.truncated for frame in self.frames)

    @property
    def complete(self) -> bool:
        """Whether its last frame has passed, and all of its frames are kept."""
        return self.frames[-1].final and not self.torn

    @property
    def injected(self) -> bool:
        return self.frames[0].injected


class Gap(msgspec.Struct, gc=False):
    """Frames that passed and are not kept: how many, how many bytes, and of which time."""

    begin: int  #: number of the first frame that is missing
    from_visitor: int = 0  #: frames
    to_visitor: int = 0
    bytes_from_visitor: int = 0
    bytes_to_visitor: int = 0
    since: float = 0.0
    until: float = 0.0

    @property
    def frames(self) -> int:
        return self.from_visitor + self.to_visitor

    def add(self, frame: Frame) -> None:
        """Count one more frame that is not kept."""
        if not self.frames:
            self.since = frame.at
        self.until = max(self.until, frame.at)
        if frame.from_visitor:
            self.from_visitor += 1
            self.bytes_from_visitor += frame.length
        else:
            self.to_visitor += 1
            self.bytes_to_visitor += frame.length


class Interim(msgspec.Struct, gc=False, frozen=True):
    """Interim response (1xx, RFC 9110, 15.2)."""

    at: float
    status: int
    reason: bytes
    headers: Headers


class End(msgspec.Struct, gc=False, frozen=True):
    """How an exchange ended."""

    by: EndedBy
    code: int | str | None = None  #: a WebSocket's close code, or the code of the problem that broke it off
    reason: str = ""


class LinkMark(msgspec.Struct, gc=False, frozen=True):
    """Something that happened to the link while an exchange was open."""

    at: float
    what: Literal["lost", "resumed", "expired"]


class LinkState(msgspec.Struct, gc=False, frozen=True):
    """The link at the moment at which an exchange began."""

    trip: float | None = None  #: seconds of its shortest round trip; None: not known
    credit: int | None = None  #: bytes that the stream may send to the server at once
    attached: bool = True  #: whether there was a link
