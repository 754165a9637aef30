"""WebSockets in the original dialect, for both roles: whole messages, no visitor's pings, no reasons.

Our session's frames become messages, and the original's messages frames.  What the dialect cannot carry is answered
here, in the name of whoever is behind it, because nobody else can: pings, and the closing handshake.

Bounds
    A message that is put together from frames has ``WEBSOCKET_LIMIT`` bytes at most; the WebSocket of a larger one is
    closed with 1009.  All that is being put together for a link has ``ASSEMBLED`` at most: beyond it, the WebSocket
    that has most of it is closed with 1013.  While whoever pings does not read, only its last ping is remembered
    (RFC 6455, 5.5.3).
"""

from typing import Final

from sellia.problems import BAD_FRAME, FRAME_TOO_LARGE, OVERLOADED, VISITOR_GONE, Problem
from sellia.protocol.limits import MIB, SESSION_HELD_LIMIT
from sellia.protocol.messages import Ending, Headers
from sellia.protocol.original.messages import WEBSOCKET_LIMIT, WsClose, WsFrame
from sellia.transports.original.bridge import Bridge, BridgeLeg
from sellia.transports.websocket.frames import (
    BINARY,
    CLOSE,
    CLOSE_FRAME,
    PING,
    PONG,
    TEXT,
    close_payload,
    problem_close,
)

#: Octets of unfinished messages of all WebSockets of a link.
ASSEMBLED: Final = SESSION_HELD_LIMIT

#: What an unfinished message costs beside its bytes, for each frame of it.
_FRAME_COST: Final = 64

_CONTROL_LIMIT: Final = 125
_FIN: Final = 0x80

_TOO_LARGE: Final = f"a message of more than {WEBSOCKET_LIMIT // MIB} MiB"


class Assembly:
    """Bytes of all messages that are being assembled for one link."""

    def __init__(self, limit: int = ASSEMBLED) -> None:
        self.size = 0
        self._limit = limit
        self._parts: dict[MessageLeg, int] = {}

    def grows(self, leg: "MessageLeg", size: int) -> None:
        """Count ``size`` bytes more of the leg's message; beyond the limit, close the WebSocket that has most."""
        self._parts[leg] = self._parts.get(leg, 0) + size
        self.size += size
        while self.size > self._limit:
            most = max(self._parts, key=self._parts.__getitem__)
            most.cut_short(OVERLOADED, "too much waits to be put together for this link")

    def done(self, leg: "MessageLeg") -> None:
        """Forget the leg's message, which is complete or never will be."""
        self.size -= self._parts.pop(leg, 0)


class MessageLeg(BridgeLeg):
    """Leg of one WebSocket, from the handshake on.  ``assembly`` is that of its link.

    A role says with :meth:`closing` what the original peer is told of an end, sets ``opened`` when the service has
    agreed, and calls :meth:`message` and :meth:`closed` with what the peer says.
    """

    __slots__ = (
        "_assembly",
        "_due",
        "_last",
        "_opcode",
        "_owed_pong",
        "_parts",
        "_size",
        "close_in",
        "close_out",
        "opened",
        "told",
    )

    def __init__(self, bridge: Bridge, assembly: Assembly) -> None:
        super().__init__(bridge)
        self._assembly = assembly
        self.opened = False
        #: Whether a close frame has come from the stream, and has gone to it.
        self.close_in = False
        self.close_out = False
        #: Whether the original peer knows that it is over.
        self.told = False
        #: Of the message that is being put together, 0 if none is.
        self._opcode = 0
        self._parts: list[bytes] = []
        self._size = 0
        #: Octets that a frame in pieces still lacks, and whether it is the message's last.
        self._due = 0
        self._last = False
        self._owed_pong: bytes | None = None

    def closing(self, code: int | None) -> WsClose | None:
        """Return what the original peer is told when our side has closed with this code; None if it need not be."""
        raise NotImplementedError

    # --- from the original peer ----------------------------------------------------------------------------

    def message(self, said: WsFrame) -> None:
        """Pass on a message, or a ping.  Continuations, and what else means nothing in this dialect, are dropped."""
        if self.over or self.close_out or not self.opened:
            return
        opcode, payload = said.opcode, said.payload
        if opcode in (TEXT, BINARY) or (opcode == PING and len(payload) <= _CONTROL_LIMIT):
            with self.sending() as stream:
                stream.send_frame(_FIN | opcode, payload)

    def closed(self, payload: bytes) -> None:
        """Close our side, as the original peer has closed its own, with a close frame that has this payload."""
        if not self.over and not self.close_out:
            self._close(payload)

    # --- from the stream -----------------------------------------------------------------------------------

    def frame_received(self, first: int, payload: bytes) -> None:
        if self.close_in:
            return
        opcode = first & 0x0F
        if opcode == CLOSE:
            self._closed_here(payload)
        elif self.close_out or opcode == PONG or (opcode == PING and self.stream.local_ended):
            return
        elif opcode == PING:
            if self.stream.paused:
                self._owed_pong = payload
            else:
                self.stream.send_frame(_FIN | PONG, payload)
        elif first & _FIN and not self._opcode:
            self.bridge.send(WsFrame(self.request_id, opcode, payload, True))
        else:
            self._begin(opcode, len(payload), bool(first & _FIN))
            self.frame_continued(payload)

    def frame_begun(self, first: int, length: int) -> None:
        if not self.close_in and not self.close_out:
            self._begin(first & 0x0F, length, bool(first & _FIN))

    def frame_continued(self, payload: bytes) -> None:
        if self.close_in or self.close_out:
            return
        self._due -= len(payload)
        self._parts.append(payload)
        self._assembly.grows(self, len(payload) + _FRAME_COST)
        if not self._due and self._last and not self.close_out:
            message, opcode = b"".join(self._parts), self._opcode
            self._drop()
            self.bridge.send(WsFrame(self.request_id, opcode, message, True))

    def ending_received(self, ending: Ending) -> None:
        """Nothing: the original dialect cannot say it."""

    def end_received(self, trailers: Headers) -> None:
        self._drop()
        if not self.close_in and not self.over:
            self.finish(VISITOR_GONE, "it ended without a close frame")
        self.over = True
        self.bridge.forget(self)
        self.stream.end()

    def resume_sending(self) -> None:
        super().resume_sending()
        payload, self._owed_pong = self._owed_pong, None
        if payload is not None and not self.close_out and not self.over:
            self.stream.send_frame(_FIN | PONG, payload)

    def reset_received(self, problem: Problem, message: str) -> None:
        self._drop()
        super().reset_received(problem, message)

    def exceeded(self) -> None:
        if not self.opened:
            super().exceeded()
        elif not self.over and not self.close_out:
            self.cut_short(FRAME_TOO_LARGE, _TOO_LARGE)

    # --- ends ----------------------------------------------------------------------------------------------

    def cut_short(self, problem: Problem, message: str) -> None:
        """Close it from here, both sides: with the code of this problem where there is a place for one."""
        payload = problem_close(problem, message)
        self._close(payload)
        self._tell(int.from_bytes(payload[:2], "big"))

    def tell_end(self, problem: Problem, message: str) -> None:
        self._drop()
        self._tell(int.from_bytes(problem_close(problem, "")[:2], "big"))

    def _begin(self, opcode: int, length: int, last: bool) -> None:
        self._opcode = self._opcode or opcode
        self._size += length
        self._due, self._last = length, last
        if self._size > WEBSOCKET_LIMIT:
            self.cut_short(FRAME_TOO_LARGE, _TOO_LARGE)

    def _drop(self) -> None:
        """Forget the message that is being assembled."""
        if self._opcode:
            self._assembly.done(self)
            self._opcode = self._size = self._due = 0
            self._parts = []

    def _close(self, payload: bytes) -> None:
        self._drop()
        self.close_out = True
        if not self.stream.local_ended:
            with self.sending() as stream:
                stream.send_frame(CLOSE_FRAME, payload)
                stream.end()

    def _closed_here(self, payload: bytes) -> None:
        self._drop()
        self.close_in = True
        if not self.close_out:
            self._close(verdict_on(payload))
        self._tell(int.from_bytes(payload[:2], "big") if len(payload) > 1 else None)
        self.bridge.forget(self)

    def _tell(self, code: int | None) -> None:
        if not self.told:
            self.told = True
            said = self.closing(code)
            if said is not None:
                self.bridge.send(said)


def may_be_sent(code: int) -> bool:
    """Whether a close frame may have this code (RFC 6455, 7.4)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def verdict_on(payload: bytes) -> bytes:
    """Return the payload of the close frame that a strict receiver answers one with this payload by."""
    if not payload:
        return b""
    if len(payload) == 1 or not may_be_sent(int.from_bytes(payload[:2], "big")):
        return close_payload(1002, BAD_FRAME.close_reason("a close frame with a code that must not be sent"))
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return close_payload(1007, BAD_FRAME.close_reason("the reason of a close frame is not UTF-8"))
    return payload
