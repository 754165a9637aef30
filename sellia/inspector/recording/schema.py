"""What is in a recording: its tables, and an exchange without its bodies and frames as MessagePack.

A newer version may add keys to a record, which older ones ignore, and tables; whatever else changes takes a new
``VERSION``, which older ones refuse.
"""

from typing import Final

import msgspec

from sellia.inspector.exchange import Exchange
from sellia.inspector.model import Body, End, Interim, Kind, LinkMark, LinkState, Origin
from sellia.inspector.timeline import Deflate, Direction, Timeline
from sellia.protocol.messages import Headers
from sellia.why.cause import Cause

#: Marks a file as a recording (``PRAGMA application_id``): "Sell".
APPLICATION: Final = 0x53656C6C

#: Version of the tables (``PRAGMA user_version``).
VERSION: Final = 1

TABLES: Final = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE exchanges (number INTEGER PRIMARY KEY, record BLOB NOT NULL)",
    "CREATE TABLE bodies (exchange INTEGER NOT NULL, from_visitor INTEGER NOT NULL, begin INTEGER NOT NULL,"
    " data BLOB NOT NULL, PRIMARY KEY (exchange, from_visitor, begin)) WITHOUT ROWID",
    "CREATE TABLE frames (exchange INTEGER NOT NULL, number INTEGER NOT NULL, at REAL NOT NULL,"
    " from_visitor INTEGER NOT NULL, first INTEGER NOT NULL, length INTEGER NOT NULL, payload BLOB NOT NULL,"
    " begin INTEGER NOT NULL, injected INTEGER NOT NULL, PRIMARY KEY (exchange, number))",
)

#: Facts of a recording, all of them numbers: times of its first run and of its last transaction, and `Missing`.
BEGUN: Final = "begun"
WRITTEN: Final = "written"
MISSING: Final = ("missing_exchanges", "missing_frames", "missing_bytes")

#: A row of ``bodies`` and one of ``frames``.
BodyRow = tuple[int, bool, int, bytes]
FrameRow = tuple[int, int, float, bool, int, int, bytes, int, bool]


class Missing(msgspec.Struct):
    """What has passed and is not in a recording: whole exchanges, frames, and bytes of bodies and payloads."""

    exchanges: int = 0
    frames: int = 0
    octets: int = 0

    def __bool__(self) -> bool:
        return bool(self.exchanges or self.frames or self.octets)

    def as_json(self) -> dict[str, int]:
        """Return it for JSON."""
        return {"exchanges": self.exchanges, "frames": self.frames, "bytes": self.octets}

    def __str__(self) -> str:
        """Return it for people, as part of a sentence."""
        counts = ((self.exchanges, "exchange"), (self.frames, "frame"), (self.octets, "byte"))
        told = [f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts if count]
        return ", ".join(told) or "nothing"


class WayRecord(msgspec.Struct, omit_defaults=True):
    """Counts of one direction of a timeline."""

    frames: int = 0
    octets: int = 0
    messages: int = 0
    begin: int = -1


class TimelineRecord(msgspec.Struct, omit_defaults=True):
    """A timeline without its frames."""

    count: int = 0
    datagrams: bool = False
    subprotocol: str = ""
    deflate: Deflate | None = None
    visitor: WayRecord = msgspec.field(default_factory=WayRecord)
    service: WayRecord = msgspec.field(default_factory=WayRecord)


class BodyRecord(msgspec.Struct, omit_defaults=True):
    """A body without its content."""

    length: int = 0
    first_at: float = 0.0
    last_at: float = 0.0


class Record(msgspec.Struct, omit_defaults=True):
    """An exchange without its bodies and frames.  ``left``: the store had to let go of it before it was over."""

    kind: Kind
    tunnel: str = ""
    origin: Origin = "visitor"
    replay_of: str | None = None
    edited: bool = False
    kept: bool = False
    left: bool = False
    visitor: str = ""
    visitor_port: int = 0
    method: bytes = b""
    target: bytes = b""
    minor: int = 1
    request_headers: Headers = []
    sent_target: bytes | None = None
    sent_headers: Headers | None = None
    request_body: BodyRecord = msgspec.field(default_factory=BodyRecord)
    request_trailers: Headers = []
    interim: tuple[Interim, ...] = ()
    status: int | None = None
    reason: bytes = b""
    response_headers: Headers = []
    response_body: BodyRecord = msgspec.field(default_factory=BodyRecord)
    response_trailers: Headers = []
    timeline: TimelineRecord | None = None
    started: float = 0.0
    sent: float | None = None
    answered: float | None = None
    ended: float | None = None
    link: LinkState | None = None
    marks: tuple[LinkMark, ...] = ()
    end: End | None = None
    cause: Cause | None = None


#: What an exchange and its record have alike.
_SAME: Final = tuple(
    name
    for name in Record.__struct_fields__
    if name not in ("kind", "left", "request_body", "response_body", "timeline")
)

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Record)


def encoded(exchange: Exchange, left: bool = False) -> bytes:
    """Return the record of an exchange."""
    line = exchange.timeline
    record = Record(
        exchange.kind,
        left=left,
        request_body=_body(exchange.request_body),
        response_body=_body(exchange.response_body),
        timeline=None if line is None else _timeline(line),
        **{name: getattr(exchange, name) for name in _SAME},
    )
    return _encoder.encode(record)


def decoded(data: bytes) -> Record:
    """Return a record.  Raises msgspec.ValidationError for one that is none."""
    return _decoder.decode(data)


def exchange_of(number: int, record: Record) -> Exchange:
    """Return the exchange of a record, without a timeline, and without what its bodies say."""
    return Exchange(
        number=number,
        kind=record.kind,
        request_body=_of_body(record.request_body),
        response_body=_of_body(record.response_body),
        **{name: getattr(record, name) for name in _SAME},
    )


def _body(body: Body) -> BodyRecord:
    return BodyRecord(body.length, body.first_at, body.last_at)


def _of_body(record: BodyRecord) -> Body:
    return Body(b"", record.length, record.first_at, record.last_at)


def _timeline(line: Timeline) -> TimelineRecord:
    return TimelineRecord(
        line.count, line.datagrams, line.subprotocol, line.deflate, _way(line.visitor), _way(line.service)
    )


def _way(way: Direction) -> WayRecord:
    return WayRecord(way.frames, way.octets, way.messages, way.begin)
