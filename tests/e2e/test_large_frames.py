"""WebSocket frames of any size pass both ways, and cost no memory; limits on them hold both ways where they are set."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from typing import Any

from tests.e2e.recorder import ServiceLeg
from tests.e2e.test_limits import HANDSHAKE, LimitCase
from tests.e2e.websocket import accept_upgrade
from tests.processes import Process, wait_until

MIB = 1 << 20

#: Two mebibytes in which no two places look alike.
BLOCK = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(65_536))


def head(first: int, length: int, masked: bool) -> bytes:
    """The head of a frame with a length of 64 bits, and with a masking key that changes nothing."""
    return bytes((first, 127 | (0x80 if masked else 0))) + length.to_bytes(8, "big") + (bytes(4) if masked else b"")


def digest(size: int) -> str:
    """SHA-256 of the payload of a frame of that size."""
    found = hashlib.sha256()
    for _ in range(size // len(BLOCK)):
        found.update(BLOCK)
    return found.hexdigest()


class Far:
    """The service: sends frames of the sizes that it is told to, and tells the digests of those that come."""

    def __init__(self) -> None:
        self.got: list[tuple[int, str]] = []
        self.sizes: list[tuple[int, int]] = []
        self.expected = 0
        self.extension = ""
        self.over = threading.Event()

    def __call__(self, exchange: ServiceLeg) -> None:
        accept_upgrade(exchange, *([f"Sec-WebSocket-Extensions: {self.extension}"] if self.extension else []))
        for _ in range(self.expected):
            first, payload = exchange.read_frame()
            self.got.append((first, hashlib.sha256(payload).hexdigest() if first != 0x88 else payload[2:].decode()))
        for first, size in self.sizes:
            exchange.send(head(first, size, False))
            for _ in range(size // len(BLOCK)):
                exchange.send(BLOCK)
        self.over.wait(60)
        exchange.over = True


class LargeCase(LimitCase):
    def open(self, extension: str = "") -> socket.socket:
        self.far.extension = extension
        self.recorder.on("/large", self.far)
        visitor = self.connect()
        self.addCleanup(self.far.over.set)
        fields = f"Sec-WebSocket-Extensions: {extension}\r\n" if extension else ""
        self.ask(visitor, "/large", HANDSHAKE + fields)
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += visitor.recv(1)
        self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)
        return visitor

    def setUp(self) -> None:
        super().setUp()
        self.far = Far()

    def exactly(self, visitor: socket.socket, size: int) -> tuple[bytes, str]:
        """The last piece, and the digest, of what comes next."""
        found, piece = hashlib.sha256(), b""
        while size:
            piece = visitor.recv(min(size, MIB))
            self.assertTrue(piece, "the connection ended in the middle of a frame")
            found.update(piece)
            size -= len(piece)
        return piece, found.hexdigest()

    def closed(self, process: Process) -> str:
        """The line with which a process tells the end of the WebSocket."""
        wait_until(lambda: "websocket closed: " in process.output, "the end of the WebSocket")
        return [line for line in process.output.splitlines() if "websocket closed: " in line][-1]


class LargeFrameTests(LargeCase):
    """By default nothing limits them."""

    def pass_both_ways(self, sizes: list[tuple[int, int]], extension: str = "") -> None:
        for process in (self.server, self.client):
            process.reset_peak()
        memory = {process: process.resident_bytes() for process in (self.server, self.client)}
        self.far.expected, self.far.sizes = len(sizes), sizes
        visitor = self.open(extension)
        for first, size in sizes:
            visitor.sendall(head(first, size, True))
            for _ in range(size // len(BLOCK)):
                visitor.sendall(BLOCK)
        visitor.settimeout(120)
        for first, size in sizes:
            self.assertEqual(self.exactly(visitor, 10)[0][:1], bytes((first,)))
            self.assertEqual(self.exactly(visitor, size)[1], digest(size))
        self.assertEqual(self.far.got, [(first, digest(size)) for first, size in sizes])
        for process, before in memory.items():
            self.assertLess(process.peak_resident_bytes() - before, 24 * MIB, process.name)

    def test_24_mib(self) -> None:
        self.pass_both_ways([(0x82, 24 * MIB)])

    def test_compressed(self) -> None:
        self.pass_both_ways([(0xC2, 24 * MIB), (0xC1, 24 * MIB)], "permessage-deflate")

    def test_fragments(self) -> None:
        self.pass_both_ways([(0x02, 24 * MIB), (0x00, 24 * MIB), (0x80, 24 * MIB)])

    def test_200_mib(self) -> None:
        self.pass_both_ways([(0x82, 200 * MIB)])


class SetTests(LargeCase):
    """Limits that are set hold in both directions, and everybody is told which, its value, and where it is set."""

    settings: dict[str, Any] = {"websocket_frame_limit": "4 MiB", "websocket_message_limit": "6 MiB"}

    def assert_ended(self, visitor: socket.socket, what: str) -> None:
        visitor.settimeout(30)
        reason = f"frame-too-large: {what} in the server's settings file"
        verdict, found = (1009).to_bytes(2, "big") + reason.encode(), b""
        while not found.endswith(verdict):
            piece = visitor.recv(65536)
            self.assertTrue(piece, found)
            found = (found + piece)[-len(verdict) :]
        visitor.close()
        self.far.over.set()
        for process in (self.server, self.client):
            line = self.closed(process)
            self.assertRegex(line, re.escape(f' by=sellia code=1009 reason="{reason}" '))

    def test_a_visitors_frame(self) -> None:
        self.far.expected = 1
        visitor = self.open()
        visitor.sendall(head(0x82, 6 * MIB, True))
        self.assert_ended(visitor, "a frame of more than 4 MiB; websocket.frame_size")

    def test_a_services_frame(self) -> None:
        self.far.sizes = [(0x82, 6 * MIB)]
        self.assert_ended(self.open(), "a frame of more than 4 MiB; websocket.frame_size")

    def test_a_services_message(self) -> None:
        self.far.sizes = [(0x02, 4 * MIB), (0x80, 4 * MIB)]
        self.assert_ended(self.open(), "a message of more than 6 MiB; websocket.message_size")

    def test_what_they_allow(self) -> None:
        self.far.sizes = [(0x02, 4 * MIB), (0x80, 2 * MIB)]
        visitor = self.open()
        visitor.settimeout(30)
        for _, size in self.far.sizes:
            self.exactly(visitor, 10)
            self.assertEqual(self.exactly(visitor, size)[1], digest(size))
