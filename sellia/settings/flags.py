"""Flags of command lines, made of the fields of settings, so that each is described once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, get_origin

from sellia.settings.model import Settings, spelling


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag, named without its dashes, and the setting that it sets.

    ``metavar`` stands for its value in usage texts, and is empty for a switch, which sets ``value``.  A flag that is
    ``repeated`` may be given any number of times.
    """

    name: str
    setting: str
    metavar: str
    help: str
    value: bool = True
    repeated: bool = False


#: The flag for the settings file, which is no setting itself.
CONFIG: Final = Flag("config", "config", "FILE", "Settings file, in YAML.")


def flags_of(*models: type[Settings]) -> Iterator[Flag]:
    """Yield the flags of all settings of ``models`` that have one, in the order of their fields.

    A switch for what is true by default says no: ``rate_limit`` is set to False by ``--no-rate-limit``.  The help of a
    switch is what its setting says after "true to", or "false to".
    """
    for model in models:
        for name, field in model.model_fields.items():
            metavar = spelling(model, name, "flag")
            if not metavar:
                continue
            spelt = name.replace("_", "-")
            variable = spelling(model, name, "variable")
            text = (field.description or "") + (f" [env: {variable}]" if variable else "")
            if metavar == "switch":
                off = field.default is True
                text = text.removeprefix("false to " if off else "true to ")
                text = text[:1].upper() + text[1:]
                yield Flag(f"no-{spelt}" if off else spelt, name, "", text, value=not off)
                continue
            default = "" if field.default in (None, ()) or field.is_required() else f" [default: {field.default}]"
            yield Flag(spelt, name, metavar, text + default, repeated=get_origin(field.annotation) is tuple)
