"""The page from a development server (``--inspector-dev``) instead of package data, hot updates of it included.

What a browser asks for outside of ``/api/`` is asked of that server, behind the same guard as the rest.  It is a server
on this machine that the owner has named, so what it serves is the owner's own code; still it learns neither the token
nor the password, and its answers keep the inspector's headers, with a policy that lets it put styles and a script into
the page (`DEV_POLICY`).

A request for a WebSocket is passed on byte for byte once the server has answered: neither side is looked into.

Bounds
    ``TIMEOUT`` seconds for a connection; bodies of requests as `web` bounds them; answers pass as the browser takes
    them.
"""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError, ConnectionClosed, DNSLookupError
from twisted.internet.interfaces import IAddress, IConsumer
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone, ResponseFailed
from twisted.web.http_headers import Headers as Fields
from twisted.web.iweb import UNKNOWN_LENGTH, IAgentEndpointFactory, IBodyProducer
from zope.interface import implementer

from sellia.client.inspector.answers import DEV_POLICY, ApiError, problem
from sellia.protocol.messages import Headers

if TYPE_CHECKING:
    from sellia.client.inspector.web import InspectorRequest

#: Seconds until a connection is made.
TIMEOUT: Final = 10.0

#: Fields of one hop (RFC 9110, 7.6.1), lengths, and what shows who somebody is: they are not passed on.
_REQUEST_FIELDS: Final = frozenset(
    (b"host", b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding")
) | {b"content-length", b"expect", b"authorization", b"cookie", b"origin"}
_UPGRADE: Final = frozenset((b"upgrade",))

#: Fields of an answer that are the inspector's own matter.
_ANSWER_FIELDS: Final = frozenset(
    (b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"upgrade", b"content-security-policy")
) | {b"x-frame-options", b"x-content-type-options", b"referrer-policy", b"content-type", b"set-cookie"}


@implementer(IAgentEndpointFactory)
class DevServer:
    """The server at ``origin``, as ``http://localhost:5173``; ``endpoint`` is how it is reached, if not by that."""

    def __init__(self, origin: str, reactor: Any, endpoint: Any = None) -> None:
        url = urlsplit(origin)
        self.origin = origin.encode("ascii")
        self.authority = url.netloc.encode("ascii")
        host = url.hostname or ""
        self._endpoint = endpoint or HostnameEndpoint(reactor, host.encode(), url.port or 80, timeout=TIMEOUT)
        self._agent = Agent.usingEndpointFactory(reactor, self, HTTPConnectionPool(reactor, persistent=False))

    def endpointForURI(self, uri: object) -> Any:
        """Return how the server is reached, whatever the address."""
        return self._endpoint

    def serve(self, request: "InspectorRequest") -> "Awaitable[Any] | None":
        """Return what answers a request for a page; None where its connection is passed on."""
        if request.upgrades:
            joining = self._endpoint.connect(_Ends(_Far(request, self._head(request))))
            request.notifyFinish().addErrback(lambda _: joining.cancel())
            joining.addErrback(self._not_joined, request)
            return None
        return self._ask(request)

    async def _ask(self, request: "InspectorRequest") -> "_Passing":
        fields = Fields()
        for name, value in self.passed_on(request, _UPGRADE):
            fields.addRawHeader(name, value)
        body = _Whole(request.body) if request.body else None
        try:
            response = await self._agent.request(request.method, self.origin + self.target(request), fields, body)
        except (ConnectError, ConnectionClosed, DNSLookupError, ResponseFailed):
            raise self._away() from None
        return _Passing(response)

    def target(self, request: "InspectorRequest") -> bytes:
        """Return what is asked for, without the token of the inspector; the server may have one of its own."""
        uri: bytes = request.uri
        if request.token is not None and request.channel.pages.guard.is_token(request.token):
            uri = request.path + (b"?" + request.query if request.query else b"")
        return uri if uri.startswith(b"/") else b"/" + uri

    def passed_on(self, request: "InspectorRequest", without: frozenset[bytes] = frozenset()) -> Headers:
        """Return the fields of a request that the server is shown, as one of its own pages would send them."""
        fields = [(b"Host", self.authority)]
        for name, value in request.fields():
            if name.lower() not in _REQUEST_FIELDS | without:
                fields.append((name, value))
            elif name.lower() == b"origin":
                fields.append((name, self.origin))
            elif name.lower() == b"cookie" and (kept := _without_own(value)):
                fields.append((name, kept))
        return fields

    def _head(self, request: "InspectorRequest") -> bytes:
        """Return the head of a request for a WebSocket."""
        lines = [b"%b %b HTTP/1.1" % (request.method, self.target(request))]
        lines += [b"%b: %b" % field for field in [*self.passed_on(request), (b"Connection", b"Upgrade")]]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _away(self) -> ApiError:
        message = (
            f"Nothing answers at {self.origin.decode()}, where --inspector-dev looks for the page: "
            "start the development server, then load the page again."
        )
        return ApiError(502, "no-dev-server", message)

    def _not_joined(self, failure: Failure, request: "InspectorRequest") -> None:
        failure.trap(ConnectError, DNSLookupError, CancelledError)
        error = self._away()
        request.answer(problem(error.status, error.code, str(error)))


def _without_own(cookies: bytes) -> bytes:
    """Return the value of a Cookie field without those of inspectors."""
    parts = [each.strip() for each in cookies.split(b";")]
    return b"; ".join(each for each in parts if each and not each.startswith(b"sellia_inspector_"))


@implementer(IBodyProducer)
class _Whole:
    """Body of a request that is there already."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length = len(data)

    def startProducing(self, consumer: IConsumer) -> "Deferred[None]":
        consumer.write(self._data)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Nothing: all is written at once."""

    resumeProducing = stopProducing = pauseProducing


class _Passing(Protocol):
    """An answer of the server on its way to the browser."""

    transport: Any

    def __init__(self, response: Any) -> None:
        self._response = response
        self._request: Any = None

    def begin(self, request: Any) -> None:
        """Pass it on, from now on."""
        response, self._request = self._response, request
        fields = list(response.headers.getAllRawHeaders())
        first = {name.lower(): values[0] for name, values in fields if name.lower() not in _ANSWER_FIELDS}
        kept = {name: value for name, value in first.items() if not name.startswith(b"access-control-")}
        type = response.headers.getRawHeaders(b"content-type", [b"application/octet-stream"])[0]
        request.begin(response.code, type, {**kept, b"content-security-policy": DEV_POLICY})
        for value in response.headers.getRawHeaders(b"set-cookie", []):
            if not value.startswith(b"sellia_inspector_"):
                request.responseHeaders.addRawHeader(b"Set-Cookie", value)
        if response.length is not UNKNOWN_LENGTH and request.method != b"HEAD" and response.code not in (204, 304):
            request.setHeader(b"Content-Length", b"%d" % response.length)
        request.notifyFinish().addErrback(self._left)
        response.deliverBody(self)

    def connectionMade(self) -> None:
        if not self._request.finished:
            self._request.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:
        if self._request is not None:
            self._request.write(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        request, self._request = self._request, None
        if request is None:
            return
        request.unregisterProducer()
        if reason is None or reason.check(ResponseDone) or not request.startedWriting:
            request.finish()
        else:
            request.channel.transport.abortConnection()  # so that half of a script is not taken for all of it

    def _left(self, reason: Failure) -> None:
        self._request = None
        if self.transport is not None:
            self.transport.loseConnection()


class _Ends(Factory):
    """Makes the one connection to the server of a WebSocket."""

    noisy = False

    def __init__(self, end: "_Far") -> None:
        self._end = end

    def buildProtocol(self, addr: IAddress | None) -> "_Far":
        return self._end


class _End(Protocol):
    """One end of a connection that is passed on, with the other as its ``peer``."""

    transport: Any
    peer: "_End | None" = None

    def join(self, peer: "_End") -> None:
        """Pass on what comes, as fast as the peer takes it."""
        self.peer = peer
        self.transport.registerProducer(peer.transport, True)

    def dataReceived(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.transport.write(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        peer, self.peer = self.peer, None
        if peer is not None:
            peer.peer = None
            self.transport.unregisterProducer()
            peer.transport.unregisterProducer()
            peer.transport.loseConnection()


class _Far(_End):
    """The connection to the server: takes the browser's over as soon as it is made."""

    def __init__(self, request: "InspectorRequest", head: bytes) -> None:
        self._request = request
        self._head = head

    def connectionMade(self) -> None:
        channel = self._request.channel
        if channel is None:
            self.transport.loseConnection()
            return
        near = _Near(channel)
        self.transport.write(self._head)
        near.take_over()
        near.join(self)
        self.join(near)


class _Near(_End):
    """The browser's connection, which was the channel's."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def take_over(self) -> None:
        """Be the protocol of the connection in the channel's place."""
        transport = self._channel.transport
        self._channel.setTimeout(None)
        transport.unregisterProducer()
        transport.protocol = self
        self.makeConnection(transport)
        transport.resumeProducing()

    def connectionLost(self, reason: Failure | None = None) -> None:
        super().connectionLost(reason)
        self._channel.connectionLost(reason)
