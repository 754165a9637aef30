"""Routes of one tunnel: which of its services a stream goes to, by the path of its request.

A session opens each stream's leg here, and tells all services what concerns all of them.  A tunnel with one service
for everything, as most are, looks at no path.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sellia.client.events import Report
from sellia.client.local.kinds import open_leg
from sellia.client.local.service import CONNECT_TIMEOUT, LocalService
from sellia.client.local.unrouted import AMBIGUOUS, NOWHERE, UnroutedLeg
from sellia.client.settings import RouteSettings
from sellia.protocol.messages import HttpRequest, Opening, TunnelKind, UpgradeRequest, WebSocketRequest
from sellia.relay.http.paths import Ambiguous, PathTable
from sellia.relay.http.rewriting import PUBLIC_RULES, HeaderRules, Rewriter
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.stream import Stream

#: Rules that leave everything to the server.
_NOT_FORWARDED: Final = HeaderRules(forwarded=False)


class Routes:
    """The services of one tunnel, which is what the session knows of them.

    ``services`` have for each prefix, and whether it is stripped, the service of what is below it.
    """

    __slots__ = ("_only", "_services", "_table")

    def __init__(self, services: Sequence[tuple[str, bool, LocalService]]) -> None:
        self._services = [service for _, _, service in services]
        #: The service of everything, where there is one.
        self._only = services[0][2] if len(services) == 1 and services[0][0] == "/" else None
        self._table = PathTable(services)

    def __iter__(self) -> Iterator[LocalService]:
        """Every service once."""
        return iter(self._services)

    def find(self, target: bytes) -> tuple[LocalService, bytes] | None:
        """Return the service that a visitor's target leads to, and what it is asked for; None if nothing does."""
        if self._only is not None:
            return self._only, target
        try:
            found = self._table.find(target)
        except Ambiguous:
            return None
        return (found.route, found.target) if found is not None else None

    def open_leg(
        self,
        kind: TunnelKind,
        stream: Stream,
        opening: Opening,
        end: bool,
        report: Report | None = None,
        observer: StreamObserver | None = None,
    ) -> Leg:
        """Return the leg of a stream that the server has opened, as :func:`sellia.client.local.kinds.open_leg` does."""
        service = self._only
        if service is None:
            if not isinstance(opening, HttpRequest | WebSocketRequest | UpgradeRequest):
                service = self._services[0]
            else:
                try:
                    found = self._table.find(opening.target)
                except Ambiguous:
                    return UnroutedLeg(self._services[0], stream, opening, report, observer, AMBIGUOUS)
                if found is None:
                    return UnroutedLeg(self._services[0], stream, opening, report, observer, NOWHERE)
                return open_leg(kind, found.route, stream, opening, end, report, observer, found.target)
        return open_leg(kind, service, stream, opening, end, report, observer)


def rewriter_of(route: RouteSettings) -> Rewriter | None:
    """Return what rewrites the heads of a route; None where nothing does."""
    prefix = route.prefix if route.strip and route.prefix != "/" else ""
    if not prefix and route.rules in (PUBLIC_RULES, _NOT_FORWARDED):
        return None
    return Rewriter(route.rules, route.target.scheme, route.target.authority, prefix)


def routes_of(reactor: Any, routes: Iterable[RouteSettings], connect_timeout: float = CONNECT_TIMEOUT) -> Routes:
    """Return the routes that settings describe, with a service for each."""
    return Routes(
        [
            (
                each.prefix,
                each.strip,
                LocalService(reactor, each.target, connect_timeout=connect_timeout, rewriter=rewriter_of(each)),
            )
            for each in routes
        ]
    )
