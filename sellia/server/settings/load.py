"""Loads the settings of a server from flags, environment and file."""

from collections.abc import Mapping, Sequence

from sellia.errors import SettingsError
from sellia.server.settings.model import ServerSettings
from sellia.server.settings.relations import GIVE_A_KEY
from sellia.settings import Examined, Findings, Given, Rank, SettingsFile, check, examined, gather, refuse_unknown


def load(
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    config: str | None = None,
    files: Sequence[SettingsFile] = (),
) -> ServerSettings:
    """Return the settings of a server; ``flags`` are by setting, None where not given.

    ``config`` is the file that ``--config`` names, instead of which ``files`` are read.  Raises `SettingsError`.
    """
    findings = Findings()
    return _finished(_gathered(flags, environment, config, files, findings), findings)


def examine(
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    config: str | None = None,
    files: Sequence[SettingsFile] = (),
) -> Examined:
    """Return what `load` would find, and all that is wrong with it."""
    findings = Findings()
    given = _gathered(flags, environment, config, files, findings)
    return examined((ServerSettings,), given, findings, lambda: _finished(given, findings))


def _gathered(
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    config: str | None,
    files: Sequence[SettingsFile],
    findings: Findings,
) -> dict[str, Given]:
    """Return what was given; faults go to ``findings``."""
    given = gather(ServerSettings, flags=flags, environment=environment, config=config, files=files, findings=findings)
    refuse_unknown(ServerSettings, given, findings=findings)
    with findings.collecting():
        _choose_listeners(given)
    return given


def _finished(given: Mapping[str, Given], findings: Findings) -> ServerSettings:
    """Return the settings.  Raises `SettingsError`."""
    settings = check(ServerSettings, given, findings)
    check_door(settings)
    return settings


def check_door(settings: ServerSettings) -> None:
    """Refuse a server on which everybody could open tunnels without anybody having said so.  Raises `SettingsError`."""
    if settings.key_required or settings.open:
        return
    hint = (
        f"{GIVE_A_KEY} For keys of several people, give --require-auth and --state-dir. For a server that is open to "
        "everybody, give --open (`open: true`)"
    )
    if not settings.local_only:
        raise SettingsError(
            "without a master key everybody could open tunnels here",
            f"{hint}; to try it on this machine alone, --host 127.0.0.1.",
            missing=True,
        )
    if settings.behind_proxy:
        raise SettingsError(
            "without a master key everybody could open tunnels here, through the reverse proxy in front",
            f"{hint}; to try it on this machine alone, leave out --https, --trust-proxy and haproxy: endpoints.",
            missing=True,
        )


def _choose_listeners(given: dict[str, Given]) -> None:
    """Choose between endpoints and host and port: the stronger source wins, and one source must not give both."""
    listen = given.get("listen")
    others = {name: given[name] for name in ("host", "port") if name in given}
    if listen is None or not others:
        return
    strongest = max(others.values(), key=lambda other: other.rank)
    if strongest.rank == listen.rank:
        beside = listen.place if listen.rank is Rank.FLAG else "listen"
        raise strongest.origin.fault(
            f"cannot be given together with {beside}",
            "An endpoint names its own port and address, as in tcp:3000:interface=127.0.0.1: keep one of the two.",
        )
    for name in ["listen"] if strongest.rank > listen.rank else others:
        del given[name]
