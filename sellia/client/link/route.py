"""The way to a server: the endpoint that is dialled for its URL, and why a connection to it came to nothing."""

from typing import Any, Final
from urllib.parse import urlsplit

from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from sellia.client.reasons import FurthestEndpoint, shown_address
from sellia.client.tls import SERVER_REMEDY, connection_creator, explain
from sellia.transports.link.native import ClientLink

#: Seconds between the addresses of a host.  Twisted looks no sooner whether there is another one when an address has
#: failed, so it is also what a refused connection takes, and ``localhost`` where only IPv4 is listened on.
NEXT_ADDRESS: Final = 0.03

_SAID_NOTHING: Final = "without an answer: is it a Sellia server, and is the URL's http or https right?"


class Route:
    """One ``ws`` or ``wss`` URL, and how it is reached.  ``ca`` is a file with authorities to trust besides."""

    def __init__(self, url: str, reactor: Any, *, timeout: float, ca: str | None = None) -> None:
        parts = urlsplit(url)
        self.url = url
        self.secure = parts.scheme == "wss"
        host = parts.hostname or "localhost"
        port = parts.port or (443 if self.secure else 80)
        #: The server's address for people.
        self.where = shown_address(host, port)
        endpoint: Any = FurthestEndpoint(reactor, host, port, timeout=timeout, attemptDelay=NEXT_ADDRESS)
        if self.secure:
            endpoint = wrapClientTLS(connection_creator(host, True, ca, SERVER_REMEDY), endpoint)
        self.endpoint = endpoint

    def prepare(self, link: ClientLink) -> None:
        """Tell a link whose it is, and let it explain why it did not open."""
        link.remote = self.url
        link.where = self.where
        link.explain = lambda failure: self._explain(link, failure)

    def _explain(self, link: ClientLink, failure: Failure) -> str:
        if self.secure and not link.secured:
            return explain(failure)
        if link.data:
            return "broke off in the middle of its answer"
        return f"{'broke off' if failure.check(ConnectionLost) else 'hung up'} {_SAID_NOTHING}"
