"""What one settings file says of tunnels: each by name, whole, with the file's defaults and its directory.

A tunnel is described in one file; one of the same name in a stronger file replaces it whole.  The defaults of a file
hold for its own tunnels and for those of stronger sources, except that those of a project's file hold for its own alone
(:mod:`sellia.client.settings.trust`).  Relative paths start from the file's directory.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from sellia.client.settings.old import A_LIST, told_old
from sellia.client.settings.tunnel import NAME, TUNNEL_LIMIT, TunnelDefaults
from sellia.client.settings.values import TargetText
from sellia.settings import Findings, Given

#: Settings, of a client and of a tunnel, whose values are paths.
_PATHS: Final = ("ca", "local_ca", "cert", "key", "auth_file", "log_file", "record")


def tunnels_of(given: Mapping[str, Given], defaults: Mapping[str, Given], findings: Findings) -> Given | None:
    """Return the tunnels of a file as a map by name; ``defaults`` are those that hold for them."""
    tunnels = given.get("tunnels")
    if tunnels is None:
        return None
    caution = ""
    if isinstance(tunnels.value, list):
        caution = f"{tunnels.place}: {A_LIST}"
        named = {name_of(each.parts, index): each for index, each in enumerate(tunnels.parts.values(), 1)}
    elif isinstance(tunnels.value, dict):
        named = {str(name): each for name, each in tunnels.parts.items()}
    else:
        return tunnels
    if len(named) > TUNNEL_LIMIT:
        hint = "Nobody can open as many in one session: describe them in several files."
        findings.add(tunnels.named.fault(f"are more than {TUNNEL_LIMIT} tunnels", hint))
        return None
    made = {name: _complete(each, defaults, findings) for name, each in named.items()}
    return replace(Given.of(made, tunnels.origin), caution=caution or told_old(made.values()))


def placed(name: str | int, each: Given) -> Given:
    """Return a setting in which relative paths start from the directory of the file that it stands in."""
    if not (each.path and each.rank.is_file):
        return each
    directory = os.path.dirname(os.path.abspath(each.path))
    if name in _PATHS and isinstance(each.value, str) and each.value:
        return replace(each, value=os.path.join(directory, each.value))
    if name == "profiles":
        made = {str(profile): placed("profile", part) for profile, part in each.parts.items()}
        return Given.of(made, each.origin) if isinstance(each.value, dict) else each
    if name in ("profile", "defaults") and isinstance(each.value, dict):
        return replace(
            Given.of({str(key): placed(key, part) for key, part in each.parts.items()}, each.origin), key=each.key
        )
    if name == "target" and isinstance(each.value, str):
        return replace(each, value=TargetText(each.value, directory))
    if name == "paths" and isinstance(each.value, dict):
        routes = {}
        for prefix, route in each.parts.items():
            if isinstance(route.value, dict):
                inner = {str(key): placed(key, part) for key, part in route.parts.items()}
                routes[str(prefix)] = Given.of(inner, route.origin)
            else:
                routes[str(prefix)] = placed("target", route)
        return Given.of(routes, each.origin)
    return each


def defaults_of(given: Mapping[str, Given]) -> dict[str, Given]:
    """Return the defaults of a file, whose settings have been `placed`."""
    defaults = given.get("defaults")
    if defaults is None:
        return {}
    return {name: each for name, each in defaults.inside().items() if _is_valid(name, each.value)}


def name_of(parts: Mapping[Any, Given], number: int) -> str:
    """Return a name for a tunnel that has none: its subdomain, or its number."""
    subdomain = parts["subdomain"].value if "subdomain" in parts else None
    return subdomain if isinstance(subdomain, str) and NAME.match(subdomain) else str(number)


def _is_valid(name: str, value: object) -> bool:
    """Return whether a tunnel can have this default; if not, that is told once, of the defaults themselves."""
    try:
        TunnelDefaults.model_validate({name: value})
    except ValidationError:
        return False
    return True


def _complete(tunnel: Given, defaults: Mapping[str, Given], findings: Findings) -> Given:
    """Return a tunnel with the defaults for what it does not say; null says that the default does not count."""
    if tunnel.value is not None and not isinstance(tunnel.value, dict):
        return tunnel
    own = {str(name): placed(name, each) for name, each in tunnel.parts.items()}
    if "name" in own:
        hint = "The name stands in front: `web: {target: 8080}`."
        findings.add(own.pop("name").named.fault("is not a setting", hint))
    whole = {name: each for name, each in {**defaults, **own}.items() if each.value is not None}
    return replace(Given.of(whole, tunnel.origin), key=tunnel.key)
