"""Sources of settings: flags beat the environment, which beats the settings file."""

from collections.abc import Mapping

from sellia.errors import SettingsError
from sellia.settings.file import from_file
from sellia.settings.given import Given, Rank, read_text
from sellia.settings.groups import ungrouped
from sellia.settings.model import Settings, spelling
from sellia.text import printable


def gather(
    *models: type[Settings],
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    config: str | None,
) -> dict[str, Given]:
    """Return all that was given, by the names of the settings of ``models``.

    ``flags`` are by setting, None where not given; ``config`` is the path of the settings file, if there is one.
    Names that no model has are kept, for `check` to refuse.  Raises `SettingsError`.
    """
    given = ungrouped(from_file(config), models) if config is not None else {}
    for name, variable in variables(*models).items():
        if flags.get(name) is None:
            found = _from_environment(variable, environment)
            if found is not None:
                given[name] = found
    for name, value in flags.items():
        if value is not None:
            given[name] = Given(value, flag(name), Rank.FLAG)
    return given


def variables(*models: type[Settings]) -> dict[str, str]:
    """Return the environment variables of the settings that have one; each has a twin whose name ends in ``_FILE``."""
    found = {name: spelling(model, name, "variable") for model in models for name in model.model_fields}
    return {name: variable for name, variable in found.items() if variable}


def flag(name: str) -> str:
    """Return the flag that sets ``name``."""
    return "--" + name.replace("_", "-")


def _from_environment(variable: str, environment: Mapping[str, str]) -> Given | None:
    value, path = environment.get(variable, ""), environment.get(f"{variable}_FILE", "")
    if value and path:
        raise SettingsError(
            f"{variable} and {variable}_FILE are both set",
            f"Keep one of them: {variable} holds the value itself, {variable}_FILE the path of a file with the value.",
        )
    if value:
        return Given(value, variable, Rank.ENVIRONMENT)
    if not path:
        return None
    place = f"{variable}_FILE"
    text = read_text(path, place).rstrip("\r\n")
    if not text:
        raise SettingsError(f"{place}: {printable(path)} is empty", "Put the value into the file, on one line.")
    return Given(text, place, Rank.ENVIRONMENT, path=path)
