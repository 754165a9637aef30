"""Loads the settings of a client from flags, environment and file, and brings all tunnels into one form."""

import os
from collections.abc import Iterable, Mapping
from typing import Final

from sellia.client.proxies import proxies_of
from sellia.client.settings.model import ClientSettings
from sellia.client.settings.old import OLD
from sellia.client.settings.tunnel import NAME, TunnelSettings
from sellia.client.settings.values import TargetText
from sellia.errors import SettingsError
from sellia.settings import Given, Rank, Trail, check, gather, refuse_unknown
from sellia.text import printable

#: Settings that, at the top level of the file, describe the one tunnel.
_ONE_TUNNEL: Final = tuple(TunnelSettings.model_fields)

#: Settings that say what a tunnel exposes.
_SERVICES: Final = ("target", "paths", "port")


def load(flags: Mapping[str, object], environment: Mapping[str, str], config: str | None = None) -> ClientSettings:
    """Return the settings of a client; ``flags`` are by setting, None where not given.  Raises `SettingsError`."""
    given = gather(ClientSettings, TunnelSettings, flags=flags, environment=environment, config=config)
    refuse_unknown(ClientSettings, given, _ONE_TUNNEL)
    settings = check(ClientSettings, _with_tunnels(given))
    if settings.proxy is None:
        proxies_of(None, environment)  # a variable that is wrong is to be known before anything starts
    return settings


def _with_tunnels(given: Mapping[str, Given]) -> dict[str, Given]:
    """Bring all that describes tunnels into the form of one list: a map by name, an old list, or a single tunnel."""
    rest = {name: each for name, each in given.items() if name not in _ONE_TUNNEL}
    one = _strongest({name: each for name, each in given.items() if name in _ONE_TUNNEL})
    listed = rest.get("tunnels")
    strongest = max(one.values(), key=lambda each: each.rank, default=None)
    if listed is not None and strongest is not None and strongest.rank is Rank.FILE:
        raise SettingsError(
            f"{strongest.place}: is not used beside tunnels",
            "Move it into the tunnel that it is meant for, or below defaults for all of them.",
        )
    if listed is not None and strongest is not None:
        raise SettingsError(
            f"{strongest.place}: cannot be given together with the tunnels of {printable(listed.path)}",
            "Say it in the file, in the tunnel that it is meant for, or leave the file out.",
        )
    if listed is not None:
        rest["tunnels"] = _listed(listed)
    else:
        rest["tunnels"] = _single(one, strongest)
    if "server" not in rest:
        raise SettingsError(
            "it is not said which server to connect to", "Give --server https://example.com or SELLIA_SERVER."
        )
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
    parts: dict[Trail, str] = {(0, name): each.place for name, each in one.items()}
    tunnel = {name: _placed(name, each.value, each.path) for name, each in one.items()}
    tunnel["name"] = _name(tunnel, 1)
    return Given([tunnel], service.place, service.rank, parts, service.path, _told([(service, "", tunnel)]))


def _listed(tunnels: Given) -> Given:
    """Return the tunnels of a file as a list, each with its name."""
    if isinstance(tunnels.value, list):
        named = [(_name(each, index + 1), each, index) for index, each in enumerate(tunnels.value)]
        caution = (
            f"{tunnels.place}: is a map of tunnels by name now, as in `web: {{target: 8080}}`; "
            "the next version refuses a list."
        )
    elif isinstance(tunnels.value, dict):
        named = [(str(name), each, name) for name, each in tunnels.value.items()]
        caution = ""
    else:
        return tunnels
    made: list[object] = []
    parts: dict[Trail, str] = {}
    old = []
    for index, (name, each, step) in enumerate(named):
        parts |= {(index, *trail[1:]): place for trail, place in tunnels.parts.items() if trail[0] == step}
        if isinstance(each, dict) or each is None:
            tunnel = {key: _placed(key, value, tunnels.path) for key, value in (each or {}).items()}
            if "name" in tunnel:
                where = parts.get((index, "name"), tunnels.place)
                raise SettingsError(f"{where}: is not a setting", "The name stands in front: `web: {target: 8080}`.")
            made.append({**tunnel, "name": name})
            old.append((tunnels, parts.get((index,), ""), tunnel))
        else:
            made.append(each)
    return Given(made, tunnels.place, tunnels.rank, parts, tunnels.path, caution or _told(old))


def _name(tunnel: object, number: int) -> str:
    """Return a name for a tunnel that has none: its subdomain, or its number."""
    subdomain = tunnel.get("subdomain") if isinstance(tunnel, dict) else None
    return subdomain if isinstance(subdomain, str) and NAME.match(subdomain) else str(number)


def _placed(name: str, value: object, path: str) -> object:
    """Return the value of a setting; relative paths in targets start from the directory of the file at ``path``."""
    if not path:
        return value
    directory = os.path.dirname(os.path.abspath(path))
    if name == "target" and isinstance(value, str):
        return TargetText(value, directory)
    if name == "paths" and isinstance(value, dict):
        return {
            prefix: {each: _placed(each, part, path) for each, part in route.items()}
            if isinstance(route, dict)
            else _placed("target", route, path)
            for prefix, route in value.items()
        }
    return value


def _told(tunnels: Iterable[tuple[Given, str, Mapping[str, object]]]) -> str:
    """Return what is to be said of the first tunnel that is described in the old way, or an empty string."""
    for given, place, tunnel in tunnels:
        if any(tunnel.get(name) is not None for name in OLD):
            told = "port, local_host and local_scheme are target now, as in `target: https://localhost:8443`"
            return f"{place or given.place}: {told}; the next version refuses the old names."
    return ""
