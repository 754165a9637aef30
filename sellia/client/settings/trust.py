"""Rules for the settings file of a project: what a file that came with somebody else's files may say.

Need
    ``sellia start`` in a cloned repository reads the repository's ``sellia.yaml``.  Whoever wrote it must not be able
    to send the user's traffic or keys somewhere else, to publish what the user did not mean to publish, or to have
    files read or written elsewhere.  (Whose files are read at all is decided in :mod:`sellia.settings.standing`.)

Invariants
    * It supplies no key, no proxy, no authority for certificates, and no path of a file outside its directory.
    * It supplies a server only where the user has a key stored for it, names it in a file of their own, or has agreed
      to it for this file (:mod:`sellia.client.settings.consent`).
    * To such a server goes the key that is stored for it, and none that was given for another
      (:mod:`sellia.client.settings.keys`).
    * Its tunnels lead to this machine's loopback interface, to files and unix sockets below its directory with all
      symbolic links followed, and to texts.  Names below it that begin with a dot are not published.
    * Its tunnels join no pool, where visitors are that somebody else's files never had.
    * Its defaults hold for its own tunnels, its profiles replace none of the user's.
    * What it may say is listed here by name, so a setting that is new is refused until somebody has decided.

What it can do
    Publish any port of the loopback interface, when the user starts its tunnels by ``sellia start``; what each tunnel
    leads to is shown then.  A file that the user names with ``--config`` is the user's own, and may say everything.

Designs not chosen
    *Trusting a directory once and for all* (as direnv does with a file's digest): a tool that publishes ports is asked
    for rarely enough to name the file.  *Passing over what is refused*: a tunnel without its password, or through
    another server than its author meant, is worse than none.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic_core import PydanticCustomError

from sellia.client.settings.old import OLD
from sellia.client.settings.tunnel import TunnelSettings
from sellia.client.settings.values import checked_target
from sellia.relay.http.hosts import is_loopback
from sellia.settings import Findings, Given, Rank
from sellia.targets import Target, TargetKind
from sellia.text import printable

#: Characters of a target that are shown.
SHOWN: Final = 200

#: Settings that a project's file may have.  Its server is looked at when it is known which one counts.
SETTINGS: Final = frozenset(
    {"server", "profile", "profiles", "tunnels", "defaults", "no_inspector", "inspector_memory"}
    | {"log_level", "ping_interval", "ping_timeout", "service_connect_timeout", "drain_timeout"}
)

#: What a profile in it may have.
PROFILE_SETTINGS: Final = frozenset({"server"})

#: What a tunnel in it may have, and what its defaults may; targets and paths are looked at one by one.
TUNNEL_SETTINGS: Final = frozenset(
    {"kind", "target", "paths", "subdomain", "wildcard", "domain", "request_timeout", "upgrade_timeout"}
    | {"auth", "auth_file", "auth_preflight"}
    | {"while_away", "while_away_pings", "forwarded", "local_verify", "local_ca", "spa", "listing", "autostart"}
    | {"allow", "deny", "methods", "max_body", "visitor_rate"}
    | {"remote_port", "proxy_protocol", "idle_timeout", "upgrades"}
    | {"headers", "host", "host_header", "local_paths", "request_headers", "response_headers"}
    | {"cert", "key", "sticky", "health", "inspect"}
)


def check_project(given: Mapping[str, Given], path: str, findings: Findings) -> None:
    """Find what a project's file may not say; ``given`` are its settings, with tunnels by name and absolute paths.

    No file that it names is opened.
    """
    directory = os.path.realpath(os.path.dirname(os.path.abspath(path)))
    for name, each in given.items():
        if name in TunnelSettings.model_fields:
            hint = "Describe tunnels by name, as in `tunnels: {web: {target: 8080}}`."
            findings.add(each.named.fault("stands in a tunnel, or below defaults", hint))
        elif name not in SETTINGS:
            _refuse(each, findings)
        elif name == "defaults":
            _check_tunnel(each, directory, findings)
        elif name == "tunnels":
            for tunnel in each.parts.values():
                _check_tunnel(tunnel, directory, findings)
        elif name == "profiles":
            for profile in each.parts.values():
                for part in (part for name, part in profile.parts.items() if name not in PROFILE_SETTINGS):
                    _refuse(part, findings)


def _check_tunnel(tunnel: Given, directory: str, findings: Findings) -> None:
    # What it has from the user's defaults is the user's; what is no setting at all is told elsewhere.
    own = {name: each for name, each in tunnel.inside().items() if each.rank is Rank.PROJECT}
    for name, each in own.items():
        if name in OLD:
            findings.add(each.named.fault("is called target now", "Write `target: 8080`, or https://localhost:8443."))
        elif name in TunnelSettings.model_fields and name not in TUNNEL_SETTINGS:
            _refuse(each, findings)
        elif name in ("local_ca", "cert", "key", "auth_file") and isinstance(each.value, str):
            fault = _outside(each.value, directory)
            if fault:
                _refuse(each, findings, f"may not name a file {fault}")
    for each in _targets(own):
        try:
            target = checked_target(each.value)
        except PydanticCustomError:
            continue  # which is told when it is checked
        fault = _fault(target, directory)
        if fault:
            _refuse(each, findings, f"may not publish {printable(str(target))[:SHOWN]}, {fault}")


def _targets(own: Mapping[str, Given]) -> Iterator[Given]:
    if "target" in own:
        yield own["target"]
    for route in own["paths"].parts.values() if "paths" in own else ():
        each = route.inside().get("target", route)
        if each.value is not None:
            yield each


def _fault(target: Target, directory: str) -> str:
    """Return why a project's file may not lead there, or an empty string."""
    if target.kind is TargetKind.ADDRESS:
        return "" if is_loopback(target.host) else "which is not this machine"
    if target.kind is TargetKind.TEXT:
        return ""
    return _outside(target.path, directory)


def _outside(path: str, directory: str) -> str:
    """Return why a path is not one below a directory, links followed, or an empty string."""
    real = os.path.realpath(path)
    if real != directory and not real.startswith(directory.rstrip("/") + "/"):
        return "which is outside the project"
    if any(part.startswith(".") for part in os.path.relpath(real, directory).split("/") if part != "."):
        return "which is hidden"
    return ""


def _refuse(each: Given, findings: Findings, line: str = "may not say this") -> None:
    shown = printable(each.path)
    hint = f"Say it in a file of your own, or as a flag. If you trust this file, name it: --config {shown}"
    findings.add(each.named.fault(f"the settings file of a project {line}", hint))
