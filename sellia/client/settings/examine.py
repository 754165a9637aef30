"""Examines the settings of a client without using them: ``sellia config`` and ``--check``."""

from collections.abc import Mapping, Sequence

from sellia.client.settings.consent import Known
from sellia.client.settings.keys import KnownServers
from sellia.client.settings.load import collect, finish
from sellia.client.settings.model import ClientSettings
from sellia.settings import CLIENT, Examined, Findings, SettingsFile, examined, standing_files


def examine_here(flags: Mapping[str, object], environment: Mapping[str, str], config: str | None) -> Examined:
    """Return what is found as this user runs a client, with standing files and stored keys; as `examine`."""
    return examine(flags, environment, config, standing_files(CLIENT, environment), Known(environment))


def examine(
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    config: str | None = None,
    files: Sequence[SettingsFile] = (),
    known: KnownServers | None = None,
) -> Examined:
    """Return what `load` would find, and all that is wrong with it; nothing is missing that flags can add."""
    findings = Findings()
    given = collect(flags, environment, config, files, known, findings)
    return examined((ClientSettings,), given, findings, lambda: finish(dict(given), environment, findings))
