"""Visitor's end of a WebSocket that was opened from the inspector: it says what a recorded visitor said, in its time.

The frames are those that were recorded, byte for byte, so they fit only what was agreed on in the handshake: where the
service agrees to another compression now, the WebSocket is closed, with a reason that says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall

from sellia.client.inspector.visit_leg import VisitLeg
from sellia.inspector.extensions import deflate_of
from sellia.inspector.timeline import Deflate
from sellia.problems import VISITOR_GONE
from sellia.protocol.messages import ResponseHead
from sellia.transports.reactor.waiting import cancel
from sellia.transports.websocket.frames import CLOSE, CLOSE_FRAME, PING, PONG_FRAME, close_payload

#: Seconds for the service to end the connection behind the closing handshake.
CLOSE_WAIT: Final = 15.0


@dataclass(frozen=True, slots=True)
class Script:
    """What a visitor says: frames, each with the seconds after the opening, and when it leaves (None: it does not).

    ``deflate`` is the compression that the frames were made for, if any of them is compressed.
    """

    frames: tuple[tuple[float, int, bytes], ...] = ()
    leaves: float | None = None
    deflate: Deflate | None = None
    compressed: bool = False


class SocketVisit(VisitLeg):
    """The leg of such a WebSocket."""

    def __init__(self, script: Script, clock: Any, patience: float, over: Callable[[VisitLeg], None]) -> None:
        super().__init__(clock, patience, over)
        self._script = script
        self._clock = clock
        self._next = 0
        self._opened_at = 0.0
        self._turn: IDelayedCall | None = None
        self._closed = False

    def finish(self) -> None:
        cancel(self._turn)
        self._turn = None
        super().finish()

    # --- a Leg ------------------------------------------------------------------------------------------------

    def head_received(self, head: ResponseHead) -> None:
        super().head_received(head)
        if head.status != 101:
            return
        self._opened_at = self._clock.seconds()
        if self._script.compressed and deflate_of(head.headers) != self._script.deflate:
            self._close(close_payload(1010, "the service agrees to another compression than was recorded"))
            return
        self._say()

    def frame_received(self, first: int, payload: bytes) -> None:
        opcode = first & 0x0F
        if opcode == CLOSE:
            self._close(payload)
        elif opcode == PING and not self._closed:
            self.stream.send_frame(PONG_FRAME, payload)

    # --- inside -----------------------------------------------------------------------------------------------

    def _say(self) -> None:
        """Say what is due, and come again for the rest."""
        self._turn = None
        if self.ended or self._closed:
            return
        script, passed = self._script, self._clock.seconds() - self._opened_at
        while self._next < len(script.frames):
            at, first, payload = script.frames[self._next]
            if at > passed + 1e-4:
                self._turn = self._clock.callLater(at - passed, self._say)
                return
            self._next += 1
            if first & 0x0F == CLOSE:
                self._close(payload)
                return
            self.stream.send_frame(first, payload)
        if script.leaves is not None:
            if script.leaves <= passed + 1e-4:
                self._leave()
            else:
                self._turn = self._clock.callLater(script.leaves - passed, self._leave)

    def _close(self, payload: bytes) -> None:
        """Send a close frame, and wait for the service's end."""
        if self._closed:
            return
        self._closed = True
        cancel(self._turn)
        self.stream.send_frame(CLOSE_FRAME, payload)
        self._turn = self._clock.callLater(CLOSE_WAIT, self._leave)

    def _leave(self) -> None:
        self._turn = None
        self.stream.reset(VISITOR_GONE)
        self.finish()
