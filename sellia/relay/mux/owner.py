"""Interface through which a session tells its end of what the peer opens and says."""

from typing import Protocol

from sellia.protocol.messages import Opening, SessionMessage
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.stream import Stream


class Owner(Protocol):
    """Maker of the legs of streams that the peer opens, and reader of its control messages."""

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        """Return the leg of a stream that the peer has opened.  It may use the stream at once."""

    def message_received(self, message: SessionMessage) -> None:
        """Act on a control message of the peer."""

    def leg_failed(self, number: int, leg: Leg, error: Exception) -> None:
        """Log ``error``, a defect of ours that the leg of a stream raised; the stream has been reset."""
