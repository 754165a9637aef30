"""Values as they were given, before they are checked, with the place that each came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, TypeAlias

from sellia.errors import SettingsError
from sellia.text import printable

#: Largest settings file, or file that holds one value, in bytes; of a larger one nothing is used.
FILE_LIMIT: Final = 256 * 1024

#: Names and indexes that lead to a part of a nested value, from the outside in.
Trail: TypeAlias = tuple[str | int, ...]


class Rank(IntEnum):
    """Kind of place that a value came from; the higher one wins."""

    FILE = 1
    ENVIRONMENT = 2
    FLAG = 3


@dataclass(frozen=True, slots=True)
class Given:
    """A value that was given and is not checked yet.

    ``place`` names its place for the user, ``parts`` the places of what is nested in it, ``path`` the file that it was
    read from, ``caution`` what the user should know about the way it was given.
    """

    value: object = field(repr=False)
    place: str
    rank: Rank
    parts: Mapping[Trail, str] = field(default_factory=dict)
    path: str = ""
    caution: str = ""


def read_text(path: str, place: str) -> str:
    """Return the text of the file at ``path``, which ``place`` named.  Raises `SettingsError`."""
    shown = printable(path)
    try:
        with open(path, "rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is not the name of a file"
        raise SettingsError(
            f"{place}: cannot read {shown}: {reason}", "Check the path, and that this user may read the file."
        ) from None
    if len(data) > FILE_LIMIT:
        hint = "Check the path: it is not the file that is meant."
        raise SettingsError(f"{place}: {shown} is larger than {FILE_LIMIT // 1024} KiB", hint)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{place}: {shown} is not text in UTF-8", "Save the file as UTF-8.") from None
