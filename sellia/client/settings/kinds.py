"""Kinds of tunnels in the settings: what each may have, and where it may lead."""

import re
from collections.abc import Sequence
from typing import Final, Protocol

from sellia.relay.access import ENTRIES, parse_network
from sellia.relay.http.domains import DOMAINS, checked_domain
from sellia.settings import wrong
from sellia.settings.values import entries
from sellia.targets import Target, TargetKind
from sellia.text import printable

#: What only some kinds can have, and the kinds; a tunnel of another kind would not do what it says.
_ONLY: Final = {
    "subdomain": ("http", "tls"),
    "wildcard": ("http", "tls"),
    "domain": ("http", "tls"),
    "paths": ("http",),
    "auth": ("http",),
    "auth_file": ("http",),
    "methods": ("http",),
    "max_body": ("http",),
    "visitor_rate": ("http",),
    "headers": ("http",),
    "host": ("http",),
    "host_header": ("http",),
    "local_paths": ("http",),
    "request_headers": ("http",),
    "response_headers": ("http",),
    "pool": ("http",),
    "sticky": ("http",),
    "health": ("http",),
    "remote_port": ("tcp", "udp"),
    "proxy_protocol": ("tcp", "tls"),
    "idle_timeout": ("tcp", "tls", "udp"),
    "cert": ("tls",),
    "key": ("tls",),
}

#: The settings of which the command of a kind has flags; that of http has those of all others.
_FLAGS: Final = {
    "tcp": ("remote_port", "proxy_protocol", "idle_timeout", "allow", "deny"),
    "udp": ("remote_port", "idle_timeout", "allow", "deny"),
    "tls": ("subdomain", "wildcard", "domain", "cert", "key", "proxy_protocol", "idle_timeout", "allow", "deny"),
}

#: Characters of the path of a health check.
PATH_LENGTH: Final = 1024

#: What to write instead, where there is something like it.
_INSTEAD: Final = {
    ("subdomain", "tcp"): "A tcp tunnel has a port: ask for it with remote_port.",
    ("auth", "tls"): "Nobody can be asked for a password there: let in addresses with allow.",
    ("auth", "tcp"): "Nobody can be asked for a password there: let in addresses with allow.",
    ("paths", "tcp"): "Give each service a tunnel of its own.",
    ("remote_port", "http"): "An http tunnel has a name: ask for it with subdomain; or say `kind: tcp`.",
}


class Kinded(Protocol):
    """The settings of a tunnel, as far as its kind decides what they may be."""

    @property
    def kind(self) -> str: ...


def has_flag(kind: str, name: str) -> bool:
    """Return whether the command for tunnels of a kind has a flag for a setting that has one."""
    flags = _FLAGS.get(kind)
    return name in flags if flags is not None else kind in _ONLY.get(name, (kind,))


def check_kind(tunnel: Kinded) -> None:
    """Refuse what a tunnel of this kind cannot have.  Raises what a validator raises."""
    for name, kinds in _ONLY.items():
        value = getattr(tunnel, name)
        if tunnel.kind not in kinds and value not in (None, False, ()):
            other = " and ".join(kinds)
            hint = _INSTEAD.get((name, tunnel.kind), f"Leave it out, or say `kind: {kinds[0]}`.")
            raise wrong(f"is for {other} tunnels, and this is {_a(tunnel.kind)} tunnel", hint, name)


def check_pool(pool: bool, sticky: str | None, health: str | None) -> None:
    """Refuse what means something only for a pool.  Raises what a validator raises."""
    if not pool:
        for name, value in (("sticky", sticky), ("health", health)):
            if value is not None:
                raise wrong("is of no use for a single client", "Say `pool: true`, or leave it out.", name)


def check_wildcard(wildcard: bool, subdomain: str | None, domain: Sequence[str]) -> None:
    """Refuse a wildcard where there is no name that it could be below.  Raises what a validator raises."""
    if wildcard and subdomain is None and domain:
        hint = f"Give domain both: {domain[0]} and *.{domain[0].removeprefix('*.')}."
        raise wrong("is for names below the server's domain, and this tunnel has none", hint, "wildcard")


def checked_domains(value: Sequence[str]) -> tuple[str, ...]:
    """Return the domains of a tunnel in lower case.  Raises what a validator raises."""
    domains = []
    for each in entries(value):
        try:
            domains.append(checked_domain(each))
        except ValueError as error:
            raise wrong(f"{printable(each)[:80]} {error}") from None
    if len(domains) > DOMAINS:
        raise wrong(f"has more than {DOMAINS} domains")
    return tuple(dict.fromkeys(domains))


def checked_path(value: str | None) -> str | None:
    """Return the path of a health check.  Raises what a validator raises."""
    if value is not None and not (re.fullmatch(r"/[!-~]*", value) and "#" not in value and len(value) <= PATH_LENGTH):
        raise wrong(f"{printable(value)[:80]} is not a path", "Begin it with a slash, as in /health, without spaces.")
    return value


def _a(kind: str) -> str:
    return f"an {kind}" if kind == "http" else f"a {kind}"


def check_static(static: bool, *, spa: bool, listing: bool) -> None:
    """Refuse what is said of directories where a tunnel serves none.  Raises what a validator raises."""
    for name, said in (("spa", spa), ("listing", listing)):
        if said and not static:
            hint = "Give ./dist as a target, or leave it out: a service answers for itself."
            raise wrong("is for directories, and this tunnel serves none", hint, name)


def check_target(kind: str, target: Target) -> None:
    """Refuse a target that a tunnel of this kind cannot lead to.  Raises what a validator raises."""
    said = target.scheme if target.kind is TargetKind.ADDRESS and target.scheme in ("tcp", "udp") else ""
    if said and said != {"tls": "tcp"}.get(kind, kind):
        hint = f"Say `kind: {said}`, or `sellia {said}`."
        raise wrong(f"leads to a {said} service, and this is {_a(kind)} tunnel", hint, "target")
    if kind == "udp" and (target.kind is not TargetKind.ADDRESS or target.secure):
        raise wrong("is no port for datagrams", "Give the port or the address of a service, as in 53.", "target")
    if kind != "http" and target.static:
        hint = "Give the port or the address of a service."
        raise wrong(f"is served over HTTP, and this is a {kind} tunnel", hint, "target")


def check_certificate(cert: str | None, key: str | None) -> None:
    """Check that both files can be read and belong together, or neither is named.  Raises what a validator raises."""
    if cert is None and key is None:
        return
    if cert is None or key is None:
        missing, other = ("cert", "key") if cert is None else ("key", "cert")
        raise wrong(f"is of no use without {missing}", "Name both files, or neither.", other)
    from sellia.client.tls import certificate_options

    try:
        certificate_options(cert, key)
    except OSError as error:
        name = "cert" if error.filename == cert else "key"
        raise wrong(f"cannot read {printable(str(error.filename))}: {error.strerror}", "", name) from None
    except ValueError as error:
        raise wrong(f"{printable(cert)} {error}", "", "cert") from None


def checked_networks(value: Sequence[str]) -> tuple[str, ...]:
    """Return the entries of ``allow`` or ``deny``, each an address or a network."""
    networks = entries(value)
    if len(networks) > ENTRIES:
        raise wrong(f"has more than {ENTRIES} addresses and networks")
    for each in networks:
        try:
            parse_network(each)
        except ValueError as error:
            raise wrong(f"{printable(each)[:80]} {error}") from None
    return tuple(networks)
