"""
A service that writes down the bytes that reach it, and answers with exactly the bytes that a test wants.

It runs in threads of the test's own process, so a test can look at what came, and can let an answer go on piece by
piece::

    service = Recorder()
    service.on("/clock", lambda exchange: exchange.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"))
    ...
    [exchange] = service.exchanges("/clock")
    exchange.head  # b"GET /clock HTTP/1.1\\r\\nHost: ..."

What is kept of a body is bounded by `KEPT`; its length and SHA-256 are of all of it. Only what tests need of HTTP is
understood: a head, a body with Content-Length or chunks, keep-alive.
"""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.processes import stop_listening, wait_until

KEPT = 1 << 20
"""Bytes of a body that an `ServiceLeg` remembers."""

READ_SIZE = 256 * 1024
DEADLINE = 30.0
"""Seconds after which a service's socket that nothing happens on fails, so that no thread outlives a test for long."""

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"


def no_answer_yet(exchange: ServiceLeg) -> None:
    """An answer for a test that talks on the socket itself: read the body and leave the rest to the test."""
    exchange.read_body()
    exchange.released.wait(DEADLINE)


@dataclass
class ServiceLeg:
    """One request as it came, and the socket to answer on."""

    head: bytes
    connection: int
    _socket: socket.socket
    _rest: bytearray
    body: bytearray = field(default_factory=bytearray)
    length: int = 0
    trailers: bytes = b""
    over: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def method(self) -> str:
        """The request's method."""
        return self.head.split(b" ", 1)[0].decode()

    @property
    def target(self) -> str:
        """The request's target, byte for byte."""
        return self.head.split(b" ", 2)[1].decode("latin-1")

    @property
    def version(self) -> str:
        """``HTTP/1.1`` or ``HTTP/1.0``."""
        return self.head.split(b"\r\n", 1)[0].rsplit(b" ", 1)[1].decode()

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The header lines in order, names spelled as they came."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines if line)]

    def header(self, name: str) -> str | None:
        """The value of the only header ``name``, in any spelling; None without one."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        if len(found) > 1:
            raise AssertionError(f"{name} came {len(found)} times: {found}")
        return found[0] if found else None

    @property
    def digest(self) -> str:
        """SHA-256 of the body read so far."""
        return self._hash.hexdigest()

    def send(self, data: bytes) -> None:
        """Send exactly ``data``."""
        self._socket.sendall(data)

    def read_body(self) -> None:
        """Read the request's body to its end, and its trailers."""
        if "chunked" in (self.header("Transfer-Encoding") or "").lower():
            while size := int(self._line().split(b";")[0], 16):
                self._take(size)
                self._line()
            while line := self._line():
                self.trailers += line + b"\r\n"
        else:
            self._take(int(self.header("Content-Length") or 0))

    def read_frame(self) -> tuple[int, bytes]:
        """The next WebSocket frame: its first byte (FIN, RSV, opcode) and its payload, unmasked."""
        first, second = self._exactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._exactly(8))
        key = self._exactly(4) if second & 0x80 else bytes(4)
        payload = self._exactly(size)
        repeated = (key * (size // 4 + 1))[:size]
        number = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
        return first, number.to_bytes(size, "big")

    def read_some(self) -> bytes:
        """Whatever comes next, and nothing once the other side has ended its direction."""
        data = bytes(self._rest) or self._socket.recv(READ_SIZE)
        self._rest.clear()
        return data

    def wait_until_left(self) -> bool:
        """Read until the other side is gone; whether it went without an orderly end (a reset)."""
        try:
            while self._socket.recv(READ_SIZE):
                pass
        except ConnectionResetError:
            return True
        return False

    def cut(self) -> None:
        """End the connection at once, whatever was announced."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self.over = True

    def _more(self) -> None:
        data = self._socket.recv(READ_SIZE)
        if not data:
            raise ConnectionError("the other side ended the connection")
        self._rest += data

    def _line(self) -> bytes:
        while (end := self._rest.find(b"\r\n")) < 0:
            self._more()
        line = bytes(self._rest[:end])
        del self._rest[: end + 2]
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._more()
        data = bytes(self._rest[:size])
        del self._rest[:size]
        return data

    def _take(self, size: int) -> None:
        while size:
            if not self._rest:
                self._more()
            piece = bytes(self._rest[:size])
            del self._rest[: len(piece)]
            size -= len(piece)
            self.length += len(piece)
            self._hash.update(piece)
            self.body += piece[: KEPT - len(self.body)]


Answer = Callable[[ServiceLeg], object]


def plain(exchange: ServiceLeg) -> None:
    """Read the request whole and answer ``ok``."""
    exchange.read_body()
    exchange.send(OK if exchange.method != "HEAD" else OK.partition(b"ok")[0])


class Recorder:
    """The service: listens on ``port`` of 127.0.0.1 until `close`."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.failures: list[BaseException] = []
        self._answers: dict[str, Answer] = {}
        self._seen: list[ServiceLeg] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, name="recorder", daemon=True).start()

    def on(self, target: str, answer: Answer | bytes) -> None:
        """From now on answer requests for ``target`` (with its query) so; bytes are sent after the body was read."""
        if isinstance(answer, bytes):
            data = answer

            def answer_with_bytes(exchange: ServiceLeg) -> None:
                exchange.read_body()
                exchange.send(data)

            self._answers[target] = answer_with_bytes
        else:
            self._answers[target] = answer

    def exchanges(self, target: str) -> list[ServiceLeg]:
        """The requests for ``target`` that have come so far."""
        with self._lock:
            return [exchange for exchange in self._seen if exchange.target == target]

    def wait_for(self, target: str) -> ServiceLeg:
        """The first request for ``target``, once its head has come."""
        return wait_until(lambda: self.exchanges(target), f"a request for {target}")[0]

    def close(self) -> None:
        """Stop listening."""
        stop_listening(self._listener)

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.settimeout(DEADLINE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            try:
                for exchange in self._requests(connection, number):
                    with self._lock:
                        self._seen.append(exchange)
                    self._answers.get(exchange.target, plain)(exchange)
                    if exchange.over:
                        return
            except OSError:
                # The other side left, which some tests want: they look at the exchange, not at this thread.
                return
            except Exception as error:
                self.failures.append(error)
                raise

    def _requests(self, connection: socket.socket, number: int) -> Iterator[ServiceLeg]:
        rest = bytearray()
        while True:
            while (end := rest.find(b"\r\n\r\n")) < 0:
                data = connection.recv(READ_SIZE)
                if not data:
                    return
                rest += data
            head = bytes(rest[: end + 4])
            del rest[: end + 4]
            exchange = ServiceLeg(head, number, connection, rest)
            yield exchange
            if exchange.version == "HTTP/1.0" or (exchange.header("Connection") or "").lower() == "close":
                return
