"""Base domain: the gateway at its path, and the server's own pages."""

import re
from collections.abc import Callable
from typing import Final

from twisted.web.server import Site

from sellia.errors import ProblemError
from sellia.problems import CLIENT_GONE, FORBIDDEN, NO_SUCH_TUNNEL, SERVER_DRAINING, UPGRADE_REQUIRED, Problem
from sellia.protocol.messages import SUBPROTOCOL
from sellia.relay.http.headers import values_of
from sellia.relay.http.hosts import canonical_host, is_address, is_loopback
from sellia.relay.registry import TunnelRegistry
from sellia.server.base_domain.site_channel import VisitorPageLeg
from sellia.server.gateway.gateway import Gateway
from sellia.server.gateway.pools import Holder
from sellia.server.ingress.exchange import Channel
from sellia.server.ingress.http1 import Request

#: Sixteen bytes in base64 (RFC 6455, 4.1).
_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{22}==")

#: Paths of pages that are served while the server drains.
_ALWAYS: Final = (b"/health", b"/ready")

#: Path of the page whose numbers are not for everybody, and fields that tell of a proxy.
_COUNTERS: Final = b"/health"
_PROXIED: Final = frozenset(
    (b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"forwarded", b"via")
)

_HANDSHAKE: Final = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n%b\r\n"
)


_OTHER_DIALECT: Final = (
    f"This server speaks {SUBPROTOCOL}, which was not among the subprotocols that were offered: use a client of its "
    "version. Clients of the original Sellia offer none."
)


_FROM_A_PAGE: Final = "Clients connect here, and not the pages of other sites."


def _is_own_or_no_page(request: Request, domain: str) -> bool:
    """Return whether a handshake comes from no page in a browser, or from one of this server's own.

    A page of anybody's can open WebSockets to wherever its reader's machine can: to a server on an intranet, or on that
    machine itself.  Browsers say whose page it is (RFC 6455, 10.2), and clients are no browsers.  Some libraries say
    the server's own address.  That counts for the base domain and for addresses only: for any other name, a page may
    have pointed it here (DNS rebinding).
    """
    origins = request.values(b"origin")
    if not origins:
        return True
    host = canonical_host(request.hosts)
    own = [each.lower().partition(b"://")[2] for each in origins] == [request.hosts[0].lower()]
    return own and (host in (domain, "localhost") or is_address(host))


class BaseDomain:
    """Answers requests to the base domain: the gateway at its path, pages everywhere else."""

    def __init__(
        self,
        gateway: Gateway,
        registry: TunnelRegistry[Holder],
        site: Site,
        now: Callable[[], float],
        strangers_site: Site | None = None,
    ) -> None:
        self._gateway = gateway
        self._registry = registry
        self._site = site
        self._strangers_site = strangers_site or site
        self._now = now
        #: Bytes of a request's body that are collected, by the beginnings of paths whose pages read one.
        self.bodies: dict[bytes, int] = {}
        self._path = gateway.settings.gateway_path.encode()

    def is_gateway(self, request: Request, path: bytes) -> bool:
        """Return whether a handshake is for the gateway's path, whatever its query."""
        return path.partition(b"?")[0] == self._path

    def take_link(self, connection: Channel, request: Request) -> None:
        """Hand the connection to Autobahn, with a handshake of ours that says what the client's did.

        Autobahn never sees the client's own bytes: its handshake parser accepts what no HTTP parser should.
        """
        if not _is_own_or_no_page(request, self._gateway.settings.domain):
            connection.answer_error(ProblemError(FORBIDDEN, _FROM_A_PAGE), request)
            return
        keys = values_of(request.headers, b"sec-websocket-key")
        versions = values_of(request.headers, b"sec-websocket-version")
        if len(keys) != 1 or not _KEY.fullmatch(keys[0]) or versions != [b"13"]:
            connection.answer_error(ProblemError(UPGRADE_REQUIRED), request)
            return
        offers = values_of(request.headers, b"sec-websocket-protocol")
        if SUBPROTOCOL.encode() in offers:
            protocol = b"Sec-WebSocket-Protocol: " + SUBPROTOCOL.encode() + b"\r\n"
            link = self._gateway.links.buildProtocol(None)
        elif not offers:
            protocol = b""
            link = self._gateway.original_links.buildProtocol(None)
        else:
            connection.answer_error(ProblemError(UPGRADE_REQUIRED, _OTHER_DIALECT), request)
            return
        link.remote = connection.visitor_of(request)
        link.makeConnection(connection.let_go())
        link.dataReceived(_HANDSHAKE % (keys[0], protocol))
        connection.become(link)  # last, because it hands on what came behind the client's handshake

    def page(self, connection: Channel, request: Request, path: bytes) -> None:
        """Answer with one of the server's own pages."""
        problem = self.refusing()
        if problem is not None and path.partition(b"?")[0] not in _ALWAYS:
            connection.answer_error(ProblemError(problem), request)
            return
        counters = path.partition(b"?")[0] == _COUNTERS
        site = self._site if counters and self._may_see_counters(connection, request) else self._strangers_site
        wanted = next((size for prefix, size in self.bodies.items() if path.startswith(prefix)), 0)
        exchange = VisitorPageLeg(connection, request, site, path, wanted)
        connection.exchange_begins(exchange)
        exchange.run()

    def _may_see_counters(self, connection: Channel, request: Request) -> bool:
        """Return whether a request comes from a program on this machine, or shows the master key.

        What a proxy has passed on comes from anywhere, also where the proxy is on this machine.
        """
        proxied = connection.trusted or any(name.lower() in _PROXIED for name, _ in request.headers)
        if not proxied and is_loopback(connection.peer):
            return True
        shown = request.values(b"authorization")
        if len(shown) != 1 or shown[0][:7].lower() != b"bearer ":
            return False
        key = shown[0][7:].strip().decode("latin-1")
        return bool(key) and self._gateway.admission.shows_key(key, connection.visitor_of(request))

    def why_absent(self, label: str) -> Problem:
        """Return why a name is not bound: nobody has it, or its owner is away, or had it a moment ago."""
        now = self._now()
        if self._registry.is_held(label, now):
            return CLIENT_GONE
        return self._registry.why_free(label, now) or NO_SUCH_TUNNEL

    def refusing(self) -> Problem | None:
        """Return why nothing new is taken: the server drains."""
        return SERVER_DRAINING if self._gateway.draining else None
