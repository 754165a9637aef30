"""Whose forwarded headers are believed, and what they say about the visitor.

A reverse proxy in front of the server is the peer of every connection; who the visitor is, only the proxy knows and
says in ``X-Forwarded-For``, ``-Proto`` and ``-Host``.  Anybody can send these headers, so they count only from peers
that the settings name.  Rewriting them is the task of `sellia.relay.headers`; this module decides about trust, and
reads them for logs and for limits by address.

``Forwarded`` (RFC 7239) is passed on but not read: the proxies that Sellia is used with send the older headers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from sellia.errors import SettingsError
from sellia.protocol.messages import Headers
from sellia.relay.hosts import canonical_host

REMEMBERED_PEERS: Final = 1024
"""Addresses whose answer is remembered at once."""

HOPS_LIMIT: Final = 32
"""Entries of ``X-Forwarded-For`` that are looked at, from the right."""

UNIX: Final = "unix"
"""What stands for every peer on a unix socket, in the settings and as an address."""

_SCHEMES: Final = frozenset((b"http", b"https", b"ws", b"wss"))


class TrustedPeers:
    """The peers that a setting names, by default those whose forwarded headers are believed: addresses, networks, and
    ``unix`` for unix sockets."""

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


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request really came from, as far as it can be known: for logs and limits, never for routing."""

    address: str
    scheme: str
    host: str


def visitor(headers: Headers, *, peer: str, scheme: str, host: str, trusted: TrustedPeers) -> Visitor:
    """The visitor behind the connection from `peer`, on which the request came with `scheme` and for `host`.

    Of ``X-Forwarded-For`` it is the last address that is not itself trusted, because everything to the left of that
    was said by somebody who is not.  What cannot be read ends the search, and the hop before it counts.
    """
    address = plain_address(peer)
    if not trusted.is_trusted(peer):
        return Visitor(address, scheme, host)
    hops: list[bytes] = []
    for name, value in headers:
        folded = name.lower()
        if folded == b"x-forwarded-for":
            hops += value.split(b",")
        elif folded == b"x-forwarded-proto":
            said = value.rpartition(b",")[2].strip().lower()
            scheme = said.decode("ascii") if said in _SCHEMES else scheme
        elif folded == b"x-forwarded-host":
            try:
                host = canonical_host([value.rpartition(b",")[2].strip()])
            except ValueError:
                pass
    for hop in hops[: -HOPS_LIMIT - 1 : -1]:
        said_address = _hop_address(hop)
        if said_address is None:
            break
        address = said_address
        if not trusted.is_trusted(address):
            break
    return Visitor(address, scheme, host)


def plain_address(address: str) -> str:
    """The address as forwarded headers and logs spell it: no zone, IPv4 where it is mapped into IPv6."""
    if address in ("", UNIX):
        return UNIX
    parsed = _parsed(address)
    return address if parsed is None else parsed.compressed


@lru_cache(maxsize=REMEMBERED_PEERS)
def counted_address(address: str) -> str:
    """What an address counts as where things are limited by address: itself, but the /64 of an IPv6 address.

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
    """The address in one entry of ``X-Forwarded-For``, which some proxies write with a port or in brackets."""
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
