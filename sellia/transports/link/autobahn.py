"""Autobahn's frame parser as an intake uses it: given one frame at a time, and asked where in a frame it stands."""

from typing import Any

from autobahn.websocket.protocol import WebSocketProtocol


class AutobahnParser:
    """Parser of one of Autobahn's protocols."""

    __slots__ = ("_protocol",)

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    @property
    def listening(self) -> bool:
        """Whether the WebSocket is open, and neither side has sent a close frame."""
        return bool(self._protocol.state == WebSocketProtocol.STATE_OPEN)

    @property
    def closing(self) -> bool:
        """Whether the peer's answer to our close frame is awaited."""
        return bool(self._protocol.state == WebSocketProtocol.STATE_CLOSING)

    @property
    def between_messages(self) -> bool:
        """Whether the WebSocket is `listening`, and a new message may begin with the next byte."""
        protocol = self._protocol
        return bool(
            protocol.state == WebSocketProtocol.STATE_OPEN
            and protocol.current_frame is None
            and not protocol.data
            and not protocol.inside_message
        )

    @property
    def mid_frame(self) -> int:
        """Bytes that the frame in Autobahn's hands still lacks; -1 if its head is not whole, 0 if there is none."""
        protocol = self._protocol
        if protocol.current_frame is None:
            return -1 if protocol.data else 0
        return int(protocol.current_frame.length - protocol.current_frame_masker.pointer())

    @property
    def mid_message(self) -> bool:
        """Whether the next data frame continues a message that has begun."""
        return bool(self._protocol.inside_message)

    def parse(self, data: bytes) -> None:
        """Give these bytes to Autobahn."""
        self._protocol._dataReceived(data)

    def stop(self) -> None:
        """Cancel the timer of a closing handshake, which would keep a link that is lost in memory."""
        closing = getattr(self._protocol, "closeHandshakeTimeoutCall", None)
        if closing is not None:
            closing.cancel()
            self._protocol.closeHandshakeTimeoutCall = None

    def shake(self, data: bytes) -> bytes:
        """Hand over what belongs to the opening handshake, and no more; what is behind it comes back.

        All of an answer belongs to it that is no 101, the body too.
        """
        known = self._protocol.data
        begin = (known + data[:16])[:16]
        if begin.startswith(b"HTTP/") and b" 101" not in begin:
            self.parse(data)
            return b""
        end = (known[-3:] + data).find(b"\r\n\r\n")
        size = len(data) if end < 0 else end + 4 - len(known[-3:])
        self.parse(data[:size])
        return data[size:]

    def let_go(self) -> bytes:
        """Forget the frame that it is in; the bytes of its head, if that was not whole, come back."""
        protocol = self._protocol
        protocol.current_frame = None
        protocol.inside_message = False
        head: bytes = protocol.data
        protocol.data = b""
        return head
