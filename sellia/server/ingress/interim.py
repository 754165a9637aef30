"""Filter of interim responses (RFC 9110, section 15.2): which of them a visitor's connection may be sent.

A reverse proxy uses its connection to the server for many visitors, one after the other.  Several proxies, nginx among
them, take any 1xx for the final response: the visitor gets it, the connection counts as free, and the response proper
becomes the answer to whoever comes next, at another tunnel perhaps.  So a proxy is sent none but the 100 that it has
asked for with ``Expect``, unless the setting ``interim_responses`` names it as one that knows them.

A proxy that the setting ``trust_proxy`` does not name is known by the fields that it adds.
"""

from typing import Any, Final, Protocol

from sellia.protocol.messages import ResponseHead
from sellia.relay.http.interim import InterimPace, section_size
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.patience import NEVER

#: Fields of a request that only intermediaries add.
ADDED_BY_PROXIES: Final = frozenset(
    (b"via", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip")
)


def through_a_proxy(request: Request) -> bool:
    """Return whether the request has a field that only an intermediary adds."""
    return any(name.lower() in ADDED_BY_PROXIES for name, _ in request.headers)


def expects_continue(request: Request) -> bool:
    """Return whether whoever sent the request waits for a 100 (RFC 9110, section 10.1.1)."""
    return any(value.strip(b" \t").lower() == b"100-continue" for value in request.values(b"expect"))


#: Interim response for a proxy that does not know the others.
_CONTINUE: Final = ResponseHead(100, b"Continue", [])


class InterimFilter:
    """Filter for the interim responses of one exchange."""

    __slots__ = ("_continued", "_pace")

    def __init__(self, now: float) -> None:
        self._pace = InterimPace(now)
        self._continued = False

    def in_time(self, head: ResponseHead, now: float) -> bool:
        """Return whether an interim response is within the rate; one that is not counts for nothing."""
        return self._pace.take(now, section_size(head.headers))

    def for_visitor(self, head: ResponseHead, request: Request, *, takes_all: bool) -> ResponseHead | None:
        """Return what the visitor is sent: the response, a plain 100, or None."""
        if not request.minor:  # RFC 9110, 15.2: never to HTTP/1.0
            return None
        if takes_all:
            return head
        if head.status == 100 and not self._continued and expects_continue(request):
            self._continued = True
            return _CONTINUE
        return None


class AwaitsResponse(Protocol):
    """Leg whose final response has not come."""

    connection: Any
    request: Request
    deadline: float
    interim: InterimFilter | None

    def await_service(self) -> None:
        """Start the service's time anew."""


def next_interim(leg: AwaitsResponse, head: ResponseHead) -> ResponseHead | None:
    """Return what the visitor is to be sent of an interim response, or None."""
    now = leg.connection.ingress.clock.seconds()
    if leg.interim is None:
        leg.interim = InterimFilter(now)
    if not leg.interim.in_time(head, now):
        return None
    if leg.deadline < NEVER:
        leg.await_service()  # it shows that it works on the request
    return leg.interim.for_visitor(head, leg.request, takes_all=leg.connection.takes_interim(leg.request))
