"""
HTTP heads and WebSocket messages on asyncio's streams, for the load and the service alike: as little as counting needs.

Nothing here hides anything: fragments are sent and told apart as they are, a close frame comes with its code and
reason, and an end without one is `Gone`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

from bench import wire
from tests.chaos.script import Message

DEADLINE = 150.0
"""Seconds in which something must come: more than the resume window, so that only what is really lost runs into it."""

CHUNK = 64 * 1024


class Gone(Exception):
    """The connection ended where it should not have."""


class Closed(Exception):
    """The other side said that it closes the WebSocket: its code and its reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


class Connection:
    """A TCP connection, with a deadline on everything that is read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @classmethod
    async def dial(cls, port: int) -> Connection:
        """A connection to 127.0.0.1."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def exactly(self, size: int) -> bytes:
        """So many octets."""
        if not size:
            return b""
        try:
            async with asyncio.timeout(DEADLINE):
                return await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Gone(_why(error)) from None

    async def line(self) -> bytes:
        """One line, without its end."""
        try:
            async with asyncio.timeout(DEADLINE):
                return (await self.reader.readuntil(b"\r\n"))[:-2]
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Gone(_why(error)) from None

    async def head(self) -> bytes:
        """A head, up to its empty line."""
        try:
            async with asyncio.timeout(DEADLINE):
                return await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Gone(_why(error)) from None

    async def body(self, head: bytes) -> AsyncIterator[bytes]:
        """The pieces of the body that ``head`` announces, by its length or in chunks."""
        if wire.field(head, b"transfer-encoding") == b"chunked":
            while size := int(await self.line(), 16):
                while size:
                    piece = await self.exactly(min(size, CHUNK))
                    size -= len(piece)
                    yield piece
                await self.line()
            await self.line()
            return
        left = int(wire.field(head, b"content-length") or b"0")
        while left:
            piece = await self.exactly(min(left, CHUNK))
            left -= len(piece)
            yield piece

    async def whole_body(self, head: bytes) -> bytes:
        """The body as one, where it is known to be small."""
        return b"".join([piece async for piece in self.body(head)])

    async def send(self, data: bytes) -> None:
        """Write, and wait while too much is waiting already."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError as error:
            raise Gone(_why(error)) from None

    def close(self) -> None:
        """Close behind what was written."""
        self.writer.close()

    def abort(self) -> None:
        """Cut."""
        self.writer.transport.abort()


class WebSocket:
    """A WebSocket, once its handshake is done; ``mask`` is the key of a client's frames."""

    def __init__(self, connection: Connection, mask: bytes = b"") -> None:
        self.connection = connection
        self._mask = mask
        self.pongs: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(self, message: Message) -> None:
        """Send a message in its fragments."""
        rest = memoryview(message.payload)
        last = len(message.fragments) - 1
        for number, size in enumerate(message.fragments):
            first = (message.opcode if not number else 0) | (wire.FIN if number == last else 0)
            piece = bytes(rest[:size])
            rest = rest[size:]
            masked = wire.unmask(piece, self._mask) if self._mask and piece else piece
            await self.connection.send(wire.header(first, size, self._mask) + masked)

    async def send_control(self, opcode: int, payload: bytes) -> None:
        """Send a ping, a pong or a close frame."""
        await self.connection.send(wire.frame(payload, opcode, self._mask))

    async def close(self, code: int, reason: str = "") -> None:
        """Send a close frame."""
        await self.send_control(wire.CLOSE, code.to_bytes(2) + reason.encode())

    async def receive(self) -> Message:
        """The next message; pings are answered on the way. Raises `Closed`, or `Gone` without a close frame."""
        opcode, pieces, sizes = 0, [], []
        while True:
            first, payload = await self._frame()
            kind = first & 0x0F
            if kind == wire.PING:
                await self.send_control(wire.PONG, payload)
            elif kind == wire.PONG:
                self.pongs.put_nowait(payload)
            elif kind == wire.CLOSE:
                raise Closed(int.from_bytes(payload[:2]) if payload else 1005, payload[2:].decode("utf-8", "replace"))
            else:
                opcode = kind or opcode
                pieces.append(payload)
                sizes.append(len(payload))
                if first & wire.FIN:
                    return Message(opcode, pieces[0] if len(pieces) == 1 else b"".join(pieces), tuple(sizes))

    async def _frame(self) -> tuple[int, bytes]:
        exactly = self.connection.exactly
        start = await exactly(2)
        extended = {126: 2, 127: 8}.get(start[1] & 0x7F, 0)
        rest = extended + (4 if start[1] & wire.MASKED else 0)
        header = wire.parse_header(start + await exactly(rest))
        assert header is not None
        try:
            payload = await exactly(header.length)
        except Gone as gone:
            raise Gone(f"in the middle of a frame: {gone}") from None
        return header.first, wire.unmask(payload, header.mask) if header.mask and payload else payload


def chunk(data: bytes) -> bytes:
    """One chunk of a body; the empty one is the last."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _why(error: Exception) -> str:
    return "the connection ended" if isinstance(error, asyncio.IncompleteReadError) else f"{error}"
