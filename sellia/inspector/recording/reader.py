"""The reader of a recording: makes a store of the file, as far as it has room; whatever is wrong with the file.

A file may come from anybody, so nothing of it is trusted: neither its tables nor what is in them.  An exchange that
makes no sense is left out, and counted.
"""

import os
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from sellia.errors import SelliaError
from sellia.inspector.exchange import Exchange, cost_of_end, cost_of_head
from sellia.inspector.model import EXCHANGE_COST, FRAME_COST, Body, End, Frame, Gap
from sellia.inspector.recording.schema import (
    BEGUN,
    MISSING,
    VERSION,
    WRITTEN,
    Missing,
    TimelineRecord,
    decoded,
    exchange_of,
)
from sellia.inspector.recording.writer import is_recording, reason_of
from sellia.inspector.store import Store
from sellia.inspector.timeline import HEAD_SHARE, Timeline
from sellia.text import printable

#: Bytes of one value in the file, at most: a record with its header fields is the largest.
VALUE_LIMIT: Final = 64 << 20

#: Share of the memory that the frames of one exchange may have, as a divisor.
SHARE: Final = 2

#: How an exchange ended that was open when the recording stopped, and one that the store had no more room for.
STILL_OPEN: Final = "The recording ends before this did."
LEFT: Final = "The inspector had no room to record this to its end."


class RecordingError(SelliaError):
    """A recording cannot be opened; the text says why."""


class Recorded(msgspec.Struct):
    """A recording that was read: what is in it, and what is missing."""

    path: str
    store: Store
    begun: float = 0.0  #: when its first run began
    written: float = 0.0  #: when something was written last
    exchanges: int = 0  #: in the file
    damaged: int = 0  #: of which that many make no sense
    missing: Missing = msgspec.field(default_factory=Missing)  #: what was not recorded

    def as_json(self) -> dict[str, Any]:
        """Return it for JSON, without the exchanges."""
        return {
            "file": self.path,
            "begun": self.begun,
            "written": self.written,
            "exchanges": self.exchanges,
            "damaged": self.damaged,
            "missing": self.missing.as_json(),
        }


def read(path: str, memory: int) -> Recorded:
    """Return what a recording has, the newest of it where ``memory`` bytes are too few.  Raises RecordingError."""
    shown = printable(path)
    try:
        found = os.path.isfile(path) and is_recording(path)
        if not found:
            what = "is not a recording of Sellia" if os.path.exists(path) else "does not exist"
            raise RecordingError(f"{shown} {what}")
        with closing(_connect(path)) as connection:
            return _read(connection, path, memory)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            raise RecordingError(f"{shown} is being recorded: sellia inspect shows the client that does") from None
        raise RecordingError(f"{shown} cannot be read: {reason_of(error)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is not the name of a file"
        raise RecordingError(f"{shown} cannot be read: {reason}") from None


def _connect(path: str) -> sqlite3.Connection:
    """Return a connection.  What a client that was killed has left in the journal is put in its place first."""
    uri = Path(os.path.abspath(path)).as_uri()
    if os.access(path, os.W_OK) and os.access(os.path.dirname(os.path.abspath(path)), os.W_OK):
        mode = "mode=rw"
    elif os.path.exists(f"{path}-wal"):
        raise RecordingError(
            f"{printable(path)} was not closed, and cannot be put in order here: copy it, with the file beside it that "
            "ends in -wal, to where you can write"
        )
    else:
        mode = "mode=ro&immutable=1"
    connection = sqlite3.connect(f"{uri}?{mode}", uri=True, timeout=0.0, isolation_level=None)
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_LIMIT)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    except BaseException:
        connection.close()
        raise
    return connection


def _read(connection: sqlite3.Connection, path: str, memory: int) -> Recorded:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise RecordingError(f"{printable(path)} was recorded by a newer version of Sellia")
    facts = {name: value for name, value in connection.execute("SELECT name, value FROM facts") if _is_number(value)}
    (last,) = connection.execute("SELECT max(number) FROM exchanges").fetchone()
    store = Store(memory, last + 1 if isinstance(last, int) and last > 0 else 1)
    store.timeline_limit = memory // SHARE
    found = Recorded(path, store, float(facts.get(BEGUN, 0.0)), float(facts.get(WRITTEN, 0.0)))
    found.missing = Missing(*(int(facts.get(name, 0)) for name in MISSING))
    for number, data in connection.execute("SELECT number, record FROM exchanges ORDER BY number"):
        found.exchanges += 1
        exchange = _exchange(connection, number, data, store)
        if exchange is None:
            found.damaged += 1
            continue
        if exchange.ended is None:
            _close(exchange, found.written)
        store.add(exchange)
        store.over(exchange)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and value == value and abs(value) < 1e15


def _exchange(connection: sqlite3.Connection, number: Any, data: Any, store: Store) -> Exchange | None:
    """Return an exchange with all that belongs to it; None if that makes no sense."""
    try:
        record = decoded(data)
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError):
        return None
    if not (isinstance(number, int) and number > 0):
        return None
    exchange = exchange_of(number, record)
    exchange.cost = _cost(exchange)
    for from_visitor, body in ((1, exchange.request_body), (0, exchange.response_body)):
        if not _fill(connection, number, from_visitor, body, store.kept_limit):
            return None
        exchange.cost += len(body.data)
    if record.timeline is not None:
        line = _timeline(connection, number, record.timeline, store)
        if line is None:
            return None
        exchange.timeline = line
        exchange.cost += line.cost
    if record.left:
        exchange.end = End("sellia", None, LEFT)
    return exchange


def _close(exchange: Exchange, at: float) -> None:
    """End an exchange whose end is not in the recording."""
    exchange.ended = max(at, exchange.started)
    exchange.end = exchange.end or End("sellia", None, STILL_OPEN)


def _cost(exchange: Exchange) -> int:
    fields = (
        exchange.request_headers,
        exchange.sent_headers or [],
        exchange.request_trailers,
        exchange.response_headers,
        exchange.response_trailers,
        *(each.headers for each in exchange.interim),
    )
    cost = EXCHANGE_COST + sum(map(cost_of_head, fields)) + len(exchange.target) + len(exchange.method)
    return cost + cost_of_end(exchange.end or End("sellia"), exchange.cause)


def _fill(connection: sqlite3.Connection, number: int, from_visitor: int, body: Body, limit: int) -> bool:
    """Put together what is kept of a body; return whether it makes sense."""
    parts: list[bytes] = []
    length = 0
    query = "SELECT begin, data FROM bodies WHERE exchange = ? AND from_visitor = ? ORDER BY begin"
    for begin, data in connection.execute(query, (number, from_visitor)):
        if not isinstance(data, bytes):
            return False
        if begin != length:
            break
        parts.append(data[: limit - length])
        length += len(parts[-1])
    body.data = b"".join(parts)
    return 0 <= length <= body.length


def _timeline(connection: sqlite3.Connection, number: int, record: TimelineRecord, store: Store) -> Timeline | None:
    """Return a timeline with the frames that are in the file and have room; None if they make no sense."""
    limit = store.timeline_limit
    if record.count < 0:
        return None
    line = Timeline(limit=limit, message_limit=store.kept_limit, datagrams=record.datagrams)
    line.subprotocol, line.deflate, line.count = record.subprotocol, record.deflate, record.count
    for way, told in ((line.visitor, record.visitor), (line.service, record.service)):
        way.frames, way.octets, way.messages, way.begin = told.frames, told.octets, told.messages, told.begin
    query = "SELECT count(*), coalesce(sum(length(payload)), 0) FROM frames WHERE exchange = ?"
    count, octets = connection.execute(query, (number,)).fetchone()
    room = limit if count * FRAME_COST + octets <= limit else limit // HEAD_SHARE
    head, tail = line.head, deque[Frame]()
    expected = 0
    for frame in _frames(connection, number):
        if frame is None or not expected <= frame.number < record.count:
            return None
        cost = FRAME_COST + len(frame.payload)
        if frame.number == len(head) and not tail and line.cost + cost <= room:
            head.append(frame)
        else:
            if tail and frame.number != expected:
                line.cost -= sum(FRAME_COST + len(each.payload) for each in tail)
                tail.clear()  # between two gaps: one is all that a timeline has
            tail.append(frame)
        line.cost += cost
        expected = frame.number + 1
        while line.cost > limit and len(tail) > 1:
            line.cost -= FRAME_COST + len(tail.popleft().payload)
    if tail and expected < record.count:
        line.cost -= sum(FRAME_COST + len(each.payload) for each in tail)
        tail.clear()
    if tail and tail[0].number == len(head):
        head.extend(tail)
        tail.clear()
    line.tail, line.head_open = list(tail), False
    missing = record.count - len(head) - len(tail)
    if missing:
        line.gap = _gap(line, record)
        _lose_contexts(line, missing)
    return line


def _frames(connection: sqlite3.Connection, number: int) -> Iterator[Frame | None]:
    query = (
        "SELECT number, at, from_visitor, first, length, payload, begin, injected FROM frames WHERE exchange = ? "
        "ORDER BY number"
    )
    for row in connection.execute(query, (number,)):
        each, at, from_visitor, first, length, payload, begin, injected = row
        sound = isinstance(payload, bytes) and _is_number(at) and all(isinstance(part, int) for part in (each, first))
        sound = sound and isinstance(length, int) and isinstance(begin, int)
        if not (sound and 0 <= first <= 255 and len(payload) <= length and 0 <= begin <= each):
            yield None
            return
        yield Frame(each, float(at), bool(from_visitor), first, length, payload, begin, bool(injected))


def _gap(line: Timeline, record: TimelineRecord) -> Gap:
    """Return the gap between what is there of a timeline's beginning and of its end."""
    head, tail = line.head, line.tail
    gap = Gap(len(head))
    kept = [*head, *tail]
    from_visitor = [each.length for each in kept if each.from_visitor]
    to_visitor = [each.length for each in kept if not each.from_visitor]
    missing = record.count - len(kept)
    gap.from_visitor = min(missing, max(0, record.visitor.frames - len(from_visitor)))
    gap.to_visitor = missing - gap.from_visitor
    gap.bytes_from_visitor = max(0, record.visitor.octets - sum(from_visitor))
    gap.bytes_to_visitor = max(0, record.service.octets - sum(to_visitor))
    gap.since = head[-1].at if head else 0.0
    gap.until = tail[0].at if tail else gap.since
    return gap


def _lose_contexts(line: Timeline, missing: int) -> None:
    """Say of what comes behind the gap why it cannot be inflated, where it needs what is in it."""
    if line.deflate is not None:
        line.contexts = line.deflate.contexts()
    if line.contexts is not None:
        for context in (line.contexts.visitor, line.contexts.service):
            context.lost = f"{missing:,} frames before it are not here"
