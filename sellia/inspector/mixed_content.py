"""Mixed content: pages and scripts that name an address without TLS, where the page itself comes over https.

A browser blocks ``ws:`` and ``http:`` addresses of a page over https (W3C Mixed Content), and looks for ``localhost``
on the visitor's own machine.  A service that believes to be visited over http writes such addresses.

What counts: ``ws://`` with one of the tunnel's own hosts, or one of loopback, anywhere; ``http://`` with one of them
only where it is loaded (``src=``, ``fetch(``, ``import`` …), for a link to such a page is good.

Bounds: a response of 2xx whose Content-Type is one of ``TYPES``, and ``LOOKED_AT`` bytes of it, decoded.  What is
captured is read and never changed.
"""

import re
from collections.abc import Iterable
from typing import Final

from sellia.inspector.decode.content import response_content
from sellia.inspector.exchange import Exchange
from sellia.relay.http.headers import values_of

#: Bytes of a response that are looked at.
LOOKED_AT: Final = 64 * 1024

#: Media types of pages and scripts.
TYPES: Final = frozenset(
    (
        b"text/html",
        b"application/xhtml+xml",
        b"text/javascript",
        b"application/javascript",
        b"application/x-javascript",
    )
)

_LOOPBACK: Final = (b"localhost", b"127.0.0.1", b"[::1]")

#: Bytes right before an address that show whether it is loaded, and what they are then.
_BEFORE: Final = 40
_LOADED: Final = re.compile(
    rb"""(?:\bsrc\s*=|\b(?:fetch|import|EventSource)\s*\(|\b(?:from|import)\b)\s*["'`]?http\Z"""
)
_SOCKET: Final = re.compile(rb"(?:\A|[^A-Za-z0-9+.-])ws\Z")

#: What may follow a host: a port, and then the end of the name.
_PORT: Final = re.compile(rb"(?::\d{1,5})?(?![\w.:@-])")


def insecure_address(exchange: Exchange, hosts: Iterable[bytes]) -> str:
    """Return the first such address that the response of an exchange names; empty where it names none."""
    if exchange.status is None or not 200 <= exchange.status < 300 or not exchange.response_body.length:
        return ""
    kind = b"".join(values_of(exchange.response_headers, b"content-type")).partition(b";")[0]
    if kind.strip().lower() not in TYPES:
        return ""
    data = response_content(exchange, LOOKED_AT).data[:LOOKED_AT]
    found = [address for host in (*_LOOPBACK, *hosts) if host and (address := _first(data, host)) is not None]
    return min(found)[1].decode("latin-1") if found else ""


def _first(data: bytes, host: bytes) -> tuple[int, bytes] | None:
    """Return where the first such address of a host is, and the address."""
    named = b"://" + host
    at = data.find(named)
    while at >= 0:
        before = data[max(0, at - _BEFORE) : at]
        port = _PORT.match(data, at + len(named))
        if port is not None:
            if _SOCKET.search(before) is not None:
                return at, b"ws" + data[at : port.end()]
            if before.endswith(b"http") and _LOADED.search(before) is not None:
                return at, b"http" + data[at : port.end()]
        at = data.find(named, at + 1)
    return None
