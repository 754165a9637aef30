"""Keys of a foreign file: each is taken, or named with what to do instead, and what is left can be told."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sellia.text import printable

#: Keys of a file, after its aliases are followed.
KEY_LIMIT: Final = 20_000

Path = tuple[str | int, ...]


class ImportFailure(Exception):
    """The file cannot be read; `str` says why, to go on after its name."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is said of a key that was not carried over; ``protects``: it kept somebody out."""

    key: str
    advice: str
    protects: bool = False


def dotted(path: Path) -> str:
    """Return a path as people write it: ``tunnels.web.addr``, ``ingress[0].service``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{printable(step, 80)}" for step in path)
    return text.removeprefix(".")


class Source:
    """The keys of one file, by their paths.  A list of plain values is one value.

    ``shown`` spells a path as the file does.  Where the file has no groups (``flat``), keys are named one by one.
    """

    def __init__(self, tree: object, shown: Callable[[Path], str] = dotted, *, flat: bool = False) -> None:
        self._leaves: dict[Path, Any] = {}
        self._shown = shown
        self._flat = flat
        self.notes: list[Note] = []
        #: Keys that were carried over.
        self.carried: list[str] = []
        for path, value in _leaves(tree, ()):
            self._leaves[path] = value
            if len(self._leaves) > KEY_LIMIT:
                raise ImportFailure(f"has more than {KEY_LIMIT:,} keys")

    def has(self, *path: str | int) -> bool:
        """Whether there is something at a path, or below it, that was neither taken nor named."""
        return any(leaf[: len(path)] == path for leaf in self._leaves)

    def peek(self, *path: str | int) -> Any:
        """Return the plain value at a path, or None."""
        return self._leaves.get(path)

    def take(self, *path: str | int) -> Any:
        """Return the plain value at a path, which is thereby carried over, or None."""
        if path not in self._leaves:
            return None
        self.carried.append(self._shown(path))
        return self._leaves.pop(path)

    def text(self, *path: str | int) -> str:
        """Take a value that is a text or a number; an empty string for everything else."""
        value = self.peek(*path)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            self.take(*path)
            return str(value).strip()
        return ""

    def texts(self, *path: str | int) -> list[str]:
        """Take a list of texts, or one text."""
        value = self.peek(*path)
        items = value if isinstance(value, list) else [value]
        if value is None or not all(isinstance(each, str | int) for each in items):
            return []
        self.take(*path)
        return [str(each).strip() for each in items]

    def children(self, *path: str | int) -> list[str | int]:
        """Return the steps that lead on from a path, in their order."""
        return list(dict.fromkeys(leaf[len(path)] for leaf in self._leaves if leaf[: len(path)] == path != leaf))

    def name(self, path: Path, advice: str, protects: bool = False) -> bool:
        """Name what is at a path and below it, if there is something; return whether there was."""
        below = [leaf for leaf in self._leaves if leaf[: len(path)] == path]
        for leaf in below:
            del self._leaves[leaf]
        if below:
            told = dict.fromkeys(map(self._shown, below if self._flat else [path]))
            self.notes += [Note(key, advice, protects) for key in told]
        return bool(below)

    def remark(self, path: Path, advice: str) -> None:
        """Say something of a key that was carried over, though not as it was."""
        self.notes.append(Note(self._shown(path), advice))

    def name_all(self, path: Path, advices: Mapping[str, str], protects: bool = False) -> list[str]:
        """Name those keys below a path that ``advices`` knows; return which were there."""
        return [key for key, advice in advices.items() if self.name((*path, *key.split(".")), advice, protects)]

    def name_rest(self, advice: str) -> None:
        """Name all that is left."""
        for leaf in list(self._leaves):
            self.name(leaf, advice)


def _leaves(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _leaves(each, (*path, str(key)))
    elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        for index, each in enumerate(value):
            yield from _leaves(each, (*path, index))
    elif path:
        yield path, value
