"""Loads the settings of a client from flags, environment and files, and brings all tunnels into one form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sellia.client.proxies import proxies_of
from sellia.client.settings.consent import Known
from sellia.client.settings.file import defaults_of, name_of, placed, tunnels_of
from sellia.client.settings.keys import Key, KnownServers, Nobody, apply_key, apply_profile, apply_server, check_server
from sellia.client.settings.model import ClientSettings
from sellia.client.settings.old import OLD, TOP_LEVEL, told_old
from sellia.client.settings.trust import check_project
from sellia.client.settings.tunnel import TunnelSettings
from sellia.client.settings.values import authorities_of
from sellia.errors import SettingsError
from sellia.settings import CLIENT, Findings, Given, Rank, SettingsFile, check, gather, refuse_unknown, standing_files
from sellia.text import printable

#: Settings of a tunnel: flags, and in old files the top level, describe a single one.
_ONE_TUNNEL: Final = tuple(TunnelSettings.model_fields)

#: Settings that say what a tunnel exposes.
_SERVICES: Final = ("target", "paths", "port")

_MODELS: Final = (ClientSettings, TunnelSettings)


def load_here(
    flags: Mapping[str, object], environment: Mapping[str, str], config: str | None, directory: str | None = None
) -> ClientSettings:
    """Return the settings of a client as this user runs it, with standing files and stored keys; as `load`.

    The project's file is looked for from ``directory``, which by default is the present one.
    """
    return load(flags, environment, config, standing_files(CLIENT, environment, directory), Known(environment))


def load(
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    config: str | None = None,
    files: Sequence[SettingsFile] = (),
    known: KnownServers | None = None,
) -> ClientSettings:
    """Return the settings of a client; ``flags`` are by setting, None where not given.

    ``config`` is the file that ``--config`` names, instead of which ``files`` are read.  ``known`` are the servers for
    which the user has stored keys.  Raises `SettingsError`.
    """
    findings = Findings()
    return finish(collect(flags, environment, config, files, known, findings), environment, findings)


def finish(given: dict[str, Given], environment: Mapping[str, str], findings: Findings) -> ClientSettings:
    """Return the settings that were collected.  Raises `SettingsError` for all that is wrong."""
    if "tunnels" in given:
        given["tunnels"] = _listed(given["tunnels"])
    _check_variables(given, environment, findings)
    settings = check(ClientSettings, given, findings)
    settings._files = tuple(dict.fromkeys(each.path for each in given["tunnels"].parts.values() if each.path))
    settings._key_from = given["api_key"].place if "api_key" in given else ""
    settings._log_from = given["log_file"].place if "log_file" in given else ""
    settings._record_from = given["record"].place if "record" in given else ""
    return settings


def _check_variables(given: Mapping[str, Given], environment: Mapping[str, str], findings: Findings) -> None:
    """Refuse variables of others that cannot be used: ignored, they would make something else fail later."""
    if "proxy" not in given:
        with findings.collecting():
            proxies_of(None, environment)
    file, server = environment.get("SSL_CERT_FILE", ""), given.get("server")
    if file and server is not None and str(server.value).startswith(("https:", "wss:")):
        hint = "Name a file of certificates in PEM, or unset the variable to trust whom this machine trusts."
        with findings.collecting():
            try:
                authorities_of(file)
            except ValueError as error:
                raise SettingsError(f"SSL_CERT_FILE: {error}", hint) from None


def collect(
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    config: str | None,
    files: Sequence[SettingsFile],
    known: KnownServers | None,
    findings: Findings,
) -> dict[str, Given]:
    """Return what counts, with tunnels as a map by name; faults and cautions go to ``findings``."""
    found = _Files()
    for file in [SettingsFile(Rank.FILE, config)] if config is not None else sorted(files, key=lambda each: each.rank):
        found.add(file, findings)
    typed = gather(*_MODELS, flags=flags, environment=environment, findings=findings)
    given = {**found.given, **{name: each for name, each in typed.items() if name not in _ONE_TUNNEL}}
    variables = gather(*_MODELS, flags={}, environment=environment, findings=Findings())
    _choose_server(given, typed, variables.get("server"), found, known or Nobody(), findings)
    _choose_tunnels(given, {name: each for name, each in typed.items() if name in _ONE_TUNNEL}, found, findings)
    return given


@dataclass(slots=True)
class _Files:
    """What the files give together; the project's comes last."""

    given: dict[str, Given] = field(default_factory=dict)
    #: Settings of a single tunnel at the top level, as files of the version before have them.
    one: dict[str, Given] = field(default_factory=dict)
    #: Defaults in files of the user's own, and of the machine.
    defaults: dict[str, Given] = field(default_factory=dict)
    #: Keys at the top level, the strongest first, and servers that own files name.
    keys: list[Key] = field(default_factory=list)
    servers: list[Given] = field(default_factory=list)

    def add(self, file: SettingsFile, findings: Findings) -> None:
        """Read a file, which is stronger than those before it."""
        given = {
            name: placed(name, each)
            for name, each in gather(*_MODELS, flags={}, environment={}, files=[file], findings=findings).items()
        }
        refuse_unknown(ClientSettings, given, _ONE_TUNNEL, findings)
        if file.rank is Rank.PROJECT:
            self._check_project(given, file.path, findings)
        defaults = {**self.defaults, **defaults_of(given)}
        tunnels = tunnels_of(given, defaults, findings)
        given.pop("tunnels", None)
        if tunnels is not None:
            given["tunnels"] = tunnels
        if file.rank is not Rank.PROJECT:
            self.defaults = defaults
            self._note_servers(given)
            self._take_one(given, findings)
        for name in ("tunnels", "profiles"):
            if name in given and name in self.given:
                parts = {**self.given[name].inside(), **given[name].inside()}
                given[name] = replace(Given.of(parts, given[name].origin), caution=given[name].caution)
        self.given |= {name: each for name, each in given.items() if name not in _ONE_TUNNEL}

    def _note_servers(self, given: Mapping[str, Given]) -> None:
        if "api_key" in given:
            self.keys.insert(0, Key(given["api_key"], given.get("server")))
        profiles = [each.inside() for each in given["profiles"].parts.values()] if "profiles" in given else []
        self.servers += [each["server"] for each in (given, *profiles) if "server" in each]

    def _check_project(self, given: dict[str, Given], path: str, findings: Findings) -> None:
        """Apply the rules for a project's file; of one that breaks them only the server is left to be looked at."""
        tunnels = tunnels_of(given, {}, Findings())
        whole = given if tunnels is None else {**given, "tunnels": tunnels}
        before = len(findings.faults)
        check_project(whole, path, findings)
        self._check_profiles(given, findings)
        if len(findings.faults) > before:
            for name in given.keys() - {"server"}:
                del given[name]

    def _check_profiles(self, given: Mapping[str, Given], findings: Findings) -> None:
        """Refuse profiles of a project that have the name of one of the user's."""
        own = self.given["profiles"].inside() if "profiles" in self.given else {}
        for name, each in given["profiles"].inside().items() if "profiles" in given else ():
            if name in own:
                line = f"the profile {printable(name)} is in {printable(own[name].path)} already"
                findings.add(each.named.fault(line, "A project's file may not replace it: give this one another name."))

    def _take_one(self, given: Mapping[str, Given], findings: Findings) -> None:
        one = {name: each for name, each in given.items() if name in _ONE_TUNNEL}
        if one and "tunnels" in given:
            hint = "Move it into the tunnel that it is meant for, or below defaults for all of them."
            findings.add(next(iter(one.values())).named.fault("is not used beside tunnels", hint))
        elif one and not told_old([Given.of(one, next(iter(one.values())).origin)]):
            findings.cautions.append(f"{next(iter(one.values())).place}: {TOP_LEVEL}")
        self.one |= one


def _choose_server(
    given: dict[str, Given],
    typed: Mapping[str, Given],
    of_variable: Given | None,
    found: _Files,
    known: KnownServers,
    findings: Findings,
) -> None:
    """Apply the profile; refuse a stranger's server; choose the key.

    ``typed`` is what flags and variables give, and ``of_variable`` the server that ``SELLIA_SERVER`` names.
    """
    chosen = apply_profile(given, findings)
    profile = given["profiles"].inside().get(str(given["profile"].value)) if chosen and "profiles" in given else None
    inside = profile.inside() if profile is not None else {}
    keys = list(found.keys)
    if "api_key" in inside:
        keys.insert(0, Key(inside["api_key"], inside.get("server")))
    if "api_key" in typed:
        key = Key(typed["api_key"], of_variable)
        keys.insert(0 if typed["api_key"].rank >= chosen or "api_key" not in inside else 1, key)
    apply_server(given, known, findings)
    check_server(given, found.servers, known, findings)
    apply_key(given, keys, found.servers, known, findings)


def _choose_tunnels(given: dict[str, Given], typed: dict[str, Given], found: _Files, findings: Findings) -> None:
    """Choose between the tunnel that flags describe and those of the files."""
    flagged = any(name in typed for name in _SERVICES)
    said = str(typed["target"].value) if "target" in typed else ""
    if said and not said.isdigit() and said in (given["tunnels"].inside() if "tunnels" in given else ()):
        line = f"{said} is a tunnel in {printable(given['tunnels'].path)}"
        findings.add(typed["target"].origin.fault(line, f"`sellia start {said}` opens it."))
        return
    if "tunnels" in given and not flagged:
        if typed:
            strongest = next(iter(typed.values()))
            line = f"cannot be given together with the tunnels of {printable(given['tunnels'].path)}"
            hint = "Say it in the file, in the tunnel that it is meant for, or give a target to open another tunnel."
            findings.add(strongest.origin.fault(line, hint))
        return
    one = _strongest({**found.defaults, **found.one, **typed})
    if not any(name in one for name in _SERVICES):
        if not findings.faults:
            place = f"{next(iter(typed.values())).place}: " if typed else ""
            findings.add(SettingsError(f"{place}it is not said what to expose", _WHAT, missing=True))
        given.pop("tunnels", None)
        return
    service = next(one[name] for name in _SERVICES if name in one)
    tunnel = Given.of({name: placed(name, each) for name, each in one.items()}, service.origin)
    name = name_of(tunnel.parts, 1)
    given["tunnels"] = replace(Given.of({name: tunnel}, service.origin), caution=told_old([tunnel]))


_WHAT: Final = (
    "Give the port of your service, as in `sellia http 8080`, or its address; or describe tunnels in sellia.yaml: "
    "`tunnels: {web: {target: 8080}}`."
)


def _strongest(one: dict[str, Given]) -> dict[str, Given]:
    """Return the settings of a single tunnel without a service that a stronger source replaces."""
    if "target" in one and "port" not in one and {"local_host", "local_scheme"} & one.keys():
        # `sellia http 8080 --local-host ::1`, as it was.
        one["port"] = one.pop("target")
    services = {name: one[name].rank for name in _SERVICES if name in one}
    strongest = max(services.values(), default=None)
    dropped: set[str] = {name for name, rank in services.items() if strongest is not None and rank < strongest}
    if "port" in dropped:
        dropped |= {name for name in OLD if name in one and one[name].rank is one["port"].rank}
    return {name: each for name, each in one.items() if name not in dropped}


def _listed(tunnels: Given) -> Given:
    """Return tunnels that are a map as a list, each with its name."""
    if not isinstance(tunnels.value, dict):
        return tunnels
    made = []
    for name, each in tunnels.parts.items():
        if isinstance(each.value, dict):
            named = {**each.inside(), "name": Given(str(name), each.named)}
            made.append(replace(Given.of(named, each.origin), key=each.key))
        else:
            made.append(each)
    return replace(Given.of(made, tunnels.origin), caution=tunnels.caution)
