"""Codec of the native protocol: link messages, parcels, and the records inside parcels.

A link message is one binary WebSocket message.  Its first byte tells which:

* ``0``: one unnumbered message of the link, MessagePack (``messages.LinkMessage``);
* ``1``: a *parcel*: eight bytes of cumulative ack, then records.  Parcels are numbered by their order in the session.

A record is fourteen bytes of header (kind, flags, stream, length of the payload) and its payload.  Unknown kinds are
skipped, so that a newer peer can say more than an older one understands.  Bulk payloads are copied once into the
parcel and once out of it, never re-encoded.

Nothing here allocates by a length that a peer only claims: lengths are checked against what has arrived.
Every fault of the peer raises :class:`sellia.errors.ProtocolError`, and nothing else is raised.
"""

import struct
from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec

from sellia.errors import ProtocolError
from sellia.protocol.limits import CONTROL_LIMIT, HEAD_LIMIT, HEADER_COUNT_LIMIT
from sellia.protocol.messages import (
    Ending,
    Headers,
    LinkMessage,
    Opening,
    Reset,
    ResponseHead,
    SessionMessage,
    Trailers,
)

T = TypeVar("T")

#: First byte of a link message.
LINK: Final = 0
PARCEL: Final = 1

#: Record kinds.
OPEN: Final = 1  #: an ``Opening``; flag END: no body follows
HEAD: Final = 2  #: a ``ResponseHead``; flag END: no body follows
DATA: Final = 3  #: bytes of a body or a TCP connection; flag END: the last (may be empty)
TRAILERS: Final = 4  #: ``Trailers``: ends its direction
FRAME: Final = 5  #: one whole WebSocket frame; the flags are its first byte (fin, rsv, opcode)
FRAME_BEGIN: Final = 6  #: the head of a frame whose payload follows in pieces: first byte as flags, 8 bytes of length
FRAME_MORE: Final = 7  #: a piece of the payload of the frame begun
RESET: Final = 8  #: a ``Reset``
CREDIT: Final = 9  #: four bytes: so much more may be sent on this stream
BLOCKED: Final = 10  #: empty: the sender has more for this stream than its credit allows
ENDING: Final = 11  #: an ``Ending``: whose the close frame is that follows
CONTROL: Final = 16  #: a ``SessionMessage``; stream 0

#: Those that a stream's leg is told of in order.
STREAM_RECORDS: Final = frozenset((HEAD, DATA, TRAILERS, FRAME, FRAME_BEGIN, FRAME_MORE, ENDING))

#: Flag of OPEN, HEAD and DATA: the sender has ended its direction of the stream.
END: Final = 1

_record = struct.Struct("!BBQI")
_parcel = struct.Struct("!BQ")
_u32 = struct.Struct("!I")
_u64 = struct.Struct("!Q")

RECORD_HEADER: Final = _record.size
PARCEL_HEADER: Final = _parcel.size
FRAME_LENGTH: Final = _u64.size

pack_record = _record.pack
pack_parcel = _parcel.pack
pack_credit = _u32.pack
pack_length = _u64.pack

_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode

_link_decoder: msgspec.msgpack.Decoder[LinkMessage] = msgspec.msgpack.Decoder(LinkMessage)
_opening_decoder: msgspec.msgpack.Decoder[Opening] = msgspec.msgpack.Decoder(Opening)
_head_decoder = msgspec.msgpack.Decoder(ResponseHead)
_trailers_decoder = msgspec.msgpack.Decoder(Trailers)
_ending_decoder = msgspec.msgpack.Decoder(Ending)
_reset_decoder = msgspec.msgpack.Decoder(Reset)
_control_decoder: msgspec.msgpack.Decoder[SessionMessage] = msgspec.msgpack.Decoder(SessionMessage)

_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def encode_link(message: LinkMessage) -> bytes:
    """Encode a link message."""
    return b"\x00" + encode(message)


def decode_link(payload: bytes) -> LinkMessage | None:
    """Decode a link message of type ``LINK``; None for one of a kind that this version does not know."""
    if len(payload) > CONTROL_LIMIT:
        raise ProtocolError("a link message is longer than the limit")
    try:
        return _link_decoder.decode(memoryview(payload)[1:])
    except msgspec.ValidationError as error:
        if "Invalid value" in str(error) and str(error).endswith("$[0]`"):
            return None
        raise ProtocolError(f"a link message is malformed: {error}") from None
    except _FAULTS as error:
        raise ProtocolError(f"a link message is malformed: {error}") from None


def parcel_ack(message: bytes) -> int:
    """Decode the cumulative ack at the head of a parcel."""
    if len(message) < PARCEL_HEADER:
        raise ProtocolError("a parcel is shorter than its header")
    ack: int = _parcel.unpack_from(message)[1]
    return ack


def records(message: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Decode the records of a parcel, in order: ``(kind, flags, stream, payload)`` of each."""
    unpack = _record.unpack_from
    offset, end = PARCEL_HEADER, len(message)
    last_header = end - RECORD_HEADER
    while offset < end:
        if offset > last_header:
            raise ProtocolError("a record's header is cut off")
        kind, flags, stream, length = unpack(message, offset)
        offset += RECORD_HEADER
        stop = offset + length
        if stop > end:
            raise ProtocolError("a record is cut off")
        yield kind, flags, stream, message[offset:stop]
        offset = stop


def _decode(decoder: msgspec.msgpack.Decoder[T], payload: bytes, limit: int, what: str) -> T:
    if len(payload) > limit:
        raise ProtocolError(f"{what} is longer than the limit")
    try:
        return decoder.decode(payload)
    except _FAULTS as error:
        raise ProtocolError(f"{what} is malformed: {error}") from None


def _counted(headers: Headers) -> None:
    if len(headers) > HEADER_COUNT_LIMIT:
        raise ProtocolError("a head has more fields than the limit")


def decode_opening(payload: bytes) -> Opening:
    """Decode the payload of an OPEN record."""
    opening = _decode(_opening_decoder, payload, HEAD_LIMIT, "an opening")
    headers = getattr(opening, "headers", None)
    if headers is not None:
        _counted(headers)
    return opening


def decode_head(payload: bytes) -> ResponseHead:
    """Decode the payload of a HEAD record."""
    head = _decode(_head_decoder, payload, HEAD_LIMIT, "a response head")
    _counted(head.headers)
    return head


def decode_trailers(payload: bytes) -> Trailers:
    """Decode the payload of a TRAILERS record."""
    trailers = _decode(_trailers_decoder, payload, HEAD_LIMIT, "a trailer section")
    _counted(trailers.headers)
    return trailers


def decode_reset(payload: bytes) -> Reset:
    """Decode the payload of a RESET record."""
    return _decode(_reset_decoder, payload, CONTROL_LIMIT, "a reset")


def decode_ending(payload: bytes) -> Ending:
    """Decode the payload of an ENDING record."""
    return _decode(_ending_decoder, payload, CONTROL_LIMIT, "an ending")


def decode_control(payload: bytes) -> SessionMessage | None:
    """Decode the payload of a CONTROL record; None for one of a kind that this version does not know."""
    if len(payload) > CONTROL_LIMIT:
        raise ProtocolError("a control record is longer than the limit")
    try:
        return _control_decoder.decode(payload)
    except msgspec.ValidationError as error:
        if "Invalid value" in str(error) and str(error).endswith("$[0]`"):
            return None
        raise ProtocolError(f"a control record is malformed: {error}") from None
    except _FAULTS as error:
        raise ProtocolError(f"a control record is malformed: {error}") from None


def decode_credit(payload: bytes) -> int:
    """Decode the payload of a CREDIT record."""
    if len(payload) != _u32.size:
        raise ProtocolError("a credit record has the wrong length")
    amount: int = _u32.unpack(payload)[0]
    return amount


def decode_frame_length(payload: bytes) -> int:
    """Decode the length in a FRAME_BEGIN record."""
    if len(payload) != FRAME_LENGTH:
        raise ProtocolError("a frame's length has the wrong size")
    length: int = _u64.unpack_from(payload)[0]
    return length
