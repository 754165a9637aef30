"""Types of columns that mean the same in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from sellia.storage.records import NameKind

#: Text that is compared and ordered by code points in either database.
TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")


class Moment(TypeDecorator[datetime]):
    """An aware datetime in UTC, to the microsecond; in SQLite it is the text that Python reads fastest."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.isoformat(" ", "microseconds") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


class Texts(TypeDecorator[tuple[str, ...]]):
    """Some texts, as a JSON array."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        return None if value is None else _texts(value)


@lru_cache(maxsize=1024)
def _texts(value: str) -> tuple[str, ...]:
    """Return a list, the same one for the many keys that have the same scopes."""
    return tuple(json.loads(value))


class Details(TypeDecorator[Mapping[str, Any]]):
    """A mapping of names to plain values, as a JSON object."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, Any] | None, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(dict(value), ensure_ascii=False, allow_nan=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Mapping[str, Any] | None:
        return None if value is None else dict(json.loads(value))


#: An enumeration looks up what it has by its value in five microseconds; a server's start does so for every name.
_KINDS: Final = {str(each): each for each in NameKind}


class Kind(TypeDecorator[NameKind]):
    """A `NameKind`, by its word."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: NameKind | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> NameKind | None:
        return None if value is None else _KINDS[value]
