"""Private twisted.web site of one static target, and the connections to it within this process.

Need
    A directory is served as any other service is, with the same legs, credit and events.  But a listener on loopback
    could be reached by every user of the machine, past the password of the tunnel and the look of its owner.

How
    Each connection is a pair of connected sockets, of which no other process can have an end.  The kernel's buffers
    give the site the visitor's pace, and a file is read no faster than that.

Bounds
    Two descriptors for each connection, which :mod:`sellia.client.local.pool` bounds.  Bodies of requests are dropped
    as they come: nothing that is served here reads one, and twisted.web would write a long one to the disk.
"""

import errno
import socket
from io import BytesIO
from typing import Any, cast

from twisted.internet.protocol import Protocol
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from sellia.client.local.loopback import UnixTransport
from sellia.client.local.static.files import FilesResource, TextResource
from sellia.targets import Target, TargetKind
from sellia.transports.reactor.sockets import READ


class StaticSite:
    """Site of one target."""

    def __init__(self, reactor: Any, target: Target) -> None:
        self._reactor = reactor
        resource: Any = TextResource(target.text) if target.kind is TargetKind.TEXT else FilesResource(target)
        self._site = Site(cast(IResource, resource), StaticRequest, timeout=None, reactor=reactor)

    def connect(self, protocol: Protocol) -> int:
        """Connect ``protocol`` to the site; return 0, or the errno for which that failed."""
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            return error.errno or errno.EINVAL
        ours.setblocking(False)
        theirs.setblocking(False)
        channel: Any = self._site.buildProtocol(None)
        far = UnixTransport(theirs, channel, self._reactor)
        far.bufferSize = READ
        channel.makeConnection(far)
        protocol.makeConnection(UnixTransport(ours, protocol, self._reactor))
        return 0


class StaticRequest(Request):
    """Request whose body is dropped, and whose response does not name twisted.web."""

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Drop it."""

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        # Its body is not here, and so no form is to be parsed.
        self.requestHeaders.removeHeader(b"content-type")
        super().requestReceived(command, path, version)

    def setHeader(self, name: Any, value: Any) -> None:
        if name.lower() != b"server":
            super().setHeader(name, value)
