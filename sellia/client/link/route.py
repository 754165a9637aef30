"""Route to the server: the endpoint for its URL, and the sentences for connections that fail."""

from typing import Any, Final
from urllib.parse import urlsplit

from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from sellia.client.reasons import FurthestEndpoint, shown_address
from sellia.client.tls import SERVER_REMEDY, connection_creator, explain
from sellia.transports.link.native import ClientLink

#: Connection attempt delay between a host's addresses, in seconds (RFC 8305).  Twisted looks no sooner whether there is
#: another one when an address has failed, so it is also what a refused connection takes, and ``localhost`` where only
#: IPv4 is listened on.
NEXT_ADDRESS: Final = 0.03

_SAID_NOTHING: Final = "without an answer: is it a Sellia server, and is the URL's http or https right?"


class Route:
    """Endpoint of one ``ws`` or ``wss`` URL.  ``ca`` is a file with authorities to trust besides the machine's."""

    def __init__(self, url: str, reactor: Any, *, timeout: float, ca: str | None = None) -> None:
        parts = urlsplit(url)
        self.url = url
        self.secure = parts.scheme == "wss"
        host = parts.hostname or "localhost"
        port = parts.port or (443 if self.secure else 80)
        #: Address of the server for people.
        self.where = shown_address(host, port)
        endpoint: Any = FurthestEndpoint(reactor, host, port, timeout=timeout, attemptDelay=NEXT_ADDRESS)
        if self.secure:
            endpoint = wrapClientTLS(connection_creator(host, True, ca, SERVER_REMEDY), endpoint)
        self.endpoint = endpoint

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
