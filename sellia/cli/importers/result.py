"""What an import comes to: settings of a client, tunnels among them, and notes."""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from sellia.cli.importers.source import Note, Path, Source, dotted
from sellia.errors import ProblemError
from sellia.relay.access import parse_network
from sellia.relay.http.changes import changes_of
from sellia.relay.http.domains import DOMAINS, checked_domain
from sellia.relay.http.hosts import canonical_host
from sellia.relay.names import validate_name
from sellia.targets import TargetError, parse_target
from sellia.text import printable

#: Advice for keys and tokens of other services.
KEY: Final = "is of no use to a Sellia server: get a key from its owner, and store it with `sellia auth login`"

#: Advice for what nobody knows.
UNKNOWN: Final = "is not known to Sellia; nothing was made of it"


@dataclass(slots=True)
class ImportedTunnel:
    """One tunnel, as the settings file has it.  ``withheld`` says why it must not be opened as it is."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    withheld: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Imported:
    """What was made of a file.  ``kind`` names its format for people."""

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    tunnels: list[ImportedTunnel] = field(default_factory=list)
    carried: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def tunnel(self, wanted: str) -> ImportedTunnel:
        """Add a tunnel, under the name that is wanted or one like it."""
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", wanted).strip("-._")[:60] or "tunnel"
        taken = {each.name for each in self.tunnels}
        number = 1
        unique = name
        while unique in taken:
            number += 1
            unique = f"{name}-{number}"
        made = ImportedTunnel(unique)
        self.tunnels.append(made)
        return made

    def put(self, path: str, value: object) -> None:
        """Set a setting that may stand in a group, as in ``timeouts.ping``."""
        group = self.settings
        *groups, name = path.split(".")
        for each in groups:
            group = group.setdefault(each, {})
        group[name] = value

    def finish(self, source: Source) -> "Imported":
        """Name what is left of the file, and take over what was said of its keys."""
        source.name_rest(UNKNOWN)
        self.carried, self.notes = source.carried, source.notes
        return self


def checked_target(source: Source, path: Path, tunnel: ImportedTunnel, text: str) -> int | str | None:
    """Return a target, which the key at ``path`` has given, as it is written; None for what is none."""
    try:
        parse_target(text, "/", "/")
    except TargetError as error:
        source.remark(path, f"was left out: {error}. {error.hint}")
        tunnel.withheld.append("it has no target that Sellia can reach")
        return None
    return int(text) if text.isdigit() else text


def set_target(source: Source, path: Path, tunnel: ImportedTunnel, text: str) -> bool:
    """Set a tunnel's target, which the key at ``path`` has given; return whether it is one."""
    target = checked_target(source, path, tunnel, text)
    if target is not None:
        tunnel.settings["target"] = target
    return target is not None


def set_subdomain(source: Source, path: Path, tunnel: ImportedTunnel, host: str) -> None:
    """Ask for the first label of a public host name, which the key at ``path`` has given."""
    label, dot, rest = host.partition(".")
    try:
        tunnel.settings["subdomain"] = validate_name(label)
    except ProblemError as error:
        source.remark(path, f"was left out, and the server picks a name: {error}")
        return
    if dot:
        source.remark(
            path, f"became the subdomain {label}: names are below your server's domain, not below {rest[:80]}"
        )


def set_domain(source: Source, path: Path, tunnel: ImportedTunnel, host: str) -> None:
    """Ask for a domain of the user's own, or all names below one, which the key at ``path`` has given."""
    try:
        domain = checked_domain(host)
    except ValueError as error:
        source.remark(path, f"was left out: it {error}")
        tunnel.withheld.append("a host name of it was left out")
        return
    domains = tunnel.settings.setdefault("domain", [])
    if domain in domains:
        return
    if len(domains) == DOMAINS:
        too_many = f"a tunnel has {DOMAINS} domains at most, and the rest was left out"
        if too_many not in tunnel.withheld:
            tunnel.withheld.append(too_many)
        return
    domains.append(domain)
    if len(domains) > 1:
        return
    label = domain.removeprefix("*.").partition(".")[0]
    source.remark(
        path,
        f"is a domain of yours, whose DNS record has to lead to your server, which says how when the tunnel is opened; "
        f"for a name below your server's domain write `subdomain: {label}` instead",
    )


def set_auth(source: Source, path: Path, tunnel: ImportedTunnel, logins: list[str]) -> None:
    """Have visitors know one of ``logins``, each USER:PASS."""
    if not logins:
        return
    if any(":" not in each or each.startswith(":") for each in logins):
        withhold(source, path, tunnel, "is not USER:PASS; give the tunnel an auth")
        return
    if len({each.partition(":")[0] for each in logins}) < len(logins):
        withhold(source, path, tunnel, "has a user twice; give the tunnel an auth")
        return
    tunnel.settings["auth"] = logins[0] if len(logins) == 1 else logins


def set_port(source: Source, path: Path, tunnel: ImportedTunnel, port: str, kind: str = "tcp") -> None:
    """Make a tunnel one for TCP or UDP, at the server's port that the key at ``path`` has given; "" and 0 for any."""
    tunnel.settings["kind"] = kind
    if re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) < 65536:
        tunnel.settings["remote_port"] = int(port)
        source.remark(path, "is asked for as it is: it must be one of the ports that your server gives away")


def set_access(source: Source, path: Path, tunnel: ImportedTunnel, allow: str, deny: str) -> None:
    """Carry over lists of networks whose visitors are let in, and kept out."""
    for key, name in ((allow, "allow"), (deny, "deny")):
        networks = source.texts(*path, *key.split("."))
        try:
            for each in networks:
                parse_network(each)
        except ValueError:
            withhold(source, (*path, *key.split(".")), tunnel, "has something in it that is no address and no network")
            return
        if networks:
            tunnel.settings[name] = networks


def set_host(source: Source, path: Path, settings: dict[str, Any], host: str) -> None:
    """Have a service asked under another name, which the key at ``path`` has given."""
    try:
        canonical_host([host.encode("ascii")])
    except (ValueError, UnicodeError):
        source.remark(path, "was left out: it is not a host")
        return
    settings["host"] = host


def set_fields(source: Source, path: Path, tunnel: ImportedTunnel, group: str, action: str) -> None:
    """Carry over header fields to set, add or remove: a map, or a list of ``name:value``, or of names to remove."""
    fields: dict[str, str] = {}
    for each in source.texts(*path):
        name, _, value = each.partition(":")
        fields[name.strip()] = value.strip()
    for child in source.children(*path):
        value = source.text(*path, child)
        if value:
            fields[str(child)] = value
    for name, value in fields.items():
        try:
            changes_of(*([[name], {}, {}] if action == "remove" else _put(action, name, value)))
        except ValueError as error:
            source.remark(path, f"has a field that was left out: {printable(name, 40)} {error}")
            continue
        changes = tunnel.settings.setdefault(group, {})
        if action == "remove":
            changes.setdefault("remove", []).append(name)
        else:
            changes.setdefault(action, {})[name] = value


def _put(action: str, name: str, value: str) -> tuple[list[str], dict[str, str], dict[str, str]]:
    return [], {name: value} if action == "set" else {}, {name: value} if action == "add" else {}


def withhold(source: Source, path: Path, tunnel: ImportedTunnel, advice: str) -> None:
    """Name a key that kept visitors out, and withhold its tunnel."""
    if not source.name(path, advice, protects=True):
        source.notes.append(Note(dotted(path), advice, protects=True))
    tunnel.withheld.append(f"{path[-1]} kept visitors out, and has no counterpart")
