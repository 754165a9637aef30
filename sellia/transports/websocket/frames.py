"""WebSocket frames on a socket, parsed by Autobahn and handed on one by one as they are received.

Autobahn's own message layer assembles, inflates, validates text and answers pings.  A relay must do none of that, so
:class:`FrameSocket` takes the parser (``processData``) with its checks of the frame rules, and replaces all that lies
above it: frames go out as they came in, with their first byte (fin, rsv, opcode) untouched.  Frames that arrive
whole are handed on whole; of others the pieces are handed on as they arrive, so that a large frame is never held
and a receiver that fails fast fails as fast as if it were directly connected.

Whole frames of the usual kind, which are nearly all, are found without Autobahn (see ``scan``); it sees whatever else
comes, and judges it.

The opening handshake is not done here: by the time a FrameSocket exists the service has answered with 101, and the
socket is handed over by the HTTP parser that read it.

Control frames have at most 125 bytes and are always handed on whole.  After a close frame, or after a violation,
what the peer still sends is read and dropped.

Bounds: frames stream, so neither they nor messages need a size to protect the relay; they have one where it is set.  A
message has a number of fragments, few of which in a row may be empty: it could otherwise go on for ever without saying
anything.  Control frames have a rate, since each makes the other end work; the burst is what may have piled up while a
link was away and then comes at once.
"""

from collections.abc import Callable
from typing import Any, Final

from autobahn.websocket.protocol import WebSocketProtocol

from sellia.errors import ProtocolError
from sellia.problems import TOO_MANY_FRAMES, Problem
from sellia.relay.limits.token_bucket import Bucket
from sellia.relay.limits.websocket import FrameLimits, MessageMeter
from sellia.transports.websocket.fast_path import span
from sellia.transports.websocket.masking import Masker, mask, masked_frame, masker, new_key

TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

#: First byte of an unfragmented close frame.
CLOSE_FRAME: Final = 0x80 | CLOSE

#: The same of a pong.
PONG_FRAME: Final = 0x80 | PONG

_SMALL: Final = [bytes((length,)) for length in range(126)]
_SMALL_MASKED: Final = [bytes((0x80 | length,)) for length in range(126)]
_FIRST: Final = [bytes((first,)) for first in range(256)]


#: First bytes of frames that need no closer look: between messages, the same with RSV1 agreed, and inside a message.
_BETWEEN: Final = frozenset((0x01, 0x02, 0x81, 0x82, 0x89, 0x8A))
_BETWEEN_COMPRESSED: Final = _BETWEEN | {0x41, 0x42, 0xC1, 0xC2}
_INSIDE: Final = frozenset((0x00, 0x80, 0x89, 0x8A))

#: Bytes of a control frame's payload, at most (RFC 6455, 5.5).
_CONTROL_LIMIT: Final = 125


def frame_head(first: int, length: int, masked: bool) -> bytes:
    """Return the head of a frame (RFC 6455, 5.2), without the masking key."""
    if length < 126:
        return _FIRST[first] + (_SMALL_MASKED if masked else _SMALL)[length]
    bit = 0x80 if masked else 0
    if length < 0x10000:
        return bytes((first, bit | 126)) + length.to_bytes(2, "big")
    return bytes((first, bit | 127)) + length.to_bytes(8, "big")


def close_payload(code: int | None, reason: str = "") -> bytes:
    """Return the payload of a close frame; the reason is cut to what fits, at a character's boundary."""
    if code is None:
        return b""
    return code.to_bytes(2, "big") + reason.encode("utf-8")[:123].decode("utf-8", "ignore").encode("utf-8")


def parse_close(payload: bytes) -> tuple[int | None, str]:
    """Return code and reason of a close frame's payload, for people: a broken one is not refused here."""
    if len(payload) < 2:
        return None, ""
    return int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace")


def problem_close(problem: Problem, message: str) -> bytes:
    """Return the payload of the close frame that tells of a problem."""
    code = problem.close_code if problem.close_code is not None else 1011
    return close_payload(code, f"{problem.code}: {message}" if message else problem.code)


class _AnyCompression:
    """Extension that tells the parser that RSV1 was agreed on, end to end; nothing is inflated here."""

    EXTENSION_NAME = "permessage-*"


class FrameSocket(WebSocketProtocol):
    """Frames of one WebSocket, parsed and written; a subclass acts on those that are received.

    ``factory`` is an Autobahn factory whose ``isServer`` says which side of the socket we are: it decides who masks.
    ``write`` sends bytes to the socket.
    """

    #: Autobahn's options, as class attributes: an idle WebSocket should not carry a copy of each.
    requireMaskedClientFrames = True
    acceptMaskedServerFrames = False
    failByDrop = False
    applyMask = False  # payloads are unmasked here, see masking
    logOctets = False
    logFrames = False

    #: What is more than this is refused, with 1009 or 1008.
    limits = FrameLimits()

    _control_rate: Bucket | None = None
    _meter: MessageMeter | None = None

    factory: Any
    current_frame: Any

    def __init__(self, factory: Any, compressed: bool, write: Callable[[bytes | memoryview], None]) -> None:
        self._write = write
        # Not super().__init__: it makes two Deferreds and an observer table that nothing here uses.
        self.factory = factory
        self._masks = not factory.isServer
        self._perMessageCompress = _AnyCompression if compressed else None  # type: ignore[assignment]
        self.state = WebSocketProtocol.STATE_OPEN
        self.data = b""
        self.current_frame = None
        self.inside_message = False
        self.deaf = False
        self._pieces = False
        self._control: bytes | None = None
        self._unmasker: Masker | None = None
        self._out_masker: Masker | None = None
        self._out_left = 0

    # --- in ------------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Parse bytes from the socket.  Raises ProtocolError; after that, and after ``deaf`` is set, all is dropped."""
        if self.data:
            data = self.data + data
        while data and not self.deaf:
            if self.current_frame is None:
                self.data = b""
                data = self._usual(data)
                if not data:
                    return
            self.data = data
            if not self._unusual():
                return
            data = self.data

    def _unusual(self) -> bool:
        """Let Autobahn have the next frame, or what there is of it; whether there is more behind it."""
        more = self.processData()
        while more and self.current_frame is not None and not self.deaf:
            more = self.processData()
        return more

    def _usual(self, data: bytes) -> bytes:
        """Hand on the whole frames of the usual kind at the start of ``data``; return what is left, for Autobahn."""
        masked = not self._masks
        between = _BETWEEN if self._perMessageCompress is None else _BETWEEN_COMPRESSED
        known = _INSIDE if self.inside_message else between
        offset, end, limit = 0, len(data), self.limits.whole
        while offset < end:
            first = data[offset]
            if first not in known:
                break
            start, stop = span(data, offset, masked)
            if start < 0 or stop > end or stop - start > (_CONTROL_LIMIT if first & CLOSE else limit):
                break
            payload = data[start:stop]
            if masked and payload:
                payload = mask(payload, data[start - 4 : start])
            offset = stop
            if first & CLOSE:
                self._controlled()
            else:
                if known is _INSIDE or first < 0x80:
                    self._metered(first, stop - start)
                self.inside_message = first < 0x80
                known = _INSIDE if first < 0x80 else between
            self.frame(first, payload)
            if self.deaf:
                return b""
        return data[offset:] if offset else data

    def frame(self, first: int, payload: bytes) -> None:
        """Act on a whole frame."""
        raise NotImplementedError

    def frame_begins(self, first: int, length: int) -> None:
        """Act on the head of a data frame whose payload arrives in pieces."""
        raise NotImplementedError

    def frame_more(self, payload: bytes) -> None:
        """Act on a piece of it."""
        raise NotImplementedError

    def _protocol_violation(self, reason: str) -> bool:
        self._deafen()
        raise ProtocolError(reason, 1002)

    def onFrameBegin(self) -> None:
        frame = self.current_frame
        opcode = frame.opcode
        if opcode >= CLOSE:
            self._controlled()
            return
        if frame.length > self.limits.whole or not (opcode and frame.fin):
            self._metered(frame.fin << 7 | opcode, frame.length)
        self.inside_message = not frame.fin

    def _metered(self, first: int, length: int) -> None:
        """Count a fragment, or a frame that may be too long, at its head."""
        meter = self._meter
        if meter is None:
            meter = self._meter = MessageMeter(self.limits)
        try:
            meter.frame(first, length)
        except ProtocolError:
            self._deafen()
            raise

    def _deafen(self) -> None:
        """Drop what has come and what comes."""
        self.deaf = True
        self.data = b""

    def _controlled(self) -> None:
        """Count a control frame at its head."""
        bucket = self._control_rate
        if bucket is None:
            bucket = self._control_rate = Bucket(self.limits.control)
        if bucket.take(self.now()):
            self._deafen()
            what = f"more than {self.limits.control.per_second:g} control frames a second"
            raise self.limits.exceeded(1008, TOO_MANY_FRAMES, what, "websocket.control_frames")

    def now(self) -> float:
        """Return the time, in seconds from whenever."""
        raise NotImplementedError

    def onFrameData(self, payload: bytes) -> None:
        frame = self.current_frame
        length = frame.length
        if self._pieces:
            if payload:
                unmasker = self._unmasker
                self.frame_more(payload if unmasker is None else unmasker.process(payload))
        elif len(payload) == length:
            self._control = mask(payload, frame.mask) if frame.mask and length else payload
        elif frame.opcode < CLOSE:
            self._pieces = True
            self.frame_begins(frame.fin << 7 | frame.rsv << 4 | frame.opcode, length)
            if frame.mask:
                self._unmasker = unmasker = masker(frame.mask, length)
                payload = unmasker.process(payload)
            if payload:
                self.frame_more(payload)
        else:  # a control frame in pieces: put it together
            if self._unmasker is None and frame.mask:
                self._unmasker = masker(frame.mask, length)
            if self._unmasker is not None:
                payload = self._unmasker.process(payload)
            self._control = (self._control or b"") + payload

    def onFrameEnd(self) -> None:
        frame = self.current_frame
        self.current_frame = None
        self._unmasker = None
        if self._pieces:
            self._pieces = False
            return
        payload, self._control = self._control or b"", None
        if frame.opcode == CLOSE:
            self.deaf = True
            self.data = b""
        self.frame(frame.fin << 7 | frame.rsv << 4 | frame.opcode, payload)

    # --- out -----------------------------------------------------------------------------------------------

    def write_frame(self, first: int, payload: bytes) -> None:
        """Write a whole frame."""
        length = len(payload)
        if self._masks:
            self._write(masked_frame(frame_head(first, length, True), new_key(), payload))
        elif length < 0x1000:
            self._write(frame_head(first, length, False) + payload)
        else:
            self._write(frame_head(first, length, False))
            self._write(payload)

    def write_begin(self, first: int, length: int) -> None:
        """Write the head of a frame whose payload follows in pieces."""
        self._out_left = length
        if self._masks:
            key = new_key()
            self._out_masker = masker(key, length)
            self._write(frame_head(first, length, True) + key)
        else:
            self._write(frame_head(first, length, False))

    def write_more(self, payload: bytes) -> bool:
        """Write a piece of it; return False, and write nothing, if the frame's length does not allow for it."""
        left = self._out_left - len(payload)
        if left < 0:
            return False
        self._out_left = left
        out_masker = self._out_masker
        self._write(payload if out_masker is None else out_masker.process(payload))
        if not left:
            self._out_masker = None
        return True

    @property
    def inside_in_frame(self) -> bool:
        """Whether a frame is being received in pieces, and its rest is still to come."""
        return self._pieces

    @property
    def inside_out_frame(self) -> bool:
        """Whether a frame that was begun has not been written to its end, so that no other may be written."""
        return self._out_left > 0
