"""Sends messages into WebSockets that are open, to either end, between the messages that pass."""

from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred

from sellia.client.inspector.answers import ApiError
from sellia.inspector.exchange import Exchange
from sellia.transports.websocket.frames import CLOSE, parse_close
from sellia.transports.websocket.pipe import WebSocketLeg

#: Seconds to wait for the end of a message that is under way, and between two looks.
PATIENCE: Final = 5.0
STEP: Final = 0.01

#: Bytes of a control frame's payload (RFC 6455, 5.5).
_CONTROL: Final = 125


class Actor(Protocol):
    """Client whose WebSockets are sent into."""

    clock: Any

    @property
    def client(self) -> Any:
        """The client, a `ClientService`.  Raises ApiError where there is none."""


def pipe_of(actor: Actor, exchange: Exchange) -> WebSocketLeg:
    """Return the leg of a WebSocket that is open.  Raises ApiError."""
    for service in actor.client.session.tunnels.services:
        for pipe in service.pipes.open:
            observer: Any = pipe.observer
            if observer is not None and observer.exchange(pipe.record.number) is exchange:
                found: WebSocketLeg = pipe
                return found
    raise ApiError(409, "not-open", "This exchange is no WebSocket that is open now.")


async def send_frame(actor: Actor, exchange: Exchange, to_service: bool, opcode: int, payload: bytes) -> int | None:
    """Send a message of one frame, and return its number in the timeline; None for a close.  Raises ApiError.

    It waits while another message is under way in that direction.
    """
    if opcode >= CLOSE and len(payload) > _CONTROL:
        raise ApiError(422, "bad-body", f"The payload of a control frame has {_CONTROL} bytes at most.")
    if opcode == 1:
        _check_text(payload)
    waited = 0.0
    while not _send(pipe_of(actor, exchange), exchange, to_service, opcode, payload):
        if waited >= PATIENCE:
            raise ApiError(409, "busy", "Another message is under way in this direction, and does not end: try again.")
        waited += STEP
        pause: Deferred[None] = Deferred()
        actor.clock.callLater(STEP, pause.callback, None)
        await pause
    timeline = exchange.timeline
    return None if opcode == CLOSE or timeline is None else timeline.count - 1


def _send(pipe: WebSocketLeg, exchange: Exchange, to_service: bool, opcode: int, payload: bytes) -> bool:
    if opcode == CLOSE:
        code, reason = parse_close(payload)
        return pipe.close(code or 1000, reason)
    timeline = exchange.timeline
    if timeline is None:
        return False
    way = timeline.visitor if to_service else timeline.service
    if way.pieces is not None or (opcode < CLOSE and way.begin >= 0):
        return False
    first = 0x80 | opcode
    if not pipe.inject(to_service, first, payload):
        raise ApiError(409, "not-open", "This WebSocket is closing: nothing more can be sent this way.")
    observer: Any = pipe.observer
    observer.injected(pipe.record.number, to_service, first, payload)
    return True


def _check_text(payload: bytes) -> None:
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        raise ApiError(422, "bad-body", "A text message must be UTF-8: send it as binary.") from None
