"""Kinds of values that several rooms have: ports, counts, sizes in bytes, seconds, rates, secrets."""

import re
from collections.abc import Iterable
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from sellia.text import printable

#: Characters of a wrong value that a message repeats.
SHOWN: Final = 40


def wrong(line: str, hint: str = "", about: str = "") -> PydanticCustomError:
    """Make what a validator raises: ``line`` follows the name of the place, ``hint`` replaces the description.

    A validator of the whole model names with ``about`` the setting whose place is meant.
    """
    return PydanticCustomError("setting", "{line}", {"line": line, "hint": hint, "about": about})


class Masked:
    """Marks a text that may be a secret: it is not shown, and may stand in a file that others can read."""


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise wrong("must be a number, not true or false")
    return value


_UNITS: Final = {"": 1, "b": 1, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
_SIZE: Final = re.compile(r"^\s*([0-9]{1,15})\s*([a-z]*)\s*$", re.IGNORECASE)


def _size(value: object) -> object:
    if not isinstance(value, str):
        return _number(value)
    found = _SIZE.match(value)
    if found is None or found[2].lower() not in _UNITS:
        raise wrong(f"must be a size such as 65536, 64 KiB or 4 MiB, not {printable(value)[:SHOWN]}")
    return int(found[1]) * _UNITS[found[2].lower()]


_DURATION: Final = re.compile(
    r"^(?:(?P<d>[0-9]{1,6})d)?(?:(?P<h>[0-9]{1,6})h)?(?:(?P<m>[0-9]{1,6})m)?"
    r"(?:(?P<s>[0-9]{1,9}(?:\.[0-9]{1,9})?)s)?(?:(?P<ms>[0-9]{1,9})ms)?$"
)
_SECONDS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}


def _seconds(value: object) -> object:
    """Return a time such as ``1h30m`` in seconds; a number is one already."""
    if not isinstance(value, str):
        return _number(value)
    text = "".join(value.split()).lower()
    try:
        return float(text)  # whether it is finite, and above 0, is the field's to say
    except ValueError:
        pass
    found = _DURATION.match(text)
    if found is None or not text:
        raise wrong(f"must be a time such as 30, 30s, 2m or 1h30m, not {printable(value)[:SHOWN]}")
    return sum(float(amount) * _SECONDS[unit] for unit, amount in found.groupdict().items() if amount)


def one_or_more(value: object) -> object:
    """Return one text as a list of one; other validators check the rest."""
    return [value] if isinstance(value, str) else value


def entries(texts: Iterable[str]) -> list[str]:
    """Return what stands between the commas of some texts."""
    return [part.strip() for each in texts for part in each.split(",") if part.strip()]


def checked_secret(value: object) -> object:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(text, str):
        if not text:
            raise wrong("is empty")
        if len(text) > 4096:
            raise wrong("is longer than 4096 characters")
        if not text.isprintable():
            raise wrong("contains a line break or another control character")
    return value


#: JSON Schemas of what can be written in more than one way.
_SIZE_SCHEMA: Final = {
    "anyOf": [
        {"type": "integer", "minimum": 1},
        {"type": "string", "pattern": "^[0-9]{1,15} *([Bb]|[KkMmGg][Ii][Bb])?$"},
    ]
}
_SECONDS_SCHEMA: Final = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": "^([0-9]+d)? *([0-9]+h)? *([0-9]+m)? *([0-9]+(\\.[0-9]+)?s)? *([0-9]+ms)?$"},
    ]
}

LogLevel: TypeAlias = Literal["info", "debug"]
Port: TypeAlias = Annotated[int, Field(ge=1, le=65535), BeforeValidator(_number)]
Count: TypeAlias = Annotated[int, Field(ge=1), BeforeValidator(_number)]
Size: TypeAlias = Annotated[int, Field(ge=1), BeforeValidator(_size), WithJsonSchema(_SIZE_SCHEMA)]
Seconds: TypeAlias = Annotated[
    float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_seconds), WithJsonSchema(_SECONDS_SCHEMA)
]
PerSecond: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_number)]
Secret: TypeAlias = Annotated[SecretStr, BeforeValidator(checked_secret)]

#: JSON Schema of a text, or of a list of such.
ONE_OR_MORE: Final = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
