"""Upgrades to protocols other than WebSocket (RFC 9110, 7.8), which a tunnel lists, and which pass as bytes both ways.

The Docker command line attaches to a container with ``Upgrade: tcp``, kubectl with ``SPDY/3.1``.  What passes behind
the service's 101 is none of the relay's business, so a tunnel has to name the protocols for which that is wanted.

Never passed are versions of HTTP, in clear text or over TLS: behind such an upgrade a visitor could send requests that
nobody has looked at, on a connection that the relay takes for something else.
"""

import re
from collections.abc import Sequence
from typing import Final

#: Maximum number of protocols that a tunnel lists, and bytes of each.
PROTOCOLS: Final = 16
PROTOCOL_LIMIT: Final = 64

_PROTOCOL: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?")
_NEVER: Final = frozenset(("h2", "h2c", "h3", "http", "https", "tls", "ssl", "websocket"))


def upgrade_fault(protocol: str) -> str:
    """Return what is wrong with a protocol that a tunnel lists, or an empty string."""
    if len(protocol) > PROTOCOL_LIMIT or not _PROTOCOL.fullmatch(protocol):
        return "is not the name of a protocol"
    name = protocol.partition("/")[0].lower()
    if name == "websocket":
        return "passes anyway"
    return "is a version of HTTP or of TLS, and never passes" if name in _NEVER else ""


def listed_upgrade(field: bytes, listed: Sequence[str]) -> bytes:
    """Return the first protocol in the value of an Upgrade field that is ``listed``, as it is spelled; empty if none.

    ``listed`` comes from a client, and is checked here.
    """
    known = {each.lower() for each in listed[:PROTOCOLS] if not upgrade_fault(each)}
    for each in field.split(b","):
        wanted = each.strip(b" \t")
        if wanted.isascii() and wanted.decode("ascii").lower() in known:
            return wanted
    return b""
