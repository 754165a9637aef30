"""Groups of settings in the file: ``timeouts: {request: 60}`` sets ``request_timeout``.

Each setting has one name, which is flat, and one path in the file (`setting`).  At the top level of the file, the flat
name of a setting in a group, and a name that a setting had before (``RENAMED``), are accepted for one version with a
caution.  So is a path that a setting had before, such as ``timeouts.connect``, where its group is still there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sellia.settings.check import EXPLAINED, no_setting
from sellia.settings.given import Findings, Given
from sellia.settings.model import Settings
from sellia.text import printable

_Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Names:
    """Names in a file: settings by path, the paths of groups, and settings by their old names."""

    settings: Mapping[_Path, str]
    groups: frozenset[_Path]
    old: Mapping[str, str]

    @classmethod
    def of(cls, models: Sequence[type[Settings]]) -> "_Names":
        paths = {tuple(model.path(name).split(".")): name for model in models for name in model.model_fields}
        groups = frozenset(path[:end] for path in paths for end in range(1, len(path)))
        old = {name: name for path, name in paths.items() if len(path) > 1}
        for model in models:
            old |= model.RENAMED
        return cls(paths, groups, old)

    def below(self, path: _Path) -> list[str]:
        """Return the full names of the settings in a group."""
        return [".".join(each) for each in self.settings if each[: len(path)] == path]


def ungrouped(given: Mapping[str, Given], models: Sequence[type[Settings]], findings: Findings) -> dict[str, Given]:
    """Return what a file gives by the names of the settings, groups taken apart.

    Names that no model has are kept if they stand at the top level.  Faults are an unknown name in a group, and a
    setting that is given under two names.
    """
    names = _Names.of(models)
    found: dict[str, Given] = {}
    unknown = 0
    for path, each in _leaves((), given, names.groups, findings):
        name = names.settings.get(path)
        spelt = ".".join(path)
        if name is None and spelt in names.old:
            name = names.old[spelt]
            each = replace(each, caution=_moved(each, spelt, name, names))
        elif name is None and len(path) > 1:
            unknown += 1
            if unknown <= EXPLAINED:
                findings.add(no_setting(names.below(path[:-1]), each.named, ".".join(path)))
            continue
        if name in found:
            line = f"is the same setting as {found[name].origin.name}"
            findings.add(each.named.fault(line, "Keep one of the two."))
            continue
        found[name or path[0]] = each
    return found


def _leaves(
    path: _Path, given: Mapping[str, Given], groups: frozenset[_Path], findings: Findings
) -> Iterator[tuple[_Path, Given]]:
    """Yield everything in ``given`` that is no group, with its path, down to the bottom of all groups."""
    for name, each in given.items():
        here = (*path, name)
        if here not in groups:
            yield here, each
        elif isinstance(each.value, dict):
            yield from _leaves(here, each.inside(), groups, findings)
        else:
            hint = f"Write its settings on the lines below it, each with two spaces more in front than {name} has."
            findings.add(each.origin.fault("is a group of settings", hint))


def _moved(each: Given, old: str, name: str, names: _Names) -> str:
    new = next(".".join(path) for path, setting in names.settings.items() if setting == name)
    return f"{each.named.where}: {printable(old)} is called {new} now; the next version refuses the old name."
