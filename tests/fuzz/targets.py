"""The targets: each takes octets, and raises AssertionError if they make Sellia do what it must not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import cache
from typing import Any

import h11

from sellia.client.settings import load as load_client
from sellia.errors import LimitExceeded, ProblemError, ProtocolError, SettingsError
from sellia.problems import CLIENT_GONE
from sellia.protocol import native
from sellia.protocol.client_hello import ClientHello, ClientHelloReader
from sellia.protocol.messages import Headers, HttpRequest, Opening, ResponseHead, SessionMessage
from sellia.protocol.original import messages as original
from sellia.relay.http.headers import response_to_visitor
from sellia.relay.http.responses import ResponseReader, check_head
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream
from sellia.server.settings import load as load_server
from sellia.transports.websocket.frames import FrameSocket
from sellia.transports.websocket.pipe import ServiceWebSocketFactory, VisitorWebSocketFactory
from tests.fuzz import stages
from tests.relay.scripts import RecordingLeg
from tests.server.reading import Sink, reader

# --- requests ------------------------------------------------------------------------------------------------------

_Request = tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...], bytes]

H11_IS_STRICTER = (
    "Missing mandatory Host",  # this is for who routes
    "Found multiple Host",
    "illegal chunk header",  # more than 20 digits
    "no request line received",  # blank lines before a request
)
"""What h11 refuses, and the reader need not."""


def http1(data: bytes) -> None:
    """
    The ingress's reader, with h11 as an oracle: each request that was read whole is one for h11 as well, the same.

    The first octet says into how many pieces the rest is cut, and however it is cut, the same is read.
    """
    if len(data) < 2:
        return
    pieces, data = data[0], data[1:]
    whole = read([data])
    size = max(1, len(data) // (pieces % 16 + 1))
    cut = read([data[at : at + size] for at in range(0, len(data), size)])
    shorter = min(len(whole), len(cut))
    assert whole[:shorter] == cut[:shorter], (whole, cut)
    compare(whole, data)


def read(pieces: list[bytes]) -> list[_Request]:
    """The requests that the reader finds, whole ones only, until an upgrade or a refusal."""
    sink = Sink()
    it = reader(sink)
    try:
        for piece in pieces:
            while piece and not it.upgraded:
                piece = it.feed(piece)
    except ProblemError:
        pass
    found = []
    for request, body, _ in zip(sink.requests, sink.bodies, sink.ends, strict=False):
        fields = tuple((name.lower(), _plain(name, value)) for name, value in request.headers)
        found.append((request.method, request.target, fields, body))
        if request.minor == 0:
            break  # h11 keeps no such connection alive
    return found


def _plain(name: bytes, value: bytes) -> bytes:
    """A value as h11 gives it."""
    value = value.strip(b" \t")
    return value.lower() if name.lower() == b"transfer-encoding" else value


def compare(found: list[_Request], data: bytes) -> None:
    """h11 reads the same requests."""
    oracle = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    oracle.receive_data(data)
    for number, (method, target, fields, body) in enumerate(found):
        try:
            event: Any = oracle.next_event()
            assert isinstance(event, h11.Request), (event, found)
            assert (event.method, event.target) == (method, target), (event, found)
            theirs = tuple((bytes(name), bytes(value)) for name, value in event.headers)
            assert sorted(theirs) == sorted(fields), (theirs, fields)
            came = b""
            while isinstance(event := oracle.next_event(), h11.Data):
                came += event.data
            assert isinstance(event, h11.EndOfMessage), (event, found)
            assert came == body, (came, body)
            oracle.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            oracle.send(h11.EndOfMessage())
            if oracle.our_state is h11.MUST_CLOSE:
                return
            oracle.start_next_cycle()
        except h11.RemoteProtocolError as error:
            if any(str(error).startswith(each) for each in H11_IS_STRICTER):
                return
            if str(error).startswith("illegal request line") and (b"  " in data or "(b'\\r" in str(error)):
                return  # two spaces, which the service gets as one, or half a blank line before a request
            raise AssertionError(f"h11 does not read request {number} of {found}: {error}") from error


# --- WebSocket frames ----------------------------------------------------------------------------------------------


class _Socket(FrameSocket):
    """Writes down what it hands on, pieces put together."""

    def __init__(self, visitor: bool, compressed: bool) -> None:
        self.out = bytearray()
        super().__init__(_factories()[visitor], compressed, self.out.extend)
        self.seen: list[tuple[int, bytes]] = []
        self.whole = True

    def frame(self, first: int, payload: bytes) -> None:
        assert self.whole
        self.seen.append((first, bytes(payload)))

    def now(self) -> float:
        return 0.0

    def frame_begins(self, first: int, length: int) -> None:
        assert self.whole and not first & 8
        self.seen.append((first, b""))
        self.missing = length
        self.whole = not length

    def frame_more(self, payload: bytes) -> None:
        assert payload and not self.whole
        first, before = self.seen[-1]
        self.seen[-1] = first, before + payload
        self.missing -= len(payload)
        assert self.missing >= 0
        self.whole = not self.missing


@cache
def _factories() -> dict[bool, Any]:
    from twisted.internet.task import Clock

    return {True: VisitorWebSocketFactory(Clock()), False: ServiceWebSocketFactory(Clock())}


def _frames(pieces: list[bytes], visitor: bool, compressed: bool) -> tuple[_Socket, int | None]:
    socket = _Socket(visitor, compressed)
    try:
        for piece in pieces:
            socket.feed(piece)
    except ProtocolError as violation:
        assert violation.code in (1002, 1007, 1008, 1009)
        return socket, violation.code
    return socket, None


def frames(data: bytes) -> None:
    """The WebSocket edge: however they are cut, the same frames are handed on, and end with the same verdict."""
    if len(data) < 2:
        return
    options, data = data[0], data[1:]
    visitor, compressed = bool(options & 1), bool(options & 2)
    whole, verdict = _frames([data], visitor, compressed)
    size = max(1, len(data) // (options >> 2 | 1))
    cut, again = _frames([data[at : at + size] for at in range(0, len(data), size)], visitor, compressed)
    assert (whole.seen, verdict) == (cut.seen, again), (whole.seen, verdict, cut.seen, again)
    # What was handed on, written by the other side, is read as the same.
    writer = _Socket(not visitor, compressed)
    frames_out = whole.seen if whole.whole else whole.seen[:-1]
    for first, payload in frames_out:
        writer.write_frame(first, payload)
    if verdict is None:
        back, none = _frames([bytes(writer.out)], visitor, compressed)
        assert none is None
        assert back.seen == frames_out, (back.seen, frames_out)


# --- the native dialect --------------------------------------------------------------------------------------------

_DECODERS: list[Callable[[bytes], Any]] = [
    native.decode_link,
    native.decode_opening,
    native.decode_head,
    native.decode_trailers,
    native.decode_reset,
    native.decode_control,
    native.decode_credit,
    native.decode_frame_length,
    lambda data: list(native.records(data)),
]


def codec(data: bytes) -> None:
    """Each decoder of the native dialect: a value that is encoded as one that decodes to the same, or ProtocolError."""
    if not data:
        return
    decoder = _DECODERS[data[0] % len(_DECODERS)]
    try:
        value = decoder(data[1:])
    except ProtocolError:
        return
    if value is not None and hasattr(value, "__struct_fields__"):
        encoded = native.encode(value)
        again = decoder(b"\x00" + encoded) if decoder is native.decode_link else decoder(encoded)
        assert again == value or _has_nan(value), (again, value)


def _has_nan(value: Any) -> bool:
    each = [getattr(value, name) for name in value.__struct_fields__]
    return any(isinstance(one, float) and one != one for one in each)


class _Party:
    """The owner of a session that is fuzzed, and its link."""

    writable = True

    def __init__(self, even: bool) -> None:
        self.session = Session(self, self.schedule, even=even)
        self.sent = 0
        if even:
            for number in range(3):
                self.session.open(HttpRequest(1, b"GET", b"/", []), RecordingLeg(), end=bool(number))
        self.session.attach(self, 0)
        self.session.flush()

    def send(self, message: bytes) -> None:
        self.sent += len(message)

    def schedule(self, flush: Callable[[], None]) -> None:
        """It is flushed after each message."""

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        leg = RecordingLeg()
        if opening.tunnel & 1:
            stream.send_data(b"x" * 1000)
        if opening.tunnel & 2:
            stream.end()
        return leg

    def message_received(self, message: SessionMessage) -> None:
        """Whatever it says."""

    def leg_failed(self, number: int, leg: Leg, error: Exception) -> None:
        raise AssertionError(f"a leg failed: {error!r}") from error


_KINDS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 99)
_OPENING = native.encode(HttpRequest(1, b"GET", b"/", []))
_PAYLOADS = {
    native.OPEN: _OPENING,
    native.HEAD: b"\x94\xa4head\xcc\xc8\xc4\x02OK\x90",
    native.TRAILERS: b"\x92\xa8trailers\x90",
    native.RESET: b"\x92\xa5reset\xa1x",
    native.CREDIT: b"\x00\x00\x10\x00",
    native.FRAME_BEGIN: bytes(7) + b"\x05",
}


def session(data: bytes) -> None:
    """
    A session that is told parcels: only ProtocolError comes of it, the invariants hold, and what it sends is bounded.

    Octets are read as a script: a role, then records, with a stream and a payload that is right for the kind, or is
    taken from the octets themselves.
    """
    if not data:
        return
    party = _Party(even=bool(data[0] & 1))
    at, parcels = 1, 0
    try:
        while at + 4 <= len(data):
            kind, flags, stream, size = data[at], data[at + 1], data[at + 2], data[at + 3]
            at += 4
            number = _KINDS[kind % len(_KINDS)]
            payload = _PAYLOADS.get(number) if size < 128 else None
            if payload is None:
                payload = data[at : at + size % 64] * (1 + 64 * (flags >> 6))
                at += size % 64
            record = native.pack_record(
                number, flags & 0x3F if number == native.FRAME else flags & 1, stream, len(payload)
            )
            ack = min(party.session.out.sent, flags >> 2) if flags & 2 else party.session.out.acked
            parcels += 1
            party.session.receive(native.pack_parcel(native.PARCEL, ack) + record + payload)
            party.session.flush()
            party.session.check_invariants()
    except ProtocolError:
        pass
    assert party.session.received <= parcels
    assert party.sent < 1_000_000
    party.session.close(CLIENT_GONE, "")


def parcel(data: bytes) -> None:
    """A session that is told octets as they are."""
    party = _Party(even=True)
    try:
        party.session.receive(data)
        party.session.flush()
    except ProtocolError:
        return
    party.session.check_invariants()


# --- the original dialect ------------------------------------------------------------------------------------------


def original_dialect(data: bytes) -> None:
    """The original's codec: a message that is encoded as one that decodes to the same, or none, or LimitExceeded."""
    original.id_in(data[:256])
    try:
        message = original.decode(data)
    except LimitExceeded:
        return
    if message is not None:
        again = original.decode(original.encode(message))
        assert again == message, (again, message)


# --- settings ------------------------------------------------------------------------------------------------------


@cache
def _file() -> str:
    directory = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    return os.path.join(directory, "sellia.yaml")


def settings(data: bytes) -> None:
    """A settings file: settings, or one line that says what is wrong, without a character that a terminal acts on."""
    with open(_file(), "wb") as file:
        file.write(data)
    for load in (load_server, load_client):
        try:
            load({}, {}, _file())
        except SettingsError as error:
            for line in str(error).split("\n"):
                assert line.isprintable(), str(error)


def responses(data: bytes) -> None:
    """
    The client's reader of services' answers: however they are cut, the same is read, and what goes on is clean.

    The first octet says into how many pieces the rest is cut, and whether the request was a HEAD.
    """
    if len(data) < 2:
        return
    cuts, data = data[0], data[1:]
    size = max(1, len(data) // (cuts % 16 + 1))
    whole = _answer([data], cuts > 127)
    cut = _answer([data[at : at + size] for at in range(0, len(data), size)], cuts > 127)
    if whole is not None and cut is not None:
        assert whole == cut, (whole, cut)
    for found in (whole, cut):
        if found is not None:
            for status, reason, headers in found[0]:
                check_head(ResponseHead(status, reason, response_to_visitor(headers, status)))


def _answer(pieces: list[bytes], bodiless: bool) -> tuple[list[tuple[int, bytes, Headers]], bytes, bool] | None:
    """The heads, the body and whether there is an end; None for what is refused."""
    heads: list[tuple[int, bytes, Headers]] = []
    it = ResponseReader(lambda status, reason, headers: heads.append((status, reason, headers)))
    it.begin(bodiless=bodiless)
    try:
        for piece in pieces:
            if not it.complete:
                it.feed(piece)
    except ProblemError:
        return None
    if it.head is not None:
        heads.append(it.head[:3])
    return heads, b"".join(it.body), it.complete


def client_hello(data: bytes) -> None:
    """
    The reader of names in TLS: however a connection is cut, the same is read, and all of it is kept.

    The first octet says into how many pieces the rest is cut.
    """
    if len(data) < 2:
        return
    cuts, data = data[0], data[1:]
    size = max(1, len(data) // (cuts % 16 + 1))
    whole = _hello([data])
    cut = _hello([data[at : at + size] for at in range(0, len(data), size)])
    assert whole == cut, (whole, cut)
    if whole is not None and whole[0] is not None and whole[0].server_name is not None:
        assert whole[0].server_name.isascii() and len(whole[0].server_name) <= 255, whole


def _hello(pieces: list[bytes]) -> tuple[ClientHello | None, bool] | None:
    """The name, and whether anything is still to come; None for what is refused."""
    it = ClientHelloReader()
    found = None
    came = b""
    try:
        for piece in pieces:
            if found is None:
                came += piece
                found = it.feed(piece)
                assert it.data == came
    except ValueError:
        return None
    return found, found is None


def ingress(data: bytes) -> None:
    """A visitor's connection, and the service behind it, by a script."""
    try:
        stages.ingress(data)
    except stages.Wrong:
        pass


TARGETS: dict[str, Callable[[bytes], None]] = {
    "http1": http1,
    "frames": frames,
    "codec": codec,
    "session": session,
    "parcel": parcel,
    "original": original_dialect,
    "responses": responses,
    "client_hello": client_hello,
    "ingress": ingress,
    "pipe": stages.pipe,
    "settings": settings,
}
