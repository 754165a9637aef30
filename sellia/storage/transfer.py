"""Exports: everything that a storage has as JSON lines, to move it to another database.

The first line says what the file is, each further one is a row with its table's name, and the last one counts them, so
that a file that was cut off is not taken for a whole one.  Bytes are in hexadecimal, times in ISO 8601 in UTC.

An import goes into a storage that has nothing yet, and is one transaction: it is all there or nothing is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import IO, Any, Final

from sqlalchemy import BigInteger, Connection, Date, Double, Integer, LargeBinary, Table
from sqlalchemy.exc import IntegrityError

from sellia.storage import copying
from sellia.storage.columns import Details, Kind, Moment, Texts
from sellia.storage.database import Database
from sellia.storage.failures import StorageError
from sellia.storage.records import DEFAULT_LIMITS, NameKind
from sellia.storage.schema import LIMITS, METADATA, SCHEMA
from sellia.storage.texts import BODY_LIMIT, INTEGER_LIMIT, mended

#: Version of the format.
FORMAT: Final = 1

#: Most bytes of a line: an answer's body in hexadecimal, with room for the rest.
LINE_LIMIT: Final = 4 * BODY_LIMIT

_TABLES: Final = {table.name: table for table in copying.TABLES}


def export(database: Database, output: IO[bytes]) -> dict[str, int]:
    """Write everything, as it is at one moment, to a file; return the rows by table."""
    counted: dict[str, int] = {}
    output.write(_line({"sellia": "export", "format": FORMAT, "schema": SCHEMA, "at": datetime.now(UTC).isoformat()}))
    with database.reading() as connection:
        for table in copying.TABLES:
            counted[table.name] = 0
            for row in copying.rows(connection, table):
                shown = {name: _shown(value) for name, value in row.items()}
                output.write(_line({"table": table.name, "row": shown}))
                counted[table.name] += 1
    output.write(_line({"end": sum(counted.values())}))
    return counted


def import_(database: Database, lines: Iterable[bytes], name: str) -> dict[str, int]:
    """Read what `export` has written into a storage that has nothing; return the rows by table.

    ``name`` is what messages call the file.  Raises StorageError, with the number of the line, and has changed nothing.
    """
    reader = _Reader(lines, name)
    with database.writing() as connection:
        _refuse_full(database.shown, connection)
        copying.clear(connection)
        counted = dict.fromkeys(_TABLES, 0)
        batch: list[dict[str, Any]] = []
        last: Table | None = None
        for table, row in reader.rows():
            if batch and (table is not last or len(batch) == copying.BATCH):
                counted[last.name] += _filled(connection, last, batch, reader)  # type: ignore[union-attr,arg-type]
                batch = []
            last = table
            batch.append(row)
        if last is not None:
            counted[last.name] += _filled(connection, last, batch, reader)
        if not counted[LIMITS.name]:
            raise StorageError(f"{name} has no limits class {DEFAULT_LIMITS!r}, which every export has.")
        copying.settle(connection)
    return counted


def _filled(connection: Connection, table: Table, batch: list[dict[str, Any]], reader: _Reader) -> int:
    try:
        return copying.fill(connection, table, batch)
    except IntegrityError as error:
        line = f"{reader.place}: one of the {len(batch)} rows before it is there twice, or names one that is not there."
        raise StorageError(line) from error


def _refuse_full(database: str, connection: Connection) -> None:
    """Raise StorageError for a storage that has something to lose."""
    found = copying.counts(connection)
    found[LIMITS.name] -= 1
    full = [f"{count:,} {name}" for name, count in found.items() if count > 0]
    if full:
        raise StorageError(
            f"The database {database} is not empty, it has {', '.join(full)}: import into a new one, or replace "
            "it with `sellia admin restore`."
        )


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file, of which one that is too long comes in pieces, to be refused."""
    return iter(lambda: file.readline(LINE_LIMIT + 1), b"")


class _Reader:
    """Reads the lines of an export."""

    def __init__(self, lines: Iterable[bytes], name: str) -> None:
        self._lines = iter(lines)
        self._name = name
        self._number = 0

    @property
    def place(self) -> str:
        return f"{self._name}, line {self._number}"

    def _next(self) -> dict[str, Any]:
        self._number += 1
        line = next(self._lines, None)
        if line is None:
            raise StorageError(f"{self._name} is not complete: its last line is missing.")
        try:
            found = json.loads(line) if len(line) <= LINE_LIMIT else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise StorageError(f"{self.place} is not a JSON object of an export.")
        return found

    def rows(self) -> Iterator[tuple[Table, dict[str, Any]]]:
        """Yield each row with its table."""
        head = self._next()
        if head.get("sellia") != "export":
            raise StorageError(f"{self._name} is no export of Sellia.")
        if head.get("format") != FORMAT or head.get("schema") != SCHEMA:
            raise StorageError(
                f"{self._name} is of another version of Sellia: export and import with the same one, and upgrade after."
            )
        count = 0
        while "end" not in (found := self._next()):
            table = _TABLES.get(str(found.get("table")))
            row = found.get("row")
            if table is None or not isinstance(row, dict) or row.keys() != set(table.columns.keys()):
                raise StorageError(f"{self.place} is not a row of a table.")
            yield table, {name: self._read(table, name, value) for name, value in row.items()}
            count += 1
        if found["end"] != count or next(self._lines, None) is not None:
            raise StorageError(f"{self._name} is not complete: it has {count} rows, and its end says otherwise.")

    def _read(self, table: Table, name: str, value: Any) -> Any:
        column = table.columns[name]
        try:
            if value is None:
                if not column.nullable:
                    raise ValueError("none")
                return None
            return _read(column.type, value)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise StorageError(f"{self.place}: the value of {name} is not right.") from error


def _read(kind: Any, value: Any) -> Any:
    """Return a value of a column.  Raises ValueError, TypeError."""
    match kind:
        case Moment():
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                raise ValueError("no time zone")
            return moment
        case Date():
            return date.fromisoformat(value)
        case LargeBinary():
            return bytes.fromhex(value)
        case Texts() if isinstance(value, list):
            return tuple(_text(each) for each in value)
        case Details() if isinstance(value, dict):
            return {_text(name): _text(each) if isinstance(each, str) else each for name, each in value.items()}
        case Kind():
            return NameKind(value)
        case Double() if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        case Integer() | BigInteger() if type(value) is int and -INTEGER_LIMIT <= value <= INTEGER_LIMIT:
            return value
        case _ if type(value) is str and isinstance(kind, type(_TEXT)):
            return _text(value)
    raise TypeError("another type")


_TEXT: Final = METADATA.tables["accounts"].columns["id"].type


def _text(value: str) -> str:
    if mended(value) != value:
        raise ValueError("cannot be stored")
    return value


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
