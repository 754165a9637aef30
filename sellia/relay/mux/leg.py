"""Endpoint of a stream: the visitor's connection on the server, the service's on the client.

The two ends of a stream are mirror images, so one interface serves both.  A leg turns what it is told into bytes on
a socket, and calls :class:`~sellia.relay.mux.stream.Stream` with what the socket brings.  When the socket stops taking
bytes the leg calls ``stream.stall()``, and ``stream.flow()`` when it takes them again; that is all it needs to know
of credit.  In the other direction ``pause_sending`` asks it to stop reading from its socket.
"""

from typing import Final, Protocol

from sellia.errors import ProtocolError
from sellia.problems import Problem
from sellia.protocol.messages import Ending, Headers, ResponseHead


class Leg(Protocol):
    """Endpoint that a stream calls.  Calls come in stream order; none come after ``reset_received``."""

    def head_received(self, head: ResponseHead) -> None:
        """Take the head of the service's response, final or interim (1xx)."""

    def data_received(self, data: bytes) -> None:
        """Take bytes of the body, or of the TCP connection; never empty."""

    def frame_received(self, first: int, payload: bytes) -> None:
        """Take a whole WebSocket frame: its first byte (fin, rsv, opcode) and its payload, unmasked."""

    def frame_begun(self, first: int, length: int) -> None:
        """Take the head of a frame whose payload of ``length`` bytes follows in pieces."""

    def frame_continued(self, payload: bytes) -> None:
        """Take the next piece of that payload."""

    def ending_received(self, ending: Ending) -> None:
        """Take what the other end of the link says of a WebSocket's end."""

    def end_received(self, trailers: Headers) -> None:
        """Note that the other end sends nothing more; ``trailers`` is empty unless a chunked body had some."""

    def reset_received(self, problem: Problem, message: str) -> None:
        """End, because the stream is over, both ways, before its end.  The leg must not use it any more."""

    def pause_sending(self) -> None:
        """Stop reading from the socket: enough is queued."""

    def resume_sending(self) -> None:
        """Read on: the queue is short again."""


class NullLeg:
    """Null object: the leg of a stream that has none yet, or none any more."""

    def head_received(self, head: ResponseHead) -> None: ...

    def data_received(self, data: bytes) -> None: ...

    def frame_received(self, first: int, payload: bytes) -> None: ...

    def frame_begun(self, first: int, length: int) -> None: ...

    def frame_continued(self, payload: bytes) -> None: ...

    def ending_received(self, ending: Ending) -> None: ...

    def end_received(self, trailers: Headers) -> None: ...

    def reset_received(self, problem: Problem, message: str) -> None: ...

    def pause_sending(self) -> None: ...

    def resume_sending(self) -> None: ...


NULL_LEG: Final = NullLeg()


class StrictLeg:
    """Base of legs for which whatever they have no method for breaks the protocol."""

    __slots__ = ()

    def head_received(self, head: ResponseHead) -> None:
        raise ProtocolError("a response head where none belongs")

    def data_received(self, data: bytes) -> None:
        raise ProtocolError("body data where none belongs")

    def frame_received(self, first: int, payload: bytes) -> None:
        raise ProtocolError("a WebSocket frame where none belongs")

    def frame_begun(self, first: int, length: int) -> None:
        raise ProtocolError("a WebSocket frame where none belongs")

    def frame_continued(self, payload: bytes) -> None:
        raise ProtocolError("part of a WebSocket frame where none belongs")

    def ending_received(self, ending: Ending) -> None:
        raise ProtocolError("the end of a WebSocket where none belongs")

    def end_received(self, trailers: Headers) -> None:
        raise ProtocolError("an end where none belongs")
