"""Hosts: which tunnel a request is for, as its Host header says, and the public URL of a tunnel.

The many spellings of one host (case, a trailing dot, a port) come to one canonical form before anything is looked up,
and what has no such form is refused: two names for one tunnel would be two answers to "who may have this name".

`locate` is on the path of every request, so what it makes of a header's bytes is remembered, for a bounded number of
them.  A visitor who tries one host after another only makes itself slower.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address, ip_address
from typing import Final

REMEMBERED_HOSTS: Final = 1024
"""Spellings of Host that are remembered at once."""

#: Characters of a domain name.
NAME_LENGTH: Final = 253

HOST_LENGTH_LIMIT: Final = NAME_LENGTH + len(".:65535")
"""Bytes of a Host header: the longest DNS name, with its trailing dot and a port."""

_NAME_AND_PORT: Final = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::([0-9]{0,5}))?")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_ABSOLUTE_FORM: Final = re.compile(rb"https?://([^/?#]*)([/?].*)?", re.IGNORECASE | re.DOTALL)


class Side(Enum):
    """Owner of a host."""

    BASE = "base"  #: the base domain: the server's own pages and the gateway
    TUNNEL = "tunnel"  #: below it: a tunnel, if somebody holds the name
    FOREIGN = "foreign"  #: anything else


@dataclass(frozen=True, slots=True)
class Place:
    """Destination of a request: the canonical `host`, and the `label` that a tunnel for it has in the registry.

    Below the base domain that is what stands in front of it; for any other name, the name with a dot behind it.  It is
    empty where no tunnel can have the host.
    """

    side: Side
    host: str
    label: str = ""


def canonical_host(values: list[bytes]) -> str:
    """Return the one host that these values of the Host header name: lower case, no trailing dot, no port.

    An IPv6 literal comes back in brackets in its shortest form.  ValueError if there is not exactly one value, or it
    is not a host with at most a port; user names, white space and percent-encoding are not parts of one.
    """
    return _canonical(_only(values))


def locate(values: list[bytes], domain: str) -> Place:
    """Locate a request by the values of its Host header, below the canonical base `domain`.

    ValueError as for `canonical_host`.
    """
    return _locate(_only(values), domain)


def _only(values: list[bytes]) -> bytes:
    if len(values) != 1:
        raise ValueError(
            "the request has no Host header" if not values else "the request has more than one Host header"
        )
    return values[0]


@lru_cache(maxsize=REMEMBERED_HOSTS)
def _locate(value: bytes, domain: str) -> Place:
    host = _canonical(value)
    below = tunnel_label(host, domain)
    if below is not None:
        return Place(Side.TUNNEL, host, below)
    if host == domain:
        return Place(Side.BASE, host)
    return Place(Side.FOREIGN, host, host_label(host, domain) or "")


def host_label(host: str, domain: str) -> str | None:
    """Return the label that a tunnel for a canonical host has in the registry; None where no tunnel can have it."""
    below = tunnel_label(host, domain)
    if below is not None:
        return below
    return None if host == domain or "." not in host or is_address(host) else f"{host}."


def tunnel_label(host: str, domain: str) -> str | None:
    """Return what stands before `domain` in `host`, both canonical, as in ``api.myapp``; None if nothing does."""
    label = host.removesuffix(domain)
    return label[:-1] or None if len(label) < len(host) and label.endswith(".") else None


def is_address(host: str) -> bool:
    """Return whether a canonical host is an address and not a name."""
    return host.startswith("[") or host.replace(".", "").isdigit()


def _canonical(value: bytes) -> str:
    if len(value) > HOST_LENGTH_LIMIT:
        raise ValueError("the host is too long")
    match = _NAME_AND_PORT.fullmatch(value)
    if match is None or not value.isascii():
        raise ValueError("the host is not a name or address with at most a port")
    name, port = match[1].decode("ascii"), match[2]
    if port and not 0 < int(port) < 65536:
        raise ValueError("the port of the host is not between 1 and 65535")
    if name.startswith("["):
        try:
            return f"[{IPv6Address(name[1:-1]).compressed}]"
        except AddressValueError:
            raise ValueError("the host is not a valid IPv6 address") from None
    return canonical_domain(name)


def canonical_domain(text: str) -> str:
    """Normalise a domain name: lower case, no trailing dot.  Raises ValueError if it is none.

    Underscores pass, because the names of containers often have them.
    """
    name = text.removesuffix(".").lower()
    if len(name) > NAME_LENGTH or not text.isascii() or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError("the host is not a valid domain name")
    return name


def split_target(target: bytes) -> tuple[bytes, bytes | None]:
    """Split a request target into path with query, and the authority of an absolute form (RFC 9112, section 3.2.2).

    The authority, where there is one, is to be compared with the Host header after both went through
    `canonical_host`.  ValueError for a target that is neither ``/...``, nor ``*``, nor an http URL.
    """
    if target.startswith(b"/") or target == b"*":
        return target, None
    match = _ABSOLUTE_FORM.fullmatch(target)
    if match is None:
        raise ValueError("the request target is neither a path nor a URL")
    rest = match[2] or b"/"
    return (rest if rest.startswith(b"/") else b"/" + rest), match[1]


def public_url(label: str | None, domain: str, port: int, https: bool) -> str:
    """Return the URL of a tunnel, or of the base domain where `label` is None.

    Ports 80 and 443 are left out whatever the scheme: a server that listens on 80 and says https has a proxy in front
    that does TLS.
    """
    host = f"{label}.{domain}" if label else domain
    suffix = "" if port in (80, 443) else f":{port}"
    return f"{'https' if https else 'http'}://{host}{suffix}"


def is_loopback(host: str) -> bool:
    """Return whether a connection to this host, or from this address, stays on this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
