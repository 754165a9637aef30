"""Values that every database can hold.

PostgreSQL has no NUL in a text and no lone surrogate, and its integers have 64 bits.  What people give is refused;
events and usage tell of what strangers sent, so their texts are mended and shortened: they must not be lost for it.
"""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime
from typing import Final

from sellia.storage.failures import Unstorable
from sellia.storage.records import Answer, DirectoryRecord, Event, Usage

#: Most characters of a text, items of a list, and fields of an event's details.
TEXT_LIMIT: Final = 1000
LIST_LIMIT: Final = 1000
DETAIL_LIMIT: Final = 32

#: Most bytes of an answer that is kept for its idempotency key.
BODY_LIMIT: Final = 1024 * 1024

INTEGER_LIMIT: Final = 2**63 - 1

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def check(record: DirectoryRecord | Answer) -> None:
    """Raise `Unstorable` for a record with a value that cannot be stored; the sentence names the field."""
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        where = f"{type(record).__name__.lower()}'s {field.name}"
        if isinstance(value, str):
            _check_text(value, where)
        elif isinstance(value, tuple):
            if len(value) > LIST_LIMIT:
                raise Unstorable(f"The {where} has {len(value)} items, more than {LIST_LIMIT}.")
            for each in value:
                _check_text(each, where)
        elif isinstance(value, bytes):
            limit = BODY_LIMIT if field.name == "body" else 32
            if len(value) > limit:
                raise Unstorable(f"The {where} has {len(value)} bytes, more than {limit}.")
        elif isinstance(value, int | float):
            if not 0 <= value <= INTEGER_LIMIT:
                raise Unstorable(f"The {where} is {value}, not a number from 0 to {INTEGER_LIMIT}.")
        elif isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError(f"{where} has no time zone")


def _check_text(text: str, where: str) -> None:
    if len(text) > TEXT_LIMIT:
        raise Unstorable(f"The {where} has {len(text)} characters, more than {TEXT_LIMIT}.")
    if mended(text) != text:
        raise Unstorable(f"The {where} has a character that cannot be stored.")


def mended(text: str) -> str:
    """Return a text without NUL and lone surrogates, of at most ``TEXT_LIMIT`` characters."""
    text = text[:TEXT_LIMIT]
    if text.isascii():
        return text.replace("\0", _REPLACEMENT)
    return "".join(_REPLACEMENT if "\ud800" <= each <= "\udfff" or each == "\0" else each for each in text)


def storable_event(event: Event) -> Event:
    """Return an event that can be stored, with its time in UTC."""
    detail = {mended(name): _plain(value) for name, value in list(event.detail.items())[:DETAIL_LIMIT]}
    return dataclasses.replace(
        event,
        at=event.at.astimezone(UTC),
        kind=mended(event.kind),
        account_id=None if event.account_id is None else mended(event.account_id),
        key_prefix=mended(event.key_prefix),
        address=mended(event.address),
        subject=mended(event.subject),
        detail=detail,
    )


def _plain(value: str | int | float | bool | None) -> str | int | float | bool | None:
    if isinstance(value, str):
        return mended(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def storable_usage(usage: Usage) -> Usage:
    """Return a row of usage that can be stored: its figures are from 0 to ``INTEGER_LIMIT``."""
    return dataclasses.replace(
        usage,
        account_id=mended(usage.account_id),
        name=mended(usage.name),
        requests=_counted(usage.requests),
        messages=_counted(usage.messages),
        bytes_in=_counted(usage.bytes_in),
        bytes_out=_counted(usage.bytes_out),
        connected_seconds=max(usage.connected_seconds, 0.0) if math.isfinite(usage.connected_seconds) else 0.0,
    )


def _counted(figure: int) -> int:
    return max(0, min(figure, INTEGER_LIMIT))
