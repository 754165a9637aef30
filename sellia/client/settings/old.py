"""Spelling of the version before: ``port``, ``local_host`` and ``local_scheme`` for what is ``target`` now.

It is accepted for one version with a caution; this module goes with the next.
"""

import re
from collections.abc import Iterable
from typing import Final

from sellia.client.settings.values import checked_target
from sellia.settings import Given, wrong
from sellia.targets import Target

#: Old names, besides which each setting of a tunnel has the name that it had.
OLD: Final = ("port", "local_host", "local_scheme")

#: What is said of tunnels in a list.
A_LIST: Final = "is a map of tunnels by name now, as in `web: {target: 8080}`; the next version refuses a list"

#: What is said of a tunnel's settings at the top level of a file.
TOP_LEVEL: Final = "stands in a tunnel, or below defaults, now; the next version refuses it here"


def old_target(port: str | None, host: str | None, scheme: str | None) -> Target:
    """Return the target that the old settings describe.  Raises what a validator raises."""
    text = (port or "").strip()
    if not re.fullmatch("[0-9]+", text):
        for name, part, there in (("local_host", host, True), ("local_scheme", scheme, "://" in text)):
            if part is not None and there:
                raise wrong(f"names the {name.removeprefix('local_')}, and so does {name}", "Keep one.", "port")
        return checked_target(f"{scheme}://{text}" if scheme is not None else text)
    where = f"[{host}]" if host is not None and ":" in host else host or "localhost"
    return checked_target(f"{scheme or 'http'}://{where}:{text}")


def told_old(tunnels: Iterable[Given]) -> str:
    """Return what is to be said of the first tunnel that is described in the old way, or an empty string."""
    for tunnel in tunnels:
        for name in OLD:
            if name in tunnel.parts:
                told = "port, local_host and local_scheme are target now, as in `target: https://localhost:8443`"
                return f"{tunnel.parts[name].place}: {told}; the next version refuses the old names"
    return ""
