"""Forwarded headers: from whom they are trusted, and what they say about the visitor.

A reverse proxy in front of the server is the peer of every connection; who the visitor is, only the proxy knows and
says in ``X-Forwarded-For``, ``-Proto``, ``-Host`` and ``-Port``.  Anybody can send these headers, so they count only
from peers that the settings name, and of those only what the peer itself has said: a proxy may pass on what a visitor
made up.  Writing the headers that a service gets is the task of `sellia.relay.http.headers`; this module decides about
trust, and finds out what is true.

``Forwarded`` (RFC 7239) and ``X-Real-IP`` are not read: few proxies set them, and those that do not pass them on from
visitors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple

from sellia.errors import SettingsError
from sellia.protocol.messages import Headers
from sellia.relay.http.hosts import REMEMBERED_HOSTS, canonical_host

REMEMBERED_PEERS: Final = 1024
"""Addresses whose answer is remembered at once."""

FIELDS_ADDED: Final = 6
"""Fields of an origin that a request can gain on its way to a service."""

HOPS_LIMIT: Final = 32
"""Entries of ``X-Forwarded-For`` that are looked at, from the right."""

UNIX: Final = "unix"
"""What stands for every peer on a unix socket, in the settings and as an address."""

_UNKNOWN: Final = b"unknown"

#: What ``X-Forwarded-Proto`` may say, and what that is for a service: Traefik says ``wss`` of a WebSocket.
_SCHEMES: Final = {b"http": b"http", b"https": b"https", b"ws": b"http", b"wss": b"https"}


class TrustedPeers:
    """Set of peers that a setting names, by default those whose forwarded headers are trusted.

    It names addresses, networks, and ``unix`` for unix sockets.
    """

    def __init__(self, settings: Iterable[str] = (), setting: str = "trust-proxy") -> None:
        self._networks: list[IPv4Network | IPv6Network] = []
        self._unix = False
        for each in settings:
            text = each.strip()
            if text == UNIX:
                self._unix = True
            else:
                self._networks.append(_network(text, setting))
        self.is_trusted: Callable[[str], bool] = lru_cache(maxsize=REMEMBERED_PEERS)(self._decide)
        """Whether a peer with this address (`UNIX` or empty for a unix socket) is one of them."""

    def _decide(self, address: str) -> bool:
        if address in ("", UNIX):
            return self._unix
        parsed = _parsed(address)
        if parsed is None:
            return False
        return any(parsed in network for network in self._networks if network.version == parsed.version)


class Origin(NamedTuple):
    """Origin of a request, as far as it can be known: for its service, for logs and limits, never for routing."""

    hops: bytes  #: for ``X-Forwarded-For``: the visitor, then the proxies that are trusted
    scheme: bytes
    host: bytes  #: with its port, if it has one
    port: bytes
    address: str  #: the visitor's, or `UNIX`
    trusted: bool = False  #: whether the peer is a proxy whose word counts


def origin(headers: Headers, *, peer: str, scheme: bytes, host: bytes, trusted: TrustedPeers) -> Origin:
    """Determine the origin of a request that came from `peer` by `scheme` and for `host`, as its Host header says it.

    Of ``X-Forwarded-For`` the visitor is the last address that is not itself trusted, because everything to the left of
    that was said by somebody who is not.  What cannot be read ends the search, and the hop before it counts.  Of
    ``X-Forwarded-Proto``, ``-Host`` and ``-Port`` the last element counts, for proxies may add theirs to what they got.
    """
    address = plain_address(peer)
    hops = [] if address == UNIX else [address.encode("ascii", "replace")]
    if not trusted.is_trusted(peer):
        return Origin(hops[0] if hops else _UNKNOWN, scheme, host, port_of(host, scheme), address)
    entries: list[bytes] = []
    port = b""
    for name, value in headers:
        if not 15 <= len(name) <= 17:
            continue
        folded = name.lower()
        if folded == b"x-forwarded-for":
            entries += value.split(b",")
            continue
        said = value.rpartition(b",")[2].strip(b" \t")
        if folded == b"x-forwarded-proto" and said.lower() in _SCHEMES:
            scheme = _SCHEMES[said.lower()]
        elif folded == b"x-forwarded-host" and _is_host(said):
            host = said
        elif folded == b"x-forwarded-port" and said.isdigit() and len(said) <= 5 and 0 < int(said) < 65536:
            port = said
    for entry in entries[: -HOPS_LIMIT - 1 : -1]:
        said_address = _hop_address(entry)
        if said_address is None:
            break
        address = said_address
        hops.append(address.encode("ascii"))
        if not trusted.is_trusted(address):
            break
    hops.reverse()
    return Origin(b", ".join(hops) or _UNKNOWN, scheme, host, port or port_of(host, scheme), address, True)


@lru_cache(maxsize=REMEMBERED_HOSTS)
def port_of(host: bytes, scheme: bytes) -> bytes:
    """Return the port that a Host header names, or that of the scheme where it names none."""
    _, colon, port = host.rpartition(b":")
    if colon and port.isdigit():
        return port
    return b"443" if scheme == b"https" else b"80"


def standard_field(where: Origin) -> bytes:
    """Format an origin as the value of ``Forwarded`` (RFC 7239)."""
    node = b"unknown" if where.address == UNIX else where.address.encode("ascii", "replace")
    if b":" in node:
        node = b'"[%b]"' % node
    return b'for=%b;host="%b";proto=%b' % (node, where.host, where.scheme)


def _is_host(value: bytes) -> bool:
    try:
        canonical_host([value])
    except ValueError:
        return False
    return True


def plain_address(address: str) -> str:
    """Normalise an address for forwarded headers and logs: no zone, IPv4 where it is mapped into IPv6."""
    if address in ("", UNIX):
        return UNIX
    parsed = _parsed(address)
    return address if parsed is None else parsed.compressed


@lru_cache(maxsize=REMEMBERED_PEERS)
def counted_address(address: str) -> str:
    """Return the key by which limits count an address: itself, but the /64 of an IPv6 address.

    Whoever has one address of such a network has all of them (RFC 6177), so limits for each would be none.
    """
    parsed = _parsed(address)
    if parsed is None:
        return plain_address(address)
    if isinstance(parsed, IPv4Address):
        return parsed.compressed
    return f"{IPv6Address(int(parsed) >> 64 << 64).compressed}/64"


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed


def _hop_address(hop: bytes) -> str | None:
    """Parse the address in one entry of ``X-Forwarded-For``, which some proxies write with a port or in brackets."""
    text = hop.strip().decode("latin-1")
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    parsed = _parsed(text)
    return None if parsed is None else parsed.compressed


def _network(text: str, setting: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise SettingsError(
            f"{text!r} in {setting} is not an address (192.0.2.1), a network (10.0.0.0/8) or the word unix."
        ) from None
    raise SettingsError(f"{text!r} in {setting} has bits to the right of its mask; write {str(meant)!r}.")
