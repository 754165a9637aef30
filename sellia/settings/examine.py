"""Examines settings without using them: what was given, what is wrong with it, and what it comes to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sellia.errors import SettingsError
from sellia.settings.given import Findings, Given
from sellia.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Examined:
    """Settings as they were found.

    ``models`` are those that ``given`` is of, by their settings.  ``settings`` is None where there are ``faults``, and
    where there are ``missing``: faults for what was not given and can still be, by a flag or a variable, which are no
    faults of a file.
    """

    models: tuple[type[Settings], ...]
    given: Mapping[str, Given]
    settings: Settings | None
    faults: tuple[SettingsError, ...]
    missing: tuple[SettingsError, ...]
    cautions: tuple[str, ...]


def examined(
    models: tuple[type[Settings], ...],
    given: Mapping[str, Given],
    findings: Findings,
    finish: Callable[[], Settings],
) -> Examined:
    """Return what `gather` found, once ``finish`` has made settings of it, or has raised `SettingsError`."""
    try:
        settings = finish()
    except SettingsError as error:
        faults = tuple(each for each in error.faults if not each.missing)
        missing = tuple(each for each in error.faults if each.missing)
        cautions = (*findings.cautions, *(each.caution for each in given.values() if each.caution))
        return Examined(models, given, None, faults, missing, cautions)
    return Examined(models, given, settings, (), (), settings.cautions)
