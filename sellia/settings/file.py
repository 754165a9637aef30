"""Reads a settings file: values by the names of its top level, each with its line and column.

A file may say ``version: 1``, the version of the settings that it is written for; no other is read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sellia.settings.given import Findings, Given, Origin, Rank, read_text
from sellia.settings.positions import Marks, line_and_column
from sellia.text import printable

#: Version of the settings, which a file may state.
VERSION: Final = 1

#: Name under which it does.
VERSION_NAME: Final = "version"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file to read.

    One that is not ``needed`` is passed over, with a caution, where this user may not read it; one with a reason
    ``why_not`` in any case.
    """

    rank: Rank
    path: str
    needed: bool = True
    why_not: str = ""


def from_file(file: SettingsFile, findings: Findings) -> dict[str, Given]:
    """Return what a settings file gives, by the names of its top level; faults go to ``findings``.

    Raises `SettingsError` for a file that cannot be read at all.
    """
    text = _text(file, findings)
    if text is None:
        return {}
    from sellia.settings.document import read_document  # with PyYAML, which a client without a file does not need

    found: list[tuple[int, str, str]] = []
    document, marks = read_document(text, lambda *fault: found.append(fault))
    for position, line, hint in found:
        findings.add(Origin(file.rank, "", file.path, *line_and_column(position)).fault(line, hint))
    if document is None:
        return {}
    whole = Origin(file.rank, "", file.path)
    if not isinstance(document, dict):
        findings.add(whole.fault("is not a list of settings", "Write one setting on each line, as in `port: 3000`."))
        return {}
    given = Given(document, whole, _Parts(document, marks, whole)).inside()
    _check_version(given.pop(VERSION_NAME, None), findings)
    return given


def _text(file: SettingsFile, findings: Findings) -> str | None:
    if file.why_not:
        shown = printable(file.path)
        findings.cautions.append(f"{shown} is not read: {file.why_not}. `--config {shown}` reads it all the same.")
        return None
    if not file.needed:
        try:
            open(file.path, "rb").close()
        except PermissionError:
            findings.cautions.append(f"{printable(file.path)} is not read: this user may not.")
            return None
        except OSError:
            pass  # which is said below
    return read_text(file.path, "--config" if file.rank is Rank.FILE else "")


def _check_version(version: Given | None, findings: Findings) -> None:
    if version is not None and (version.value is True or version.value not in (VERSION, str(VERSION))):
        hint = f"This Sellia reads version {VERSION} of the settings: `sellia config schema` lists what there is."
        findings.add(version.origin.fault(f"must be {VERSION}", hint))


class _Parts(Mapping[str | int, Given]):
    """Parts of a mapping or a list of a document, made when they are asked for."""

    __slots__ = ("_marks", "_origin", "_value")

    def __init__(self, value: object, marks: Marks, origin: Origin) -> None:
        self._value = value
        self._marks = marks[1] if isinstance(marks, tuple) else {}
        self._origin = origin

    def __getitem__(self, step: str | int) -> Given:
        origin = self._origin
        if isinstance(self._value, list) and isinstance(self._marks, list):
            if not isinstance(step, int):
                raise KeyError(step)
            try:
                value, marks = self._value[step], self._marks[step]
            except IndexError:
                raise KeyError(step) from None
            key, name = None, f"{origin.name}[{step}]"
        elif isinstance(self._value, dict) and isinstance(self._marks, dict) and isinstance(step, str):
            (key, marks), value = self._marks[step], self._value[step]
            name = f"{origin.name}.{step}" if origin.name else step
        else:
            raise KeyError(step)
        position = marks[0] if isinstance(marks, tuple) else marks
        named = None if key is None else Origin(origin.rank, name, origin.path, *line_and_column(key))
        # A mapping or a list begins on the line of its name, for whoever reads of it.
        here = named if named is not None and isinstance(marks, tuple) else None
        here = here or Origin(origin.rank, name, origin.path, *line_and_column(position))
        return Given(value, here, _Parts(value, marks, here) if isinstance(marks, tuple) else {}, named)

    def __iter__(self) -> Iterator[str | int]:
        return iter(range(len(self._marks)) if isinstance(self._marks, list) else self._marks)

    def __len__(self) -> int:
        return len(self._marks)
