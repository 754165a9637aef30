"""
Peers that speak the native dialect octet by octet, and so can say what no honest one would.

`HostileClient` is a client of a real server; `HostileServer` is a server for a real client. Both block, answer pings,
and keep the count of parcels right, unless a test speaks for itself with `send`.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import time
from typing import Any

from sellia.protocol import native
from sellia.protocol.messages import (
    Ack,
    Hello,
    HttpRequest,
    OpenTunnel,
    Ping,
    Pong,
    Reset,
    ResponseHead,
    SessionMessage,
    TunnelReady,
    TunnelRefused,
    WebSocketRequest,
    Welcome,
)
from tests.hostile.visitors import WEBSOCKET_KEY, dial
from tests.transports.support import frame, frames

BINARY = 0x82
CLOSE = 0x88
PING = 0x89
PONG = 0x8A

WAIT = 5.0

Record = tuple[int, int, int, bytes]


def record(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    """A record, whole."""
    return native.pack_record(kind, flags, stream, len(payload)) + payload


class LinkClosed(Exception):
    """The other side has closed the link, with this code, or None where the connection just ended."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(f"closed with {code}: {reason}")
        self.code = code
        self.reason = reason


class Peer:
    """One end of a link."""

    masked = True
    connection: socket.socket

    def __init__(self) -> None:
        self.received = 0
        self._rest = b""
        self._records: list[Record] = []
        self.messages: list[Any] = []

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *unused: object) -> None:
        self.drop()

    # --- out -----------------------------------------------------------------------------------------------

    def raw(self, data: bytes) -> None:
        """Octets on the connection."""
        self.connection.sendall(data)

    def send(self, message: bytes) -> None:
        """A link message."""
        self.raw(frame(BINARY, message, self.masked))

    def say(self, message: Any) -> None:
        """A message of the link."""
        self.send(native.encode_link(message))

    def parcel(self, *records: bytes, ack: int | None = None) -> None:
        """A parcel with these records."""
        count = self.received if ack is None else ack
        self.send(native.pack_parcel(native.PARCEL, count) + b"".join(records))

    def tell(self, message: SessionMessage) -> None:
        """A message of the session."""
        self.parcel(record(native.CONTROL, 0, native.encode(message)))

    def drop(self) -> None:
        """End the connection as it is."""
        self.connection.close()

    # --- in ------------------------------------------------------------------------------------------------

    def hear(self) -> bytes:
        """The next link message; LinkClosed if there is none any more."""
        end = time.monotonic() + WAIT
        while True:
            found, self._rest = frames(self._rest)
            if found:
                (first, payload), *others = found
                self._rest = b"".join(frame(*each, False) for each in others) + self._rest
                if first == BINARY:
                    return payload
                if first == PING:
                    self.raw(frame(PONG, payload, self.masked))
                elif first == CLOSE:
                    code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else None
                    raise LinkClosed(code, payload[2:].decode())
                continue
            self.connection.settimeout(max(0.01, end - time.monotonic()))
            try:
                data = self.connection.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                raise LinkClosed(None, "the connection ended")
            self._rest += data

    def _act(self, message: bytes) -> None:
        """Remember what a link message says."""
        if message[:1] == b"\x01":
            self.received += 1
            for each in native.records(message):
                if each[0] == native.CONTROL:
                    self.messages.append(native.decode_control(each[3]))
                else:
                    self._records.append(each)
            return
        said = native.decode_link(message)
        if isinstance(said, Ping):
            self.say(Pong(said.number))
        elif not isinstance(said, Ack):
            self.messages.append(said)

    def message(self, *kinds: type) -> Any:
        """The next message, of the link or of the session, of one of these kinds."""
        while True:
            for each in self.messages:
                if isinstance(each, kinds):
                    self.messages.remove(each)
                    return each
            self._act(self.hear())

    def next_record(self, *kinds: int) -> Record:
        """The next record of one of these kinds."""
        while True:
            for each in self._records:
                if each[0] in kinds:
                    self._records.remove(each)
                    return each
            self._act(self.hear())

    def take_records(self) -> list[Record]:
        """All records that have been received and not been asked for."""
        records, self._records = self._records, []
        return records

    def is_alive(self) -> bool:
        """Whether the other side answers a ping, and so has acted on all that was said before."""
        number = time.monotonic_ns() & 0xFFFFFF
        self.say(Ping(number))
        while True:
            pong = self.message(Pong)
            if pong.number == number:
                return True

    def end(self) -> tuple[int | None, str]:
        """How the other side closes the link, whatever it says before."""
        try:
            while True:
                self._act(self.hear())
        except LinkClosed as closed:
            return closed.code, closed.reason


class HostileClient(Peer):
    """A client; without ``hello`` it has said nothing yet."""

    def __init__(
        self, port: int, key: str | None = None, *, hello: bool = True, session: bytes | None = None, received: int = 0
    ) -> None:
        super().__init__()
        self.connection = dial(port)
        self.raw(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sellia.v1\r\n"
            b"Sec-WebSocket-Key: " + WEBSOCKET_KEY + b"\r\n\r\n"
        )
        while b"\r\n\r\n" not in self._rest:
            data = self.connection.recv(65536)
            if not data:
                raise LinkClosed(None, "no 101")
            self._rest += data
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise LinkClosed(None, repr(head))
        self.token = b""
        if hello:
            self.say(Hello(1, "hostile/1", key=key, session=session, received=received))
            welcome = self.message(Welcome)
            self.token = welcome.session
            self.resumed = welcome.resumed

    def open(self, name: str | None, number: int = 1, auth: str | None = None) -> TunnelReady | TunnelRefused:
        """Ask for a name."""
        self.tell(OpenTunnel(number, "http", name, auth))
        answer: TunnelReady | TunnelRefused = self.message(TunnelReady, TunnelRefused)
        return answer

    def asked(self) -> tuple[int, Any]:
        """The next stream that a visitor's request opens."""
        _, _, stream, payload = self.next_record(native.OPEN)
        return stream, native.decode_opening(payload)

    def answer(self, stream: int, head: ResponseHead, body: bytes = b"", end: bool = True) -> None:
        """An answer, in one parcel."""
        records = [record(native.HEAD, stream, native.encode(head), native.END if end and not body else 0)]
        if body:
            records.append(record(native.DATA, stream, body, native.END if end else 0))
        self.parcel(*records)


class HostileServer(Peer):
    """A server for one client: `accept` waits for its link."""

    masked = False

    def __init__(self) -> None:
        super().__init__()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20.0)
        self.port: int = self._listener.getsockname()[1]
        self._streams = 0
        self.hello: Hello

    def __exit__(self, *unused: object) -> None:
        self._listener.close()
        if hasattr(self, "connection"):
            self.drop()

    def accept(self, *, welcome: bool = True) -> HostileServer:
        """Take the client's next link; a new session, and the tunnel it asks for."""
        self.received, self._rest = 0, b""
        self._records.clear()
        self.messages.clear()
        self._streams = 0
        self.connection, _ = self._listener.accept()
        self.connection.settimeout(WAIT)
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.connection.recv(65536)
        key = next(
            line.partition(b":")[2].strip()
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key:")
        )
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        self._rest = head.partition(b"\r\n\r\n")[2]
        self.raw(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: sellia.v1\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self.hello = self.message(Hello)
        if welcome:
            self.say(Welcome(1, "hostile/1", b"t" * 16, False))
            wanted = self.message(OpenTunnel)
            self.tell(TunnelReady(wanted.tunnel, "demo", "http://demo.localhost"))
        return self

    def next_stream(self) -> int:
        """A number for a stream."""
        self._streams += 2
        return self._streams

    def ask(self, opening: HttpRequest | WebSocketRequest, *, end: bool = True, then: bytes = b"") -> int:
        """Open a stream; ``then`` are records for it in the same parcel."""
        stream = self.next_stream()
        self.parcel(record(native.OPEN, stream, native.encode(opening), native.END if end else 0) + then)
        return stream

    def verdict(self, stream: int) -> Reset | ResponseHead:
        """What the client answers on a stream: a head, or a reset."""
        while True:
            kind, _, number, payload = self.next_record(native.HEAD, native.RESET)
            if number == stream:
                return native.decode_head(payload) if kind == native.HEAD else native.decode_reset(payload)
