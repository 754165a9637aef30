"""Visitors whose WebSocket is none, or is too much: closed as RFC 6455 says, in time and within memory."""

from __future__ import annotations

import socket
import time
import zlib
from dataclasses import dataclass

from sellia.transports.websocket.masking import mask
from tests.hostile import stage
from tests.hostile.case import HANG, HostileCase, cases
from tests.hostile.ledger import Arrived
from tests.hostile.visitors import ACCEPT, dial, get, talk, upgrade
from tests.transports.support import frame, frames, head

MIB = 1 << 20

VERDICT = 0.6
"""Seconds from a bad frame to its close frame where a machine has other things to do; 0.05 of them are on purpose."""


TURNS = 4
"""Turns of a reactor in which a request passes: its connection, the request, the answer, and one to spare."""


def split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """As `frames`, for many, which are masked."""
    found, at = [], 0
    while len(data) - at >= 8:
        length, start = data[at + 1] & 0x7F, at + 6
        if length == 126:
            length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 8
        elif length == 127:
            length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 14
        if len(data) < start + length:
            break
        payload = data[start : start + length]
        found.append((data[at], mask(payload, data[start - 4 : start]) if payload else b""))
        at = start + length
    if len(data) - at < 8:
        whole, rest = frames(data[at:])
        return found + whole, rest
    return found, data[at:]


def echo(arrived: Arrived) -> None:
    """A service that answers a close frame as RFC 6455 says, echoes text, and reads whatever else comes."""
    deflate = b"".join(arrived.values(b"sec-websocket-extensions"))
    arrived.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n"
        + (b"Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else b"") + b"\r\n"
    )  # fmt: skip
    data = arrived.rest
    while True:
        found, data = split(data)
        for first, payload in found:
            if first == 0x88:
                arrived.send(frame(0x88, payload[:2], False))
                arrived.over = True
                return
            if first == 0x81:
                arrived.send(frame(0x81, payload, False))
        more = arrived.socket.recv(1 << 20)
        if not more:
            arrived.over = True
            return
        data += more
        if len(data) > 2 * MIB:
            data = data[:14]  # a frame without end: its payload is of no interest


def opened(*fields: bytes, port: int = 0) -> socket.socket:
    """A visitor's WebSocket that is open."""
    stage.ledger().on("/echo", echo)
    visitor = dial(port or stage.server().port)
    visitor.sendall(upgrade(b"/echo", *fields))
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += visitor.recv(65536)
    assert data.startswith(b"HTTP/1.1 101 "), data
    return visitor


def ends(visitor: socket.socket) -> tuple[int | None, bytes]:
    """The code and reason of the close frame that comes, whatever comes before it; None if none does."""
    data = b""
    try:
        while True:
            found, data = frames(data)
            for first, payload in found:
                if first == 0x88:
                    return int.from_bytes(payload[:2], "big") if payload else 1005, payload[2:]
            more = visitor.recv(65536)
            if not more:
                return None, b""
            data += more
    except ConnectionResetError:
        return None, b""


@dataclass(frozen=True)
class Bad:
    """What a visitor sends, and the code it is closed with."""

    name: str
    sent: bytes
    code: int


BAD = [
    *(Bad(f"reserved bits {bits:02x}", frame(0x81 | bits, b"hi"), 1002) for bits in (0x40, 0x20, 0x10, 0x70)),
    *(
        Bad(f"reserved opcode {opcode}", frame(0x80 | opcode, b"hi"), 1002)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    ),
    Bad("frame that is not masked", frame(0x81, b"hi", masked=False), 1002),
    Bad("frame of 2 to the 63", head(0x82, 1 << 63, True), 1002),
    Bad("frame of 2 to the 64 less one", head(0x82, (1 << 64) - 1, True), 1002),
    Bad("length in more octets than it needs", b"\x82\xfe\x00\x05\x01\x02\x03\x04hello", 1002),
    Bad("length in eight octets for five", b"\x82\xff" + bytes(7) + b"\x05\x01\x02\x03\x04hello", 1002),
    Bad("ping in fragments", frame(0x09, b"hi"), 1002),
    Bad("ping of 126 octets", frame(0x89, b"x" * 126), 1002),
    Bad("ping of 1 TiB", head(0x89, 1 << 40, True), 1002),
    Bad("close in fragments", frame(0x08, b"\x03\xe8"), 1002),
    Bad("close of 126 octets", frame(0x88, b"\x03\xe8" + b"x" * 124), 1002),
    Bad("continuation of nothing", frame(0x80, b"hi"), 1002),
    Bad("message inside of another", frame(0x01, b"hi") + frame(0x81, b"ho"), 1002),
    Bad("compressed without agreement", frame(0xC1, b"hi"), 1002),
    Bad("close with one octet", frame(0x88, b"\x03"), 1002),
]


def play(test: HostileCase, bad: Bad) -> None:
    """It is closed with the code, soon, and the connection ends."""
    with opened() as visitor:
        begun = time.monotonic()
        visitor.sendall(bad.sent)
        code, reason = ends(visitor)
        test.assertLess(time.monotonic() - begun, VERDICT)
        test.assertEqual(code, bad.code, reason)
        visitor.settimeout(5)
        try:
            test.assertEqual(visitor.recv(1), b"")
        except ConnectionResetError:
            pass
    test.assert_brief()


@cases(BAD, play)
class BadFrameTests(HostileCase):
    """Frames that break RFC 6455 are not the service's to judge."""


class BadCloseTests(HostileCase):
    """A close frame that says what none may: it passes, and the verdict of the service comes back."""

    def passes(self, sent: bytes, verdict: int) -> None:
        came: list[bytes] = []

        def judge(arrived: Arrived) -> None:
            arrived.send(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
            )
            data = arrived.rest
            while not (found := frames(data))[0]:
                data = found[1] + arrived.socket.recv(65536)
            came.append(found[0][0][1])
            arrived.send(frame(0x88, verdict.to_bytes(2, "big"), False))
            arrived.over = True

        stage.ledger().on("/judge", judge)
        visitor = dial(stage.server().port)
        with visitor:
            visitor.sendall(upgrade(b"/judge"))
            data = b""
            while not data.endswith(b"\r\n\r\n"):
                data += visitor.recv(65536)
            visitor.sendall(sent)
            self.assertEqual(ends(visitor)[0], verdict)
        self.assertEqual(frame(0x88, came[0]), sent)

    def test_codes(self) -> None:
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535):
            self.passes(frame(0x88, code.to_bytes(2, "big")), 1002)

    def test_a_reason_that_is_no_utf_8(self) -> None:
        self.passes(frame(0x88, b"\x03\xe8\xff\xfe"), 1007)

    def test_text_that_is_no_utf_8(self) -> None:
        """Text, too, is for the receiving end to judge, and its code comes back."""
        import websockets.sync.server
        from websockets.exceptions import ConnectionClosed

        def reader(connection: websockets.sync.server.ServerConnection) -> None:
            try:
                for _ in connection:
                    pass
            except ConnectionClosed:
                pass

        import threading

        from tests.processes import start_client

        with websockets.sync.server.serve(reader, "127.0.0.1", 0) as service:
            threading.Thread(target=service.serve_forever, daemon=True).start()
            port = service.socket.getsockname()[1]
            with start_client(stage.server().port, port, "judge", "--api-key", stage.KEY):
                for sent, code in ((frame(0x81, b"\xff\xfe"), 1007), (frame(0x81, b"\xed\xa0\x80"), 1007)):
                    with dial(stage.server().port) as visitor:
                        visitor.sendall(upgrade(b"/", host=b"judge.localhost"))
                        data = b""
                        while not data.endswith(b"\r\n\r\n"):
                            data += visitor.recv(65536)
                        visitor.sendall(sent)
                        self.assertEqual(ends(visitor)[0], code)
            service.shutdown()

    def test_escapes_in_a_reason(self) -> None:
        """It passes octet for octet, and is escaped in the log (tearDown looks)."""
        reason = "\x1b]8;;http://evil\x07\r\nfake: line\u202e".encode()
        self.passes(frame(0x88, b"\x0f\xa0" + reason), 4000)
        self.assertNotIn("\nfake: line", stage.server().output)
        self.assertNotIn("\nfake: line", stage.client().output)


class FloodTests(HostileCase):
    """What costs the sender little costs us no more, and nobody else waits for it."""

    def setUp(self) -> None:
        super().setUp()
        self.server, self.client = stage.ordinary()
        self.bystander()
        self.memory = {}
        for process in stage.ordinary():
            process.reset_peak()
            self.memory[process] = process.resident_bytes()

    def assert_memory(self, bound: int) -> None:
        for process, memory in self.memory.items():
            self.assertLess(process.peak_resident_bytes() - memory, bound, process.name)

    def flood(self, piece: bytes, total: int, *fields: bytes, read: bool = True) -> int | None:
        """Send so much, or until it is cut off; a bystander is served meanwhile; the code that it is closed with."""
        with opened(*fields, port=self.server.port) as visitor:
            visitor.settimeout(2.0 if read else 0.5)
            sent = looked = 0
            try:
                while sent < total:
                    visitor.sendall(piece)
                    sent += len(piece)
                    if sent - looked > MIB:
                        looked = sent
                        self.bystander()
            except (TimeoutError, ConnectionError):
                pass
            self.bystander()
            visitor.settimeout(5.0)
            return ends(visitor)[0] if read else None

    def bystander(self) -> None:
        """Somebody else's request: the server's reactor spends little on others before it gets to it."""
        before = [process.cpu_seconds() for process in stage.ordinary()]
        said = talk(self.server.port, (get(b"/bystander"),))
        self.assertEqual(said.statuses, [200])
        for process, seconds in zip(stage.ordinary(), before, strict=True):
            self.assertLess(process.cpu_seconds() - seconds, TURNS * HANG, process.name)

    def test_deflate_bomb(self) -> None:
        """It is not inflated here, so it costs what it weighs."""
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = deflate.compress(bytes(256 * MIB)) + deflate.flush(zlib.Z_SYNC_FLUSH)
        self.assertLess(len(bomb), MIB)
        with opened(b"Sec-WebSocket-Extensions: permessage-deflate", port=self.server.port) as visitor:
            visitor.sendall(frame(0xC2, bomb[:-4]) + frame(0x88, b"\x03\xe8"))
            self.assertEqual(ends(visitor)[0], 1000)
        self.assert_memory(8 * MIB)

    def test_continuations_without_end(self) -> None:
        self.assertEqual(self.flood(frame(0x01, b"x") + frame(0x00, b"") * 5000, 4 * MIB), 1008)
        self.assert_memory(12 * MIB)

    def test_pings_at_line_rate(self) -> None:
        self.assertEqual(self.flood(frame(0x89, b"x") * 5000, 4 * MIB), 1008)
        self.assert_memory(12 * MIB)

    def test_pings_whose_pongs_are_not_read(self) -> None:
        self.flood(frame(0x89, b"x" * 125) * 500, 8 * MIB, read=False)
        self.assert_memory(12 * MIB)

    def test_echoes_that_are_not_read(self) -> None:
        """Who does not read is not read any more, and both processes hold a window at most."""
        self.flood(frame(0x81, b"x" * 60_000) * 10, 64 * MIB, read=False)
        self.assert_memory(24 * MIB)

    def test_tiny_messages(self) -> None:
        self.flood(frame(0x82, b"") * 20_000, 4 * MIB, read=False)
        self.assert_memory(24 * MIB)

    def test_a_frame_that_never_ends(self) -> None:
        with opened(port=self.server.port) as visitor:
            visitor.sendall(head(0x82, 16 * MIB, True))
            for _ in range(200):
                visitor.sendall(bytes(65536))
            self.bystander()
        self.assert_memory(12 * MIB)
