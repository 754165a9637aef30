"""
Lets a client that can only name an address reach a tunnel by name.

Kosoku's fuzzing client connects to the host in its URL and sends that host in ``Host``. `getaddrinfo` does not find
``NAME.localhost`` everywhere, so it connects here, on 127.0.0.1, and this replaces the ``Host`` line of the request
head by the tunnel's. That is all: from the first byte behind the head on, and everything the other way, bytes are
copied as they come; the end of one direction is passed on as that, and a reset as a reset.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct

HEAD_END = b"\r\n\r\n"
MAX_HEAD = 65536
CHUNK = 262144

_HOST_LINE = re.compile(rb"(?im)^host:[^\r\n]*(?=\r\n)")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def with_host(head: bytes, host: str) -> bytes:
    """The request head with its ``Host`` replaced, and nothing else touched. It must have exactly one."""
    replaced, count = _HOST_LINE.subn(b"Host: " + host.encode("ascii"), head)
    if count != 1:
        raise ValueError(f"{count} Host lines in {head!r}")
    return replaced


async def start_forwarder(port: int, host: str) -> asyncio.Server:
    """Listen on a free port of 127.0.0.1, and forward each connection to ``port`` there as a request for ``host``."""
    # The event loop alone does not keep a task alive that waits for nothing but its own sockets.
    tasks: set[asyncio.Task[None] | None] = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(HEAD_END)
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", port, limit=CHUNK)
        for side in (writer, onward_writer):
            side.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        onward_writer.write(with_host(head, host))
        await asyncio.gather(_copy(reader, onward_writer), _copy(onward_reader, writer))
        for side in (writer, onward_writer):
            side.close()

    async def forward_or_drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        tasks.add(task)
        try:
            await forward(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            tasks.discard(task)

    return await asyncio.start_server(forward_or_drop, "127.0.0.1", 0, limit=MAX_HEAD, backlog=512)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except ConnectionError:
        # A reset on either side ends both: what follows can be neither read nor delivered.
        connection = writer.get_extra_info("socket")
        if connection is not None and connection.fileno() >= 0:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        writer.transport.abort()
