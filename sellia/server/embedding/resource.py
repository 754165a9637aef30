"""Resources for a ``twisted.web`` Site of one's own: the public side of a tunnel, and the gateway.

The relay is the same as behind Sellia's own ingress: the same exchanges, rules for headers, streams and WebSocket
pipes.  Only the visitor's connection is another: twisted.web reads requests and frames responses.  What that costs is
not Sellia's to mend:

* A request's body is collected before anything of it reaches the service, larger ones in a temporary file.  (Give the
  Site ``parsePOSTFormSubmission=False``, or forms are read and parsed as well.)
* Names of headers come in twisted.web's spelling, with all fields of one name behind each other, both ways.
* ``Expect: 100-continue`` is answered by twisted.web.  Interim responses and trailers are dropped, both ways.
* twisted.web's own limits and timeouts hold for the reading of requests, instead of those in `ServerSettings`.

What it does not cost: a response streams as it comes, at the visitor's pace; one that breaks off is never passed off as
complete; a visitor who leaves cancels the request; and of a WebSocket, nothing is left to twisted.web once the service
has agreed to it.
"""

from typing import Protocol

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sellia.server.embedding.resource_request import ResourceRequest
from sellia.server.ingress.ingress import Ingress


class Server(Protocol):
    """Running server, as :class:`~sellia.server.service.ServerService` is one."""

    ingress: Ingress


class TunnelResource(Resource):
    """Public side of the tunnel ``name`` of a running ``server``, wherever in a Site it is mounted.

    The service gets the target as the visitor sent it, without the segments that led to this Resource: below
    ``putChild(b"app", ...)`` a visitor's ``/app/a%20b?c`` is the service's ``/a%20b?c``.  The Host header is passed
    on as it is, and need not be that of the tunnel.  The tunnel may come and go, as its client does; a name that
    nobody holds is answered as the ingress answers it.
    """

    isLeaf = True

    def __init__(self, server: Server, name: str) -> None:
        super().__init__()
        self._ingress = server.ingress
        self._name = name.lower()

    def getChildWithDefault(self, path: bytes, request: Request) -> Resource:
        """Put back the first segment, which a `NameVirtualHost` takes before it asks: all are the service's."""
        if request.prepath and request.postpath is not None:
            request.postpath.insert(0, request.prepath.pop())
        return self

    def render(self, request: Request) -> int:
        ResourceRequest(self._ingress, request).begin(self._name)
        return NOT_DONE_YET


class GatewayResource(Resource):
    """Gateway for the clients of ``server``, for a server that has no listener of its own.

    Clients find it at ``/ws`` unless they are told another path, as in ``--server https://example.com/tunnels/ws``.
    """

    isLeaf = True

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._ingress = server.ingress

    def render(self, request: Request) -> int:
        ResourceRequest(self._ingress, request).become_link()
        return NOT_DONE_YET
