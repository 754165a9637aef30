"""Sockets that take their time: with a reader who is slow, and with TLS on it."""

from collections.abc import Iterable

from twisted.internet.abstract import FileDescriptor

from tests.server.support import PublicSide, Visitor, VisitorTransport


class SecureTransport(VisitorTransport):
    """A socket with TLS on it."""

    def getPeerCertificate(self) -> None: ...


class SlowSocket(FileDescriptor, VisitorTransport):  # type: ignore[misc]
    """A socket with Twisted's own buffer, whose reader takes what the test says."""

    def __init__(self) -> None:
        FileDescriptor.__init__(self, self)  # type: ignore[arg-type]
        VisitorTransport.__init__(self)
        self.connected = 1
        self.room = 0
        self.took = b""

    # what a reactor is asked, and a socket
    def addWriter(self, writer: object) -> None: ...

    def removeWriter(self, writer: object) -> None: ...

    def addReader(self, reader: object) -> None: ...

    def removeReader(self, reader: object) -> None: ...

    def writeSomeData(self, data: bytes) -> int:
        taken, self.room = data[: self.room], self.room - min(len(data), self.room)
        self.took += taken
        return len(taken)

    @property
    def socket(self) -> "SlowSocket":
        return self

    def send(self, data: bytes) -> int:
        """As a socket does."""
        if not self.room:
            raise BlockingIOError
        return self.writeSomeData(data)

    def sendmsg(self, pieces: Iterable[bytes]) -> int:
        """As a socket does."""
        return self.send(b"".join(pieces))

    def _postLoseConnection(self) -> None:
        self.ended = True

    def _closeWriteConnection(self) -> None:
        self.half_closed = True

    def connectionLost(self, reason: object) -> None:
        self.ended = True

    ended = False
    write = FileDescriptor.write
    registerProducer = FileDescriptor.registerProducer
    unregisterProducer = FileDescriptor.unregisterProducer
    loseConnection = FileDescriptor.loseConnection
    loseWriteConnection = FileDescriptor.loseWriteConnection
    getPeer = VisitorTransport.getPeer
    pauseProducing = FileDescriptor.pauseProducing
    resumeProducing = FileDescriptor.resumeProducing

    def abortConnection(self) -> None:
        self.aborted = not self.ended

    def take(self, octets: int) -> None:
        """The reader takes so many."""
        self.room = octets
        while self.room and not self.ended and (self.dataBuffer or self._tempDataLen or self.disconnecting):
            self.doWrite()
        self.room = 0


def slow_visitor(stage: PublicSide, request: bytes) -> tuple[Visitor, SlowSocket]:
    """Somebody who has sent a request, and takes nothing for now."""
    socket = SlowSocket()
    visitor = Visitor(stage, socket)
    stage.visitors.append(visitor)
    visitor.connection.dataReceived(request)
    stage.talk()
    return visitor, socket
