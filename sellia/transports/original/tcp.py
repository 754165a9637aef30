"""A TCP connection in the words of the original: the same leg towards an original client and an original server.

What the dialect lacks, and what becomes of it
    * *The end of one direction.*  ``tcp_close`` ends both.  An end is said by ``tcp_data`` without a byte, which a peer
      of ours takes for it and an original one writes, which does nothing.  For the latter ``tcp_close`` follows once
      nothing has come back for ``HALF_CLOSED`` seconds: who answers an end, like most services, has done so by then.
    * *A reset.*  ``tcp_close`` has a reason that begins with ``reset``; any other is an end in order.
    * *Acceptance.*  What a visitor sends before ``tcp_open_ok`` waits here, bounded by the stream's credit: an original
      client loses what comes before its service is there.
"""

from typing import Final

from twisted.internet.interfaces import IDelayedCall

from sellia.problems import SERVICE_DIED, SERVICE_REFUSED, VISITOR_GONE, Problem
from sellia.protocol.messages import Headers
from sellia.protocol.original.messages import CHUNK, TcpClose, TcpData, TcpOpenError, TcpOpenOk
from sellia.text import printable
from sellia.transports.original.bridge import Bridge, BridgeLeg
from sellia.transports.reactor.waiting import cancel

#: Seconds without a byte after one direction has ended until the connection is closed for a peer that knows no end.
HALF_CLOSED: Final = 2.0

_RESET: Final = "reset"


class OriginalTcpLeg(BridgeLeg):
    """One connection.  ``visitor`` is who made it, ``at_service`` whether the original peer has the service."""

    __slots__ = ("_at_service", "_ended", "_opened", "_refused", "_timer", "_unsent", "_visitor")

    def __init__(self, bridge: Bridge, visitor: str, *, at_service: bool) -> None:
        super().__init__(bridge)
        self._visitor = visitor
        self._at_service = at_service
        #: Whether the peer takes bytes; what waits until it does.
        self._opened = not at_service
        self._unsent: list[bytes] = []
        #: Whether the peer has said that the service is not there, and so knows of no connection.
        self._refused = False
        #: Whether our side has ended its direction.
        self._ended = False
        self._timer: IDelayedCall | None = None

    def described(self) -> bytes:
        return b"a connection from " + printable(self._visitor, 64).encode("ascii", "replace")

    # --- from the stream -----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.over:  # the peer has closed both directions
            self.stream.reset(SERVICE_DIED if self._at_service else VISITOR_GONE)
        elif self._opened:
            self._send(data)
        else:
            self._unsent.append(data)

    def end_received(self, trailers: Headers) -> None:
        self._ended = True
        if self._opened and not self.over:
            self._say_end()

    # --- from the peer -------------------------------------------------------------------------------------

    def opened(self, said: TcpOpenOk) -> None:
        """Pass on what has waited: the service is there."""
        if self._opened:
            return
        self._opened = True
        for data in self._unsent:
            self._send(data)
        self._unsent.clear()
        self.stream.flow()
        if self._ended:
            self._say_end()

    def refused(self, said: TcpOpenError) -> None:
        """Fail: the service is not there."""
        self._refused = True
        self.fail(SERVICE_REFUSED, printable(str(said.message), 200))

    def passed(self, said: TcpData) -> None:
        """Pass on bytes of the peer's side, or its end."""
        stream = self.stream
        if stream.local_ended:
            return
        if not said.data:
            stream.end()
            if self._ended:
                self._close()
            return
        with self.sending():
            stream.send_data(said.data)
        if self._timer is not None:
            self._timer.reset(HALF_CLOSED)

    def closed(self, said: TcpClose) -> None:
        """End both directions, in order or by a reset."""
        if str(said.reason or "").startswith(_RESET):
            self.over = True
            self._forget()
            self.stream.reset(SERVICE_DIED if self._at_service else VISITOR_GONE)
            return
        self.over = True
        self._forget()
        with self.sending() as stream:
            stream.end()

    # --- ends ------------------------------------------------------------------------------------------------

    def tell_end(self, problem: Problem, message: str) -> None:
        self._forget()
        if not self._refused:
            self.bridge.send(TcpClose(self.request_id, f"{_RESET}: {problem.code}"))

    def _say_end(self) -> None:
        """Say that our side has ended its direction; where the peer has ended its own, that is all."""
        if self.stream.local_ended:
            self._close()
            return
        self.bridge.send(TcpData(self.request_id, b""))
        self._timer = self.bridge.link.clock.callLater(HALF_CLOSED, self._lose_patience)

    def _lose_patience(self) -> None:
        """Close a connection whose other direction has not ended, for a peer that knows no end."""
        self._timer = None
        with self.sending() as stream:
            stream.end()
        self._close()

    def _close(self) -> None:
        """Close in order: both directions have ended."""
        self.over = True
        self._forget()
        self.bridge.send(TcpClose(self.request_id))

    def _forget(self) -> None:
        cancel(self._timer)
        self._timer = None
        self._unsent.clear()
        self.bridge.forget(self)

    def _send(self, data: bytes) -> None:
        for offset in range(0, len(data), CHUNK):
            self.bridge.send(TcpData(self.request_id, data[offset : offset + CHUNK]))
        if self._timer is not None:
            self._timer.reset(HALF_CLOSED)


def split_address(said: str) -> tuple[str, int]:
    """Split what a server says of a visitor, as ``192.0.2.1:50000`` or ``[::1]:50000``; port 0 if it is not."""
    host, colon, port = said.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or len(port) > 5:
        return printable(said, 64), 0
    return printable(host.removeprefix("[").removesuffix("]"), 64), int(port)


def join_address(host: str, port: int) -> str:
    """Join an address and a port as the original writes them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
