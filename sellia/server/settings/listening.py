"""Where a server listens, read from Twisted's endpoint strings."""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

#: Connections that may wait in the kernel until they are accepted; Twisted's own 50 is few for a public port.
BACKLOG: Final = 1024


def is_local_name(host: str) -> bool:
    """Return whether a name is localhost, or below it."""
    return host == "localhost" or host.endswith(".localhost")


def is_local(endpoint: str) -> bool:
    """Return whether an endpoint listens on loopback or a unix socket; one of an unknown kind does not."""
    kind, *parts = split_endpoint(endpoint.removeprefix("haproxy:").removeprefix("sni:"))
    if kind == "unix":
        return True
    interface = next((part.removeprefix("interface=") for part in parts if part.startswith("interface=")), "")
    if is_local_name(interface):
        return True
    try:
        return ip_address(interface).is_loopback
    except ValueError:
        return False


def split_endpoint(endpoint: str) -> list[str]:
    """Split a Twisted endpoint string at its colons; a backslash takes a colon's meaning away."""
    return [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"(?:^|(?<=:))((?:[^:\\]|\\.)*)", endpoint)]


def endpoint_of(address: str, port: int) -> str:
    """Return the endpoint string for an address and a TCP port."""
    interface = address.replace("\\", "\\\\").replace(":", "\\:")
    return f"tcp:{port}:interface={interface}:backlog={BACKLOG}"


def port_of_urls(https: bool, listen: Sequence[str], port: int) -> int:
    """Return the port of public URLs: the first that is listened on with that scheme, or else the scheme's own."""
    pattern, fallback = (r"(?:ssl|tls):([0-9]+)", 443) if https else (r"(?:haproxy:)?tcp:([0-9]+)", 80)
    if not listen:
        return fallback if https else port
    found = [match for match in (re.match(pattern, each) for each in listen) if match is not None]
    return int(found[0][1]) if found else fallback


def tls_port(listen: Sequence[str]) -> int:
    """Return the port at which TLS arrives: the first that is listened on for it, or its own."""
    found = [match for match in (re.match(r"(?:(?:ssl|tls)|sni:tcp):([0-9]+)", each) for each in listen) if match]
    return int(found[0][1]) if found else 443
