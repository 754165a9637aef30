"""
Lets a client that can only name an address reach a tunnel by name.

Kosoku's fuzzing client connects to the host in its URL and sends that host in ``Host``. `getaddrinfo` does not find
``NAME.localhost`` everywhere, so it connects here, on 127.0.0.1, and this replaces the ``Host`` line of the request
head by the tunnel's. That is all: from the first byte behind the head on, and everything the other way, bytes are
copied as they come; the end of one direction is passed on as that, and a reset as a reset, behind the bytes before it.

These are protocols and not asyncio's streams, because a stream forgets what it has received when a reset follows: the
close frame that somebody sent before hanging up would be lost here, and be missing in a verdict.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from typing import cast

HEAD_END = b"\r\n\r\n"
MAX_HEAD = 65536

_HOST_LINE = re.compile(rb"(?im)^host:[^\r\n]*(?=\r\n)")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def with_host(head: bytes, host: str) -> bytes:
    """The request head with its ``Host`` replaced, and nothing else touched. It must have exactly one."""
    replaced, count = _HOST_LINE.subn(b"Host: " + host.encode("ascii"), head)
    if count != 1:
        raise ValueError(f"{count} Host lines in {head!r}")
    return replaced


class Side(asyncio.Protocol):
    """One of the two connections of a pair; what it receives, the other one sends."""

    transport: asyncio.Transport
    other: Side | None = None
    ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        self.ended = True
        if self.other is None:
            return False
        if self.other.ended:
            self.other.transport.close()
            return False
        self.other.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is None or self.other.transport.is_closing():
            return
        if exc is None:
            self.other.transport.close()
        else:
            connection = self.other.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.other.transport.abort()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()


class VisitorSide(Side):
    """The connection that comes in: it waits for the request head, and only then gets its other side."""

    def __init__(self, port: int, host: str) -> None:
        self.port = port
        self.host = host
        self.head = b""
        self.connecting: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            super().data_received(data)
            return
        self.head += data
        if HEAD_END in self.head:
            self.transport.pause_reading()
            self.connecting = asyncio.ensure_future(self._connect())
        elif len(self.head) > MAX_HEAD:
            self.transport.abort()

    async def _connect(self) -> None:
        head, _, rest = self.head.partition(HEAD_END)
        try:
            _, onward = await asyncio.get_running_loop().create_connection(Side, "127.0.0.1", self.port)
        except OSError:
            self.transport.abort()
            return
        self.other, onward.other = onward, self
        onward.transport.write(with_host(head + HEAD_END, self.host) + rest)
        self.transport.resume_reading()


async def start_forwarder(port: int, host: str) -> asyncio.Server:
    """Listen on a free port of 127.0.0.1, and forward each connection to ``port`` there as a request for ``host``."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: VisitorSide(port, host), "127.0.0.1", 0, backlog=512)
