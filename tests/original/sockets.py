"""Sockets of the original peers, for asyncio: HTTP heads and bodies, and WebSockets frame by frame."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from websockets.frames import Close, Frame, Opcode
from websockets.protocol import Protocol, Side, State

Lines = list[tuple[str, str]]

HEAD_LIMIT: Final = 256 * 1024
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass
class Head:
    """A request's or response's first line, and its header lines."""

    first: str
    lines: Lines

    @property
    def words(self) -> list[str]:
        """The first line in three parts at most."""
        return self.first.split(" ", 2)

    @property
    def status(self) -> int:
        """A response's."""
        return int(self.words[1])

    def get(self, name: str) -> str | None:
        """The first value under this name."""
        return next((value for each, value in self.lines if each.lower() == name), None)

    def asks_for_websocket(self) -> bool:
        """Whether a request is a handshake."""
        return (self.get("upgrade") or "").lower() == "websocket"


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head; None when the connection ends before one begins."""
    try:
        octets = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise ConnectionError("Unexpected end of http response") from None
        return None
    first, *rest = octets.decode("latin-1").split("\r\n")
    split = (line.partition(":") for line in rest if line)
    return Head(first, [(name, value.strip(" \t")) for name, _, value in split])


def render_head(first: str, lines: Lines) -> bytes:
    """The octets of a head."""
    return "\r\n".join([first, *(f"{name}: {value}" for name, value in lines), "", ""]).encode("latin-1")


async def read_body(reader: asyncio.StreamReader, head: Head, *, until_end: bool) -> AsyncIterator[bytes]:
    """The body that follows a head, piece by piece; ``until_end`` says what one without a length means."""
    length = head.get("content-length")
    if "chunked" in (head.get("transfer-encoding") or "").lower():
        while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            async for piece in _exactly(reader, size):
                yield piece
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
    elif length is not None:
        async for piece in _exactly(reader, int(length)):
            yield piece
    elif until_end:
        while piece := await reader.read(64 * 1024):
            yield piece


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        piece = await reader.read(min(size, 64 * 1024))
        if not piece:
            raise ConnectionError("Unexpected end of http response")
        size -= len(piece)
        yield piece


def accept_of(key: str) -> str:
    """The answer to a Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()


class WebSocket:
    """One end of a WebSocket after its handshake.  Pings are answered, close frames are not."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, client: bool) -> None:
        self._reader = reader
        self._writer = writer
        self._side = Side.CLIENT if client else Side.SERVER
        self._protocol = Protocol(self._side, state=State.OPEN, max_size=None)
        self.code: int | None = None
        """The code of the close frame that came; None for one without, or where none came."""

        self.closed = False
        """Whether a close frame came."""

    async def messages(self) -> AsyncIterator[tuple[int, bytes]]:
        """Whole messages (1, 2), pings (9) and pongs (10), until a close frame or the connection's end."""
        opcode, pieces = 0, []
        while True:
            try:
                data = await self._reader.read(64 * 1024)
            except ConnectionError:
                return
            if not data:
                return
            self._protocol.receive_data(data)
            for frame in self._protocol.events_received():
                assert isinstance(frame, Frame)
                if frame.opcode is Opcode.CLOSE:
                    self.closed = True
                    if frame.data:
                        self.code = Close.parse(bytes(frame.data)).code
                    return
                if frame.opcode in (Opcode.PING, Opcode.PONG):
                    yield int(frame.opcode), bytes(frame.data)
                    continue
                opcode = int(frame.opcode) or opcode
                pieces.append(bytes(frame.data))
                if frame.fin:
                    yield opcode, b"".join(pieces)
                    pieces = []
            if self._protocol.parser_exc is not None:
                return
            await self._answer()

    async def send(self, opcode: int, payload: bytes, *, fin: bool = True) -> None:
        """Send one frame."""
        frame = Frame(Opcode(opcode), payload, fin)
        try:
            self._writer.write(frame.serialize(mask=self._side is Side.CLIENT))
            await self._writer.drain()
        except ConnectionError:
            pass  # whoever reads finds out

    async def close(self, code: int | None, reason: str = "") -> None:
        """Send a close frame."""
        await self.send(8, b"" if code is None else Close(code, reason).serialize())

    def abort(self) -> None:
        """End the connection at once."""
        self._writer.transport.abort()

    def hang_up(self) -> None:
        """End the connection behind what was sent."""
        self._writer.close()

    async def _answer(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._writer.write(data)
        await self._writer.drain()


def report(event: str, **fields: Any) -> None:
    """Say on a line what has happened, for tests to read."""
    print(json.dumps({"event": event, **fields}), flush=True)


def report_message(event: str, said: dict[str, Any]) -> None:
    """The same for a message: octets by their number, and bodies not at all."""
    if said["type"] not in ("request_body", "response_body"):
        report(event, **{name: len(value) if isinstance(value, bytes) else value for name, value in said.items()})
