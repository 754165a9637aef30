"""Loads the settings of a client from flags, environment and file, and brings all tunnels into one form."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sellia.client.proxies import proxies_of
from sellia.client.settings.model import ClientSettings
from sellia.client.settings.old import OLD
from sellia.client.settings.tunnel import NAME, TunnelSettings
from sellia.client.settings.values import TargetText, authorities_of
from sellia.errors import SettingsError
from sellia.settings import Findings, Given, Rank, SettingsFile, check, gather, refuse_unknown
from sellia.text import printable

#: Settings that, at the top level of the file, describe the one tunnel.
_ONE_TUNNEL: Final = tuple(TunnelSettings.model_fields)

#: Settings that a project's file, which can come from a stranger, must not decide.
_NOT_A_PROJECTS: Final = ("server", "api_key", "ca", "proxy")

#: Settings that say what a tunnel exposes.
_SERVICES: Final = ("target", "paths", "port")


def load(
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    config: str | None = None,
    files: Sequence[SettingsFile] = (),
) -> ClientSettings:
    """Return the settings of a client; ``flags`` are by setting, None where not given.

    ``config`` is the file that ``--config`` names, instead of which ``files`` are read.  Raises `SettingsError`.
    """
    findings = Findings()
    given = gather(
        ClientSettings,
        TunnelSettings,
        flags=flags,
        environment=environment,
        config=config,
        files=files,
        findings=findings,
    )
    refuse_unknown(ClientSettings, given, _ONE_TUNNEL, findings)
    for name in _NOT_A_PROJECTS:
        if name in given and given[name].rank is Rank.PROJECT:
            hint = "Say it with a flag, or in your own file, sellia.yaml in ~/.config/sellia."
            findings.add(given[name].named.fault("is not for a project to say: it decides whom you trust", hint))
    _check_variables(given, environment, findings)
    return check(ClientSettings, _with_tunnels(given, findings), findings)


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


def _with_tunnels(given: Mapping[str, Given], findings: Findings) -> dict[str, Given]:
    """Bring all that describes tunnels into the form of one list: a map by name, an old list, or a single tunnel.

    Where there are faults already nothing is said of what is missing: it may be there under a wrong name.
    """
    rest = {name: each for name, each in given.items() if name not in _ONE_TUNNEL}
    one = _strongest({name: each for name, each in given.items() if name in _ONE_TUNNEL})
    listed = rest.get("tunnels")
    strongest = max(one.values(), key=lambda each: each.rank, default=None)
    if listed is not None and listed.rank < Rank.FILE and strongest is not None and strongest.rank is Rank.FLAG:
        # A tunnel of the command line, where the tunnels of a file that nobody named are not meant.
        del rest["tunnels"]
        listed = None
    if listed is not None and strongest is not None and strongest.rank.is_file:
        hint = "Move it into the tunnel that it is meant for, or below defaults for all of them."
        findings.add(strongest.named.fault("is not used beside tunnels", hint))
    elif listed is not None and strongest is not None:
        hint = "Say it in the file, in the tunnel that it is meant for, or leave the file out."
        line = f"cannot be given together with the tunnels of {printable(listed.path)}"
        findings.add(strongest.origin.fault(line, hint))
    with findings.collecting():
        if listed is not None:
            rest["tunnels"] = _listed(listed, findings)
        elif not findings.faults or any(name in one for name in _SERVICES):
            rest["tunnels"] = _single(one, strongest)
    if "server" not in rest and not findings.faults:
        line = "it is not said which server to connect to"
        findings.add(SettingsError(line, "Give --server https://example.com or SELLIA_SERVER."))
    return rest


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


def _single(one: Mapping[str, Given], strongest: Given | None) -> Given:
    """Return the list of the one tunnel that flags, or an old file's top level, describe."""
    service = next((one[name] for name in _SERVICES if name in one), None)
    if service is None:
        place = strongest.place + ": " if strongest is not None else ""
        raise SettingsError(
            f"{place}it is not said what to expose",
            "Give the port that your service listens on, as in 8080, or its address, as in https://localhost:8443.",
        )
    tunnel = {name: _placed(name, each) for name, each in one.items()}
    tunnel["name"] = Given(_name(one, 1), service.origin)
    listed = Given.of([Given.of(tunnel, service.origin)], service.origin)
    return replace(listed, caution=_told(listed.parts.values()))


def _listed(tunnels: Given, findings: Findings) -> Given:
    """Return the tunnels of a file as a list, each with its name."""
    caution = ""
    if isinstance(tunnels.value, list):
        named = [(_name(each.parts, index + 1), each) for index, each in enumerate(tunnels.parts.values())]
        caution = (
            f"{tunnels.place}: is a map of tunnels by name now, as in `web: {{target: 8080}}`; "
            "the next version refuses a list."
        )
    elif isinstance(tunnels.value, dict):
        named = [(str(name), each) for name, each in tunnels.parts.items()]
    else:
        return tunnels
    made = []
    for name, each in named:
        if each.value is not None and not isinstance(each.value, dict):
            made.append(each)
            continue
        tunnel = {str(key): _placed(key, part) for key, part in each.parts.items()}
        if "name" in tunnel:
            hint = "The name stands in front: `web: {target: 8080}`."
            findings.add(tunnel["name"].named.fault("is not a setting", hint))
        tunnel["name"] = Given(name, each.origin)
        made.append(Given.of(tunnel, each.origin))
    return replace(Given.of(made, tunnels.origin), caution=caution or _told(made))


def _name(parts: Mapping[Any, Given], number: int) -> str:
    """Return a name for a tunnel that has none: its subdomain, or its number."""
    subdomain = parts["subdomain"].value if "subdomain" in parts else None
    return subdomain if isinstance(subdomain, str) and NAME.match(subdomain) else str(number)


def _placed(name: str | int, each: Given) -> Given:
    """Return a setting with its relative paths in targets starting from the directory of the file that it is in."""
    if not each.path:
        return each
    if name == "target" and isinstance(each.value, str):
        return replace(each, value=TargetText(each.value, os.path.dirname(os.path.abspath(each.path))))
    if name == "paths" and isinstance(each.value, dict):
        routes = {}
        for prefix, route in each.parts.items():
            if isinstance(route.value, dict):
                inner = {str(key): _placed(key, part) for key, part in route.parts.items()}
                routes[str(prefix)] = Given.of(inner, route.origin)
            else:
                routes[str(prefix)] = _placed("target", route)
        return Given.of(routes, each.origin)
    return each


def _told(tunnels: Iterable[Given]) -> str:
    """Return what is to be said of the first tunnel that is described in the old way, or an empty string."""
    for tunnel in tunnels:
        if any(tunnel.parts[name].value is not None for name in OLD if name in tunnel.parts):
            told = "port, local_host and local_scheme are target now, as in `target: https://localhost:8443`"
            return f"{tunnel.place}: {told}; the next version refuses the old names."
    return ""
