"""Route to the server: the endpoint for its URL, through a proxy or not, and the sentences for failed connections."""

from typing import Any, Final
from urllib.parse import urlsplit

from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from sellia.client.link.tunnelled import ProxiedEndpoint
from sellia.client.proxies import DIRECT, Proxies, Proxy
from sellia.client.reasons import FurthestEndpoint, shown_address
from sellia.client.tls import SERVER_REMEDY, connection_creator, explain
from sellia.transports.link.native import ClientLink

#: Connection attempt delay between a host's addresses, in seconds (RFC 8305).  Twisted looks no sooner whether there is
#: another one when an address has failed, so it is also what a refused connection takes, and ``localhost`` where only
#: IPv4 is listened on.
NEXT_ADDRESS: Final = 0.03

_SAID_NOTHING: Final = "without an answer: is it a Sellia server, and is the URL's http or https right?"


def endpoint_of(url: str, reactor: Any, *, timeout: float, ca: str | None = None, proxy: Proxy | None = None) -> Any:
    """Return the endpoint of a server's URL, of any scheme, for whatever is to be spoken there.

    ``timeout`` is of each address in seconds; ``ca`` names a file with authorities to trust besides the machine's.
    """
    secure, host, port = _parts(url)
    if proxy is None:
        endpoint = _direct(reactor, host, port, timeout)
    else:
        way = _direct(reactor, proxy.host, proxy.port, timeout)
        if proxy.secure:
            way = wrapClientTLS(connection_creator(proxy.host, True, ca, SERVER_REMEDY), way)
        endpoint = ProxiedEndpoint(way, proxy, host, port, reactor)
    return wrapClientTLS(connection_creator(host, True, ca, SERVER_REMEDY), endpoint) if secure else endpoint


def where_of(url: str, proxy: Proxy | None = None) -> str:
    """Return the address of a server for people, and the proxy that is on the way to it."""
    _, host, port = _parts(url)
    by = f" through the proxy {shown_address(proxy.host, proxy.port)}" if proxy is not None else ""
    return shown_address(host, port) + by


def _parts(url: str) -> tuple[bool, str, int]:
    parts = urlsplit(url)
    secure = parts.scheme in ("https", "wss")
    return secure, parts.hostname or "localhost", parts.port or (443 if secure else 80)


def _direct(reactor: Any, host: str, port: int, timeout: float) -> Any:
    return FurthestEndpoint(reactor, host, port, timeout=timeout, attemptDelay=NEXT_ADDRESS)


class Route:
    """Endpoint of one ``ws`` or ``wss`` URL.  ``ca`` is a file with authorities to trust besides the machine's."""

    def __init__(
        self, url: str, reactor: Any, *, timeout: float, ca: str | None = None, proxies: Proxies = DIRECT
    ) -> None:
        proxy = proxies.of_url(url)
        self.url = url
        self.secure = urlsplit(url).scheme == "wss"
        #: Address of the server for people.
        self.where = where_of(url, proxy)
        self.endpoint = endpoint_of(url, reactor, timeout=timeout, ca=ca, proxy=proxy)

    def prepare(self, link: ClientLink) -> None:
        """Give a link its names for people, and a way to explain why it did not open."""
        link.remote = self.url
        link.where = self.where
        link.explain = lambda failure: self._explain(link, failure)

    def _explain(self, link: ClientLink, failure: Failure) -> str:
        if self.secure and not link.secured:
            return explain(failure)
        if link.data:
            return "broke off in the middle of its answer"
        return f"{'broke off' if failure.check(ConnectionLost) else 'hung up'} {_SAID_NOTHING}"
