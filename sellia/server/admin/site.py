"""Site of the admin endpoint: twisted.web's, with bounds on what a peer may send before it has shown a key.

Bounds
    ``CONNECTIONS`` at once, of which the one that has been without a request for longest goes when another comes;
    ``REQUEST_TIME`` seconds for a request to arrive, however it trickles; ``BODY_LIMIT`` bytes of a body, 16 KiB and
    ``FIELDS`` fields of a head.  No body is parsed as a form, none goes to a file.
"""

from io import BytesIO
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from sellia.errors import ProblemError
from sellia.problems import BODY_TOO_LARGE
from sellia.server.admin.answers import refusal

CONNECTIONS: Final = 200
REQUEST_TIME: Final = 30.0
IDLE_TIME: Final = 60.0
BODY_LIMIT: Final = 64 * 1024
FIELDS: Final = 100

_log = Logger()


class AdminRequest(Request):
    """Request whose body is held in memory, up to ``BODY_LIMIT`` bytes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options["parsePOSTFormSubmission"] = False
        super().__init__(*args, **options)
        self._size = 0

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()
        if length is not None and length > BODY_LIMIT:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > BODY_LIMIT:
            self._refuse()
            return
        super().handleContentChunk(data)

    def _refuse(self) -> None:
        """Answer before the body is there, and close: nothing can follow on the connection."""
        channel: Any = self.channel
        channel.refuse(refusal(ProblemError(BODY_TOO_LARGE, f"A body has at most {BODY_LIMIT >> 10} KiB here.")))


class AdminChannel(HTTPChannel):
    """Connection that has ``REQUEST_TIME`` seconds for each request to arrive."""

    maxHeaders = FIELDS
    site: "AdminSite"
    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self._deadline: Any = None
        self.busy = False
        self._refused = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self._expect()
        self.site.opened(self)

    def dataReceived(self, data: bytes) -> None:
        if not self._refused:
            super().dataReceived(data)

    def allContentReceived(self) -> None:
        self._settle()
        self.busy = True
        if not self._refused:
            super().allContentReceived()

    def requestDone(self, request: Any) -> None:
        self.busy = False
        super().requestDone(request)
        if self.transport is not None and not self.busy:
            self._expect()

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Any) -> None:
        """Write the head of a response, without the name of the library."""
        headers.removeHeader(b"server")
        super().writeHeaders(version, code, reason, headers)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._settle()
        self.site.closed(self)
        super().connectionLost(reason)

    def refuse(self, answer: Any) -> None:
        """Answer a request whose rest is not read, and close."""
        if self._refused or self.transport is None:
            return
        self._refused = True
        fields = b"".join(b"%b: %b\r\n" % each for each in answer.headers)
        head = b"HTTP/1.1 413 Content Too Large\r\n%bContent-Length: %d\r\nConnection: close\r\n\r\n"
        self.transport.write(head % (fields, len(answer.body)) + answer.body)
        self.transport.loseConnection()

    def _expect(self) -> None:
        self._settle()
        self._deadline = self.callLater(REQUEST_TIME, self._too_slow)

    def _settle(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    def _too_slow(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()

    def timeoutConnection(self) -> None:
        """Close an idle connection, without the line in the log that twisted.web writes for each."""
        if self.transport is not None:
            self.transport.loseConnection()


class AdminSite(Site):
    """Serves ``resource``, and nothing that a peer can see tells which library does."""

    displayTracebacks = False
    noisy = False

    def __init__(self, resource: Resource, reactor: Any) -> None:
        super().__init__(resource, requestFactory=AdminRequest, timeout=IDLE_TIME, reactor=reactor)
        self._channels: dict[AdminChannel, None] = {}

    def buildProtocol(self, addr: IAddress | None) -> Any:
        channel: Any = AdminChannel()
        channel.factory = channel.site = self
        channel.requestFactory = self.requestFactory
        channel.callLater = self.reactor.callLater
        channel.timeOut = self.timeOut
        return channel

    def log(self, request: Any) -> None:
        """Write no line for each request: events tell what was done."""

    def opened(self, channel: AdminChannel) -> None:
        """Count a connection; close the oldest that is not at work where there are too many."""
        if len(self._channels) >= CONNECTIONS:
            oldest = next((each for each in self._channels if not each.busy), None)
            if oldest is None:
                oldest = channel
            self._channels.pop(oldest, None)
            if oldest.transport is not None:
                oldest.transport.abortConnection()
        if channel.transport is not None:
            self._channels[channel] = None

    def closed(self, channel: AdminChannel) -> None:
        """Count a connection no more."""
        self._channels.pop(channel, None)

    @property
    def connections(self) -> int:
        """The number of connections."""
        return len(self._channels)


def address_of(request: Request) -> str:
    """Return the address that a request comes from; of a Unix socket, ``unix``."""
    address = request.getClientAddress()
    return address.host if isinstance(address, IPv4Address | IPv6Address) else "unix"
