"""Kinds of tunnels that this server has: how a name is claimed for one, and where its visitors arrive.

A new kind is a row in ``KINDS``, a place in `sellia.server.ingress` or `sellia.server.listeners` where its visitors
arrive, and a leg that opens streams on the tunnel's upstream.  A kind that has no row, or that this server's settings
have given no place, is refused.
"""

from collections.abc import Callable, Hashable
from random import Random
from typing import Final, NamedTuple, Protocol

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN, NAME_INVALID
from sellia.protocol.messages import OpenTunnel, TunnelKind
from sellia.relay.families import WILDCARD
from sellia.relay.http.domains import DOMAINS, checked_domain, domain_label, domain_of
from sellia.relay.http.hosts import NAME_LENGTH, public_url
from sellia.relay.names import NameInvalid, validate_subdomain
from sellia.relay.ports import SLOT_LIMIT, port_of
from sellia.server.settings import ServerSettings, tls_port
from sellia.text import printable


class Names(Protocol):
    """The registry, as far as names are chosen from it."""

    def free_name(self, random: Random, now: float) -> str:
        """Return a name that anybody could claim now."""


class Ports(Protocol):
    """The ports that tunnels of this server can have, and its listeners there."""

    def offers(self, kind: TunnelKind) -> bool:
        """Return whether tunnels of this kind can have a place here."""

    def take(self, kind: TunnelKind, port: int | None, owner: Hashable, slot: str) -> str:
        """Listen on a port, the one that is asked for or a free one, and return its label.

        Raises ProblemError where that cannot be done.
        """

    def settle(self, label: str) -> None:
        """Stop listening on a port whose label is not bound.  Harmless for any other label."""


class NoPorts:
    """Null object: the ports of a server that has none."""

    def offers(self, kind: TunnelKind) -> bool:
        return False

    def take(self, kind: TunnelKind, port: int | None, owner: Hashable, slot: str) -> str:
        raise ProblemError(FORBIDDEN, _not_offered(kind))

    def settle(self, label: str) -> None:
        """Do nothing: there is nothing that listens."""


class Asking(NamedTuple):
    """A client's wish for a tunnel, with what a label is chosen from."""

    wanted: OpenTunnel
    domain: str
    owner: Hashable
    names: Names
    ports: Ports
    random: Random
    now: float


class Kind(NamedTuple):
    """One kind of tunnels."""

    #: Returns the label to claim, the wanted one or a free one; raises ProblemError for one that nobody may have.
    label: Callable[[Asking], str]

    #: Returns the address at which visitors reach a label, with the public port of the server's listeners.
    url: Callable[[str, ServerSettings, int], str]

    #: Whether a server has it only if its settings say so.
    optional: bool = False


def _host_label(asking: Asking) -> str:
    """Return the label below the server's domain."""
    name = asking.wanted.name
    if not name and asking.wanted.options.domains:
        return _domains(asking.wanted, asking.domain)[0]
    if not name:
        return asking.names.free_name(asking.random, asking.now)
    label, _, rest = name.lower().removesuffix(".").rpartition(f".{asking.domain}")
    if label and not rest:
        raise NameInvalid(f"A name is what stands in front of .{asking.domain}: ask for {printable(label, 64)}.")
    return validate_subdomain(name)


def further_names(label: str, wanted: OpenTunnel, domain: str) -> tuple[str, ...]:
    """Return the names that a tunnel asks for besides the one that its label is.  Raises ProblemError."""
    wildcard = wanted.options.wildcard
    if wildcard and port_of(label):
        raise ProblemError(FORBIDDEN, f"A {printable(wanted.kind, 16)} tunnel has a port, and no names below it.")
    if wildcard and domain_of(label):
        raise ProblemError(FORBIDDEN, f"A wildcard of a domain is asked for as such: {WILDCARD}{domain_of(label)}.")
    names = (WILDCARD + label,) if wildcard and not label.startswith(WILDCARD) else ()
    if any(len(name) + len(domain) >= NAME_LENGTH for name in (label, *names) if not domain_of(name)):
        raise NameInvalid(f"The name is too long: with .{domain} it may have {NAME_LENGTH} characters.")
    if wanted.options.domains and port_of(label):
        raise ProblemError(FORBIDDEN, f"A {printable(wanted.kind, 16)} tunnel has a port, and no domain.")
    return (*names, *(each for each in _domains(wanted, domain) if each != label))


def _domains(wanted: OpenTunnel, server: str) -> list[str]:
    """Return the labels of the domains that a tunnel asks for.  Raises ProblemError for one that is none."""
    if len(wanted.options.domains) > DOMAINS:
        raise ProblemError(FORBIDDEN, f"A tunnel has {DOMAINS} domains at most.")
    labels = []
    for each in wanted.options.domains:
        try:
            domain = checked_domain(each)
        except ValueError as error:
            raise NameInvalid(f"{printable(each, 64)} {error}.") from None
        if f".{domain}".endswith(f".{server}"):
            below = domain.removesuffix(server).rstrip(".")
            hint = f"ask for it with --subdomain {below}" if below else "tunnels have names below it"
            raise NameInvalid(f"{domain} is this server's own: {hint}.")
        labels.append(domain_label(domain))
    return labels


def _port_label(asking: Asking) -> str:
    """Return the label of a port on which the server listens from now on."""
    wanted = asking.wanted
    name = wanted.name
    if name is not None and not (name.isascii() and name.isdigit() and len(name) <= 5):
        raise ProblemError(NAME_INVALID, f"A {wanted.kind} tunnel has a port, which {printable(name, 16)!r} is not.")
    if len(wanted.options.slot) > SLOT_LIMIT:
        raise ProblemError(FORBIDDEN, f"What tells a tunnel from others has at most {SLOT_LIMIT} characters.")
    port = int(name) if name is not None else None
    return asking.ports.take(TunnelKind(wanted.kind), port, asking.owner, wanted.options.slot)


def _web_url(label: str, settings: ServerSettings, port: int) -> str:
    """Return the URL of a name: requests arrive at the server's listeners, and their Host names the tunnel."""
    return public_url(None, _host_of(label, settings), port, settings.https)


def _host_of(label: str, settings: ServerSettings) -> str:
    """Return the host that a label stands for."""
    return domain_of(label) or f"{label}.{settings.domain}"


def _tcp_url(label: str, settings: ServerSettings, port: int) -> str:
    """Return the URL of a port for connections."""
    return f"tcp://{settings.domain}:{port_of(label)}"


def _udp_url(label: str, settings: ServerSettings, port: int) -> str:
    """Return the URL of a port for datagrams."""
    return f"udp://{settings.domain}:{port_of(label)}"


def _tls_url(label: str, settings: ServerSettings, port: int) -> str:
    """Return the URL of a name that visitors ask for in their ClientHello."""
    return f"tls://{_host_of(label, settings)}:{settings.public_port or tls_port(settings.endpoints)}"


KINDS: Final[dict[TunnelKind, Kind]] = {
    TunnelKind.HTTP: Kind(_host_label, _web_url),
    TunnelKind.TCP: Kind(_port_label, _tcp_url, optional=True),
    TunnelKind.UDP: Kind(_port_label, _udp_url, optional=True),
    TunnelKind.TLS: Kind(_host_label, _tls_url, optional=True),
}

#: The setting that gives tunnels of a kind their place.
_SETTINGS: Final = {TunnelKind.TCP: "tcp_ports", TunnelKind.UDP: "udp_ports", TunnelKind.TLS: "tls_tunnels"}


def offered(ports: Ports) -> list[str]:
    """Return the kinds of tunnels that a server has."""
    return [each.value for each in KINDS if not KINDS[each].optional or ports.offers(each)]


def kind_of(word: str, ports: Ports) -> Kind:
    """Return the kind that a client names.  Raises ProblemError if this server has no such tunnels."""
    try:
        found = TunnelKind(word)
        kind = KINDS[found]
    except KeyError:
        raise ProblemError(FORBIDDEN, f"This server has no {word} tunnels.") from None
    except ValueError:
        has = " and ".join(offered(ports))
        detail = f"This server does not know the kind of tunnel {printable(word, 16)!r}: it has {has} tunnels."
        raise ProblemError(FORBIDDEN, detail) from None
    if kind.optional and not ports.offers(found):
        raise ProblemError(FORBIDDEN, _not_offered(found))
    return kind


def _not_offered(kind: TunnelKind) -> str:
    """Return why a kind is refused that this version knows, and whose affair that is."""
    return f"This server has no {kind.value} tunnels: its operator can allow them with {_SETTINGS[kind]}."
