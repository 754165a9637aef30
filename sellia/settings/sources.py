"""Sources of settings, the strongest first: flags, the environment, settings files, defaults.

Among files, the one that ``--config`` names replaces all others; without it the project's beats the user's, which beats
the system's.  A stronger source replaces a value as a whole; of a mapping whose entries have names of their own
(``setting(..., merged=True)``, such as the tunnels) it replaces the entries that it has.
"""

from collections.abc import Mapping, Sequence

from sellia.errors import SettingsError
from sellia.settings.file import SettingsFile, from_file
from sellia.settings.given import Findings, Given, Origin, Rank, read_text
from sellia.settings.groups import ungrouped
from sellia.settings.model import Settings, spelling
from sellia.text import printable


def gather(
    *models: type[Settings],
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    config: str | None = None,
    files: Sequence[SettingsFile] = (),
    findings: Findings | None = None,
) -> dict[str, Given]:
    """Return all that was given, by the names of the settings of ``models``.

    ``flags`` are by setting, None where not given; ``config`` is the path of a settings file that replaces ``files``,
    which are those that exist (`standing_files`).  Names that no model has are kept, for `check` to refuse.

    Faults go to ``findings``, for `check` to raise together with its own.  Without them, raises `SettingsError`.
    """
    found = findings if findings is not None else Findings()
    given: dict[str, Given] = {}
    merged = {name for model in models for name in model.model_fields if spelling(model, name, "merged")}
    for file in [SettingsFile(Rank.FILE, config)] if config is not None else sorted(files, key=lambda each: each.rank):
        with found.collecting():
            stronger = ungrouped(from_file(file, found), models, found)
            given |= {name: _over(each, given.get(name), name in merged) for name, each in stronger.items()}
    for name, variable in variables(*models).items():
        if flags.get(name) is None:
            with found.collecting():
                set_there = _from_environment(variable, environment)
                if set_there is not None:
                    given[name] = set_there
    for name, value in flags.items():
        if value is not None:
            given[name] = Given(value, Origin(Rank.FLAG, flag(name)))
    if findings is None:
        found.raise_any()
    return given


def _over(stronger: Given, weaker: Given | None, merged: bool) -> Given:
    """Return a value from a stronger file; of a mapping that is merged also the weaker one's entries, in front."""
    if not merged or weaker is None or not isinstance(stronger.value, dict) or not isinstance(weaker.value, dict):
        return stronger
    return Given.of({**weaker.inside(), **stronger.inside()}, stronger.origin)


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
        return Given(value, Origin(Rank.ENVIRONMENT, variable))
    if not path:
        return None
    origin = Origin(Rank.ENVIRONMENT, f"{variable}_FILE", path)
    text = read_text(path, origin.name).rstrip("\r\n")
    if not text:
        raise SettingsError(f"{origin}: {printable(path)} is empty", "Put the value into the file, on one line.")
    return Given(text, origin)
