"""Endpoint behind an HTTP proxy: a connection that CONNECT (RFC 9110, section 9.3.6) has made for us.

Need
    Whatever is spoken with the server, TLS above all, is spoken with it and not with the proxy.  The proxy is asked for
    a connection, and from its answer on it only passes bytes on.

How
    The protocol that speaks to the proxy builds the one that was wanted, hands it the transport, and lends it its own
    ``dataReceived`` and ``connectionLost``: nothing of this module is left on the way of a message.

Bounds
    ``HEAD_LIMIT`` bytes of an answer, interim ones included, and ``ANSWER_TIME`` seconds for it: proxies answer when
    they have reached the server, or have given up on it.
"""

import re
from base64 import b64encode
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IHandshakeListener, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia import __version__
from sellia.client.proxies import Proxy
from sellia.client.reasons import SaysHowFar, reason, shown_address
from sellia.client.tls import explain
from sellia.text import printable
from sellia.transports.link.opening import Answer, read_answer
from sellia.transports.reactor.waiting import cancel

#: Bytes of a proxy's answer, and seconds until it must be there.
HEAD_LIMIT: Final = 16_384
ANSWER_TIME: Final = 20.0

_SCHEMES: Final = re.compile(rb"(?im)^proxy-authenticate:[ \t]*([A-Za-z0-9-]{1,20})")


class ProxyFailure(SaysHowFar):
    """A proxy that was not reached, or made no connection; `str` goes on after the server's address."""


class ProxyLogin(ProxyFailure):
    """A proxy that asks for another user or password than it was given, if it was given any."""


class ProxiedEndpoint:
    """Client endpoint: ``host`` and ``port``, to which ``proxy`` connects, itself dialled by ``endpoint``."""

    def __init__(self, endpoint: Any, proxy: Proxy, host: str, port: int, clock: Any) -> None:
        self.proxy = proxy
        self.authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.clock = clock
        self._endpoint = endpoint

    def connect(self, factory: IProtocolFactory) -> "Deferred[Any]":
        """Connect as any endpoint does; fails with `ProxyFailure`."""
        asking = _Asking(self, factory)
        dialled: Deferred[Any] = self._endpoint.connect(asking)
        asking.dialled = dialled
        dialled.addErrback(asking.not_reached)
        return asking.done

    @property
    def request(self) -> bytes:
        """The request for a connection."""
        lines = [f"CONNECT {self.authority} HTTP/1.1", f"Host: {self.authority}", f"User-Agent: sellia/{__version__}"]
        if self.proxy.login is not None:
            lines.append(f"Proxy-Authorization: Basic {b64encode(self.proxy.login).decode('ascii')}")
        return "\r\n".join([*lines, "", ""]).encode("ascii")


class _Asking(Factory):
    """One connection to a proxy, from dialing it to its answer; ``factory`` is for what comes after that."""

    noisy = False

    def __init__(self, endpoint: ProxiedEndpoint, factory: IProtocolFactory) -> None:
        self.endpoint = endpoint
        self.factory = factory
        self.dialled: Deferred[Any] | None = None
        self.done: Deferred[Any] = Deferred(self._cancelled)
        self._protocol: _Connect | None = None
        self._late: IDelayedCall | None = None

    def buildProtocol(self, addr: IAddress | None) -> "_Connect":
        self._protocol = protocol = _Connect(self, addr)
        self._late = self.endpoint.clock.callLater(ANSWER_TIME, self._too_late)
        return protocol

    def not_reached(self, failure: Failure) -> None:
        """Fail: there is no connection to the proxy."""
        self.failed(ProxyFailure(f"was not reached: the proxy {reason(failure)}"))

    def failed(self, error: ProxyFailure) -> None:
        """Fail, unless it has ended already, and leave the proxy."""
        cancel(self._late)
        if not self.done.called:
            self.done.errback(error)
        if self._protocol is not None:
            self._protocol.leave()

    def made(self, protocol: Any) -> None:
        """Succeed: ``protocol`` has its connection."""
        cancel(self._late)
        if not self.done.called:
            self.done.callback(protocol)

    def _too_late(self) -> None:
        self.failed(ProxyFailure("was not reached: the proxy did not answer in time"))

    def _cancelled(self, _: "Deferred[Any]") -> None:
        cancel(self._late)
        if self._protocol is not None:
            self._protocol.leave()
        elif self.dialled is not None:
            self.dialled.cancel()


@implementer(IHandshakeListener)
class _Connect(Protocol):
    """Speaks to the proxy, and steps aside when it has made the connection."""

    transport: Any

    def __init__(self, asking: _Asking, address: IAddress | None) -> None:
        self._asking = asking
        self._address = address
        self._data = b""
        self._secured = False
        self._left = False

    def connectionMade(self) -> None:
        self.transport.write(self._asking.endpoint.request)

    def handshakeCompleted(self) -> None:
        self._secured = True

    def leave(self) -> None:
        """Drop the connection."""
        if not self._left:
            self._left = True
            if self.transport is not None:
                self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        if self._left:
            return
        self._data += data
        while True:
            answer = read_answer(self._data)
            if isinstance(answer, str):
                self._fail(f"is not an HTTP proxy: it {_what_it_did(answer)}")
            elif answer is None:
                if len(self._data) > HEAD_LIMIT:
                    self._fail("gave an answer without an end")
            elif 100 <= answer.status < 200 and answer.status != 101:
                self._data = answer.rest
                if answer.rest:
                    continue
            elif 200 <= answer.status < 300:
                self._step_aside(answer.rest)
            else:
                self._asking.failed(_refusal(answer, self._data, self._asking.endpoint))
            return

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        proxy = self._asking.endpoint.proxy
        if proxy.secure and not self._secured:
            self._fail(explain(reason))
        elif self._data:
            self._fail("broke off in the middle of its answer")
        else:
            self._fail("hung up without an answer: is it an HTTP proxy?")

    def _fail(self, what: str) -> None:
        self._asking.failed(ProxyFailure(f"was not reached: the proxy {what}"))

    def _step_aside(self, rest: bytes) -> None:
        """Give the connection to the protocol that it was made for."""
        self._data = b""
        inner: Any = self._asking.factory.buildProtocol(self._address)  # type: ignore[arg-type]
        if inner is None:
            self._fail("is not wanted any more")
            return
        self.dataReceived = inner.dataReceived  # type: ignore[method-assign]
        self.connectionLost = inner.connectionLost  # type: ignore[method-assign]
        inner.makeConnection(self.transport)
        self._asking.made(inner)
        if rest:
            inner.dataReceived(rest)


def _what_it_did(answer: str) -> str:
    """Put what `read_answer` says of bytes that are not HTTP behind "it"."""
    return answer.partition("it ")[2] or "speaks TLS: say https:// in its URL"


def _refusal(answer: Answer, head: bytes, endpoint: ProxiedEndpoint) -> ProxyFailure:
    """Return what an answer other than a success means, and what to do."""
    proxy, status = endpoint.proxy, answer.status
    if status == 407:
        schemes = sorted({each.decode("ascii").capitalize() for each in _SCHEMES.findall(head)})
        if schemes and "Basic" not in schemes:
            asked = f"asks for a login by {' or '.join(schemes)} (407), and only Basic is spoken: have a proxy on this"
            return ProxyLogin(f"was not reached: the proxy {asked} machine log in for you")
        if proxy.login is None:
            example = f"{'https' if proxy.secure else 'http'}://USER:PASSWORD@{shown_address(proxy.host, proxy.port)}"
            asked = f"asks for a user and a password (407): give them with {proxy.place}, as in {example}"
            return ProxyLogin(f"was not reached: the proxy {asked}")
        return ProxyLogin(f"was not reached: the proxy does not accept the user and password of {proxy.place} (407)")
    if status in (401, 403):
        what = f"does not allow connections to {printable(endpoint.authority)} ({status}): many allow only port 443"
    elif status in (400, 404, 405, 501):
        what = f"does not make connections ({status}): is it an HTTP proxy?"
    elif status == 429:
        what = "says that too many connections came from here (429): wait a while"
    elif status >= 500:
        what = f"could not connect to it ({status}): is the server running, and its name spelled right?"
    else:
        what = f"answered {status} to CONNECT: is it an HTTP proxy?"
    return ProxyFailure(f"was not reached: the proxy {what}")
