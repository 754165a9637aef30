"""Values as they were given, before they are checked, with the origin of each."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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

    DEFAULT = 0
    SYSTEM = 1  #: the file of this machine, below /etc
    USER = 2  #: the user's own file
    PROJECT = 3  #: the file of the project that the working directory is in
    FILE = 4  #: the file that --config names
    ENVIRONMENT = 5
    FLAG = 6

    @property
    def is_file(self) -> bool:
        """Whether values of this rank stand in a settings file."""
        return Rank.SYSTEM <= self <= Rank.FILE


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from.

    ``name`` is the flag or the variable, or what it is called in the file, such as ``tunnels.web.port``; ``path`` the
    file that it was read from; ``line`` and ``column`` count from 1, and are 0 where there are none.
    """

    rank: Rank
    name: str = ""
    path: str = ""
    line: int = 0
    column: int = 0

    @property
    def where(self) -> str:
        """The place without the name: ``sellia.yaml:3:7``, ``--port`` or ``SELLIA_PORT``."""
        if not self.rank.is_file:
            return printable(self.name) or "default"
        return f"{printable(self.path)}:{self.line}:{self.column}" if self.line else printable(self.path)

    @property
    def at(self) -> tuple[str, int, int]:
        """The file, the line and the column, as an error has them."""
        return (self.path, self.line, self.column) if self.rank.is_file else ("", 0, 0)

    def __str__(self) -> str:
        """Return the place as a message names it: ``sellia.yaml:3:7: tunnels.web.port``."""
        return f"{self.where}: {printable(self.name)}" if self.rank.is_file and self.name else self.where

    def fault(self, line: str, hint: str = "", named: bool = True) -> SettingsError:
        """Make the error for a value from here; ``named`` as long as ``line`` does not say its name itself."""
        where = str(self) if named else self.where
        return SettingsError(f"{where}: {line}", hint, self.at)


@dataclass(frozen=True, slots=True)
class Given:
    """A value that was given and is not checked yet.

    ``parts`` are the parts of a mapping or of a list, by name or index, each with its own origin; ``key`` is the origin
    of its name, where that stands apart from the value; ``caution`` what the user should know about the way it was
    given.
    """

    value: object = field(repr=False)
    origin: Origin
    parts: Mapping[str | int, "Given"] = field(default_factory=dict, repr=False)
    key: Origin | None = None
    caution: str = ""

    @property
    def place(self) -> str:
        """Its place as a message names it."""
        return str(self.origin)

    @property
    def rank(self) -> Rank:
        """The kind of place that it came from."""
        return self.origin.rank

    @property
    def path(self) -> str:
        """The file that it was read from, or an empty string."""
        return self.origin.path

    @property
    def named(self) -> Origin:
        """The origin of its name."""
        return self.key or self.origin

    @classmethod
    def of(cls, parts: "Mapping[str, Given] | Sequence[Given]", origin: Origin) -> "Given":
        """Make a mapping or a list of parts that keep their origins."""
        if isinstance(parts, Mapping):
            return cls({name: each.value for name, each in parts.items()}, origin, dict(parts.items()))
        return cls([each.value for each in parts], origin, dict(enumerate(parts)))

    def inside(self) -> "dict[str, Given]":
        """Return the parts of a mapping that are given, by name; nothing for any other value."""
        if not isinstance(self.value, dict):
            return {}
        return {str(name): each for name, each in self.parts.items() if each.value is not None}

    def at(self, trail: Trail) -> "Given":
        """Return the part that ``trail`` leads to, or the last one on the way there that was given."""
        here = self
        for step in trail:
            here = here.parts.get(step, here)
        return here


class Findings:
    """What is found while settings are gathered and checked.

    ``faults`` stop the start, and are collected so that the user is told all at once; ``cautions`` stop nothing.
    """

    def __init__(self) -> None:
        self.faults: list[SettingsError] = []
        self.cautions: list[str] = []

    def add(self, error: SettingsError) -> None:
        """Add an error, or each of those that it is made of."""
        self.faults.extend(error.faults)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Add what the body raises, instead of raising it."""
        try:
            yield
        except SettingsError as error:
            self.add(error)

    def raise_any(self) -> None:
        """Raise what there is, in the order of files and lines.  Raises `SettingsError`."""
        if self.faults:
            raise SettingsError.of(sorted(self.faults, key=lambda each: each.at))


def read_text(path: str, place: str) -> str:
    """Return the text of the file at ``path``, which ``place`` named.  Raises `SettingsError`."""
    shown = printable(path)
    before = f"{place}: " if place else ""
    try:
        with open(path, "rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "this is not the name of a file"
        raise SettingsError(
            f"{before}cannot read {shown}: {reason}", "Check the path, and that this user may read the file."
        ) from None
    if len(data) > FILE_LIMIT:
        hint = "Check the path: it is not the file that is meant."
        raise SettingsError(f"{before}{shown} is larger than {FILE_LIMIT // 1024} KiB", hint)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{before}{shown} is not text in UTF-8", "Save the file as UTF-8.") from None
