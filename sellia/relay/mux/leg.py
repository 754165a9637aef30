"""What a stream calls at its own end: the visitor's connection on the server, the service's on the client.

The two ends of a stream are mirror images, so one interface serves both.  A leg turns what it is told into octets on
a socket, and calls :class:`~sellia.relay.mux.stream.Stream` with what the socket brings.  When the socket stops taking
octets the leg calls ``stream.stall()``, and ``stream.flow()`` when it takes them again; that is all it needs to know
of credit.  In the other direction ``pause_sending`` asks it to stop reading from its socket.
"""

from typing import Final, Protocol

from sellia.errors import ProtocolError
from sellia.problems import Problem
from sellia.protocol.messages import Ending, Headers, ResponseHead


class Leg(Protocol):
    """One end of a stream.  Calls come in stream order; none come after ``reset_received``."""

    def head_received(self, head: ResponseHead) -> None:
        """The service's answer, or an interim one."""

    def data_received(self, data: bytes) -> None:
        """Octets of the body, or of the TCP connection; never empty."""

    def frame_received(self, first: int, payload: bytes) -> None:
        """One whole WebSocket frame: its first octet (fin, rsv, opcode) and its payload, unmasked."""

    def frame_begun(self, first: int, length: int) -> None:
        """A frame whose payload of ``length`` octets follows in pieces."""

    def frame_continued(self, payload: bytes) -> None:
        """The next piece of that payload."""

    def ending_received(self, ending: Ending) -> None:
        """What the other end of the link says of a WebSocket's end."""

    def end_received(self, trailers: Headers) -> None:
        """The other end will send nothing more; ``trailers`` is empty unless a chunked body had some."""

    def reset_received(self, problem: Problem, message: str) -> None:
        """The stream is over, both ways, before its end.  The leg must not use the stream any more."""

    def pause_sending(self) -> None:
        """Enough is queued: read no more from the socket."""

    def resume_sending(self) -> None:
        """The queue is short again: go on reading."""


class NullLeg:
    """The leg of a stream that has none yet, or none any more: who answers it may use it before they are known."""

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
    """Refuses all that it has no method for: a peer that says it has broken the protocol."""

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
