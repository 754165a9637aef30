"""Options of a twistd plugin, made of settings: each flag, its help and its default are stated by its setting."""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final, NoReturn

from sellia.errors import SettingsError
from sellia.process import OneLineOptions
from sellia.settings import CONFIG, Examined, Flag, Settings, flags_of, shown

#: The switch that examines settings instead of using them.
CHECK: Final = Flag("check", "check", "", "Print the settings and where each came from, and start nothing.")


class SettingsOptions(OneLineOptions):
    """The flags of ``models``, ``--config`` and ``--check``; a subclass names the models."""

    synopsis = "[options]"
    models: ClassVar[tuple[type[Settings], ...]] = ()
    optFlags: ClassVar[list[list[str | None]]] = []
    optParameters: ClassVar[list[list[str | None]]] = []

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        flags = list(flags_of(*cls.models))
        cls.optFlags = [[each.name, None, each.help] for each in (*flags, CHECK) if not each.metavar]
        once = [each for each in flags if each.metavar and not each.repeated]
        cls.optParameters = [[each.name, None, None, each.help] for each in (*once, CONFIG)]
        for each in flags:
            if each.repeated:
                setattr(cls, f"opt_{each.setting}", _collector(each))

    @property
    def given(self) -> dict[str, object]:
        """What was given, by setting; None for flags that were not."""
        return values_of(flags_of(*self.models), self.get)

    def leave_with(self, found: Examined) -> NoReturn:
        """End the process with what ``--check`` found: the settings and status 0, or their faults and status 78."""
        for caution in found.cautions:
            print(caution, file=sys.stderr)
        faults = (*found.faults, *found.missing)
        if faults:
            print(SettingsError.of(faults), file=sys.stderr)
            sys.exit(os.EX_CONFIG)
        print(shown(found.models, found.given, origins=True), end="")
        sys.exit(os.EX_OK)


def values_of(flags: Iterable[Flag], value_of: Callable[[str], object]) -> dict[str, object]:
    """Return the values of settings, None where a flag was not given; ``value_of`` returns what a flag has."""
    found: dict[str, object] = {}
    for each in flags:
        value = value_of(each.name)
        found[each.setting] = value if each.metavar else (each.value if value else None)
    return found


def _collector(flag: Flag) -> Callable[[Any, str], None]:
    """Make the method of an option that may be repeated; Twisted shows its docstring as help."""

    def collect(self: Any, value: str) -> None:
        self.setdefault(flag.name, []).append(value)

    collect.__doc__ = flag.help
    return collect
