"""
A service that keeps every byte that reaches it, and judges it: h11 must be able to read it as HTTP.

What a test counts are requests that *began* (a whole head came) and requests that are *complete*. Whatever h11 cannot
read is a fault, and each fault fails the test that is running. Answers are exactly the bytes that a test wants.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import h11

from tests.processes import stop_listening, wait_until

KEPT = 1 << 20
"""Octets of a body, and of a connection, that are kept."""

READ_SIZE = 256 * 1024
DEADLINE = 60.0

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(eq=False)
class Arrived:
    """One request as it reached the service, and the socket that it came on."""

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    head: bytes
    socket: socket.socket
    body: bytearray = field(default_factory=bytearray)
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    complete: bool = False
    read_body: Callable[[], None] = lambda: None
    over: bool = False
    rest: bytes = b""

    def values(self, name: bytes) -> list[bytes]:
        """The values of all fields of that lower-case name."""
        return [value for each, value in self.headers if each == name]

    def send(self, data: bytes) -> None:
        """Answer with exactly these octets."""
        self.socket.sendall(data)

    def wait_until_left(self) -> bytes:
        """All that still comes, until the other side has gone."""
        came = bytearray(self.rest)
        try:
            while data := self.socket.recv(READ_SIZE):
                came += data[: KEPT - len(came)]
        except ConnectionResetError:
            pass
        self.over = True
        return bytes(came)


Answer = Callable[[Arrived], object]


def plain(arrived: Arrived) -> None:
    """Read the request to its end and answer ``ok``."""
    arrived.read_body()
    arrived.send(OK if arrived.method != b"HEAD" else OK[:-2])


class Ledger:
    """The service: listens on ``port`` of 127.0.0.1."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.faults: list[str] = []
        self.wire: list[bytearray] = []
        self._seen: list[Arrived] = []
        self._answers: dict[bytes, Answer] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, name="ledger", daemon=True).start()

    def on(self, target: str, answer: Answer) -> None:
        """From now on answer requests for this target so."""
        self._answers[target.encode()] = answer

    def seen(self) -> list[Arrived]:
        """All requests so far, in the order in which their heads came."""
        with self._lock:
            return list(self._seen)

    def wait_for(self, target: str) -> Arrived:
        """The last request for this target, once there is one."""

        def find() -> list[Arrived]:
            return [each for each in self.seen() if each.target == target.encode()]

        return wait_until(find, f"a request for {target}")[-1]

    def close(self) -> None:
        """Stop listening."""
        stop_listening(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(DEADLINE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            try:
                for arrived in self._requests(connection):
                    self._answers.get(arrived.target, plain)(arrived)
                    if arrived.over:
                        return
            except OSError:
                return  # the other side left: what came of its request is in the ledger
            except h11.RemoteProtocolError as error:
                self.faults.append(
                    f"h11 cannot read what reached the service: {error}: {bytes(self.wire[-1])[-300:]!r}"
                )

    def _requests(self, connection: socket.socket) -> Iterator[Arrived]:
        wire = bytearray()
        self.wire.append(wire)
        rest = b""
        while True:
            reader = h11.Connection(h11.SERVER, max_incomplete_event_size=256 * 1024)
            head = bytearray(rest)
            if rest:
                reader.receive_data(rest)

            def more(reader: h11.Connection = reader) -> bytes:
                data = connection.recv(READ_SIZE)
                wire.extend(data[: KEPT - len(wire)])
                if not data:
                    raise ConnectionError("the other side has left")
                reader.receive_data(data)
                return data

            while (event := reader.next_event()) is h11.NEED_DATA:
                head += more()
            assert isinstance(event, h11.Request), event
            headers = [(bytes(name), bytes(value)) for name, value in event.headers]
            text = bytes(head).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            arrived = Arrived(event.method, event.target, headers, text, connection)

            def read_body(reader: h11.Connection = reader, arrived: Arrived = arrived, more: Any = more) -> None:
                while not arrived.complete:
                    event = reader.next_event()
                    if event is h11.NEED_DATA:
                        more()
                    elif isinstance(event, h11.Data):
                        arrived.body += event.data[: KEPT - len(arrived.body)]
                    elif isinstance(event, h11.EndOfMessage):
                        arrived.trailers = [(bytes(name), bytes(value)) for name, value in event.headers]
                        arrived.complete = True
                arrived.rest = reader.trailing_data[0]

            arrived.read_body = read_body
            if not (arrived.values(b"content-length") or arrived.values(b"transfer-encoding")):
                read_body()
            with self._lock:
                self._seen.append(arrived)
            yield arrived
            if not arrived.complete or b"close" in arrived.values(b"connection"):
                return
            rest = arrived.rest
