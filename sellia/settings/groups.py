"""Groups of settings in the file: ``timeouts: {request: 60}`` sets ``request_timeout``.

Each setting has one name, which is flat, and one path in the file (`setting`).  At the top level of the file, the flat
name of a setting in a group, and a name that a setting had before (``RENAMED``), are accepted for one version with a
caution.  So is a path that a setting had before, such as ``timeouts.connect``, where its group is still there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sellia.errors import SettingsError
from sellia.settings.given import Given, Rank, Trail
from sellia.settings.model import Settings, no_setting
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


def ungrouped(given: Mapping[str, Given], models: Sequence[type[Settings]]) -> dict[str, Given]:
    """Return what a file gives by the names of the settings, groups taken apart.

    Names that no model has are kept if they stand at the top level.  Raises `SettingsError` for an unknown name in a
    group, and for a setting that is given under two names.
    """
    names = _Names.of(models)
    found: dict[str, Given] = {}
    for path, each in _leaves((), given, names.groups):
        name = names.settings.get(path)
        spelt = ".".join(path)
        if name is None and spelt in names.old:
            name = names.old[spelt]
            each = replace(each, caution=_moved(each, spelt, name, names))
        elif name is None and len(path) > 1:
            raise no_setting(names.below(path[:-1]), each.place, ".".join(path))
        if name in found:
            line = f"{each.place}: is the same setting as {found[name].place.rpartition(': ')[2]}"
            raise SettingsError(line, "Keep one of the two.")
        found[name or path[0]] = each
    return found


def _leaves(path: _Path, given: Mapping[str, Given], groups: frozenset[_Path]) -> Iterator[tuple[_Path, Given]]:
    """Yield everything in ``given`` that is no group, with its path, down to the bottom of all groups."""
    for name, each in given.items():
        here = (*path, name)
        if here in groups:
            yield from _leaves(here, _inside(each, here), groups)
        else:
            yield here, each


def _inside(group: Given, path: _Path) -> dict[str, Given]:
    if not isinstance(group.value, dict):
        hint = f"Write its settings on the lines below it, each with two spaces more in front than {path[-1]} has."
        raise SettingsError(f"{group.place}: is a group of settings", hint)
    parts: dict[str | int, dict[Trail, str]] = {}
    for trail, place in group.parts.items():
        parts.setdefault(trail[0], {})[trail[1:]] = place
    found = {}
    for name, value in group.value.items():
        if value is not None:
            nested = parts.get(name, {})
            found[str(name)] = Given(value, nested.pop((), group.place), Rank.FILE, nested, group.path)
    return found


def _moved(each: Given, old: str, name: str, names: _Names) -> str:
    new = next(".".join(path) for path, setting in names.settings.items() if setting == name)
    where = each.place.rpartition(": ")[0]
    return f"{where}: {printable(old)} is called {new} now; the next version refuses the old name."
