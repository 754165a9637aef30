"""
What the fault proxy does with one connection: two sockets, a flow for each direction, and the ways in which it ends.

Everything here runs in the proxy's thread, on its asyncio loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.chaos.proxy import FaultProxy

BUFFER = 256 * 1024
"""Octets of one direction that wait for their time, at most."""

READ_SIZE = 64 * 1024
KERNEL_BUFFER = 64 * 1024
"""What the kernel may hold on the receiving side; without it, it would grow to megabytes that no slow link has."""

SMALL_BUFFER = 16 * 1024
"""The same for a slow link: a tenth of a second at 1 Mbit/s."""

SEGMENT = 1400
"""Octets of a segment, as on Ethernet. Loopback's 64 KiB don't fit into small windows: it would wait for seconds."""

SLICES = 50
"""Pieces in which a throttled direction sends a second's worth."""

FIN_WAIT = 10.0
"""Seconds that the proxy waits for the ends of a cut connection to close theirs."""

_RESET = struct.pack("ii", 1, 0)


class Way(Enum):
    """A direction."""

    UP = "client to server"
    DOWN = "server to client"


class Cut(Enum):
    """How a connection ends."""

    FIN = "both ends see an orderly end"
    RESET = "both ends see a reset"
    CLIENT_ONLY = "the client sees a reset, the server nothing"
    SERVER_ONLY = "the server sees a reset, the client nothing"


@dataclass(frozen=True)
class Shape:
    """What a direction does to what passes: seconds of delay, octets a second (0: no bound), one octet at a time."""

    delay: float = 0.0
    rate: float = 0.0
    split: bool = False

    @property
    def buffer(self) -> int:
        """Octets that are under way at most: a link that is slow has a buffer that is small."""
        if not self.rate:
            return BUFFER
        return min(BUFFER, max(SMALL_BUFFER, int(self.rate * (self.delay + 0.1))))

    @property
    def kernel_buffer(self) -> int:
        """The same for the kernel's buffer before it."""
        return SMALL_BUFFER if self.rate else KERNEL_BUFFER


class Flow:
    """One direction of one connection: read, wait for its time, send."""

    def __init__(self, pair: Pair, way: Way, source: socket.socket, sink: socket.socket) -> None:
        self.pair = pair
        self.way = way
        self.source = source
        self.sink = sink
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._moved = asyncio.Event()

    async def read(self) -> None:
        """Take from the source what the buffer has room for; an empty piece marks the end."""
        proxy, loop = self.pair.proxy, asyncio.get_running_loop()
        while True:
            await proxy.moving.wait()
            try:
                data = await loop.sock_recv(self.source, min(READ_SIZE, proxy.shapes[self.way].buffer))
            except OSError:
                if not self.pair.silent:
                    raise
                data = b""
            if data and self.pair.silent:
                continue
            self._waiting.append((loop.time() + proxy.shapes[self.way].delay, data))
            self._size += len(data)
            self._moved.set()
            if not data:
                return
            while self._size > proxy.shapes[self.way].buffer:
                self._moved.clear()
                await self._moved.wait()

    async def write(self) -> None:
        """Send to the sink what is due, until the end of it."""
        proxy, loop = self.pair.proxy, asyncio.get_running_loop()
        while True:
            while not self._waiting:
                self._moved.clear()
                await self._moved.wait()
            due, data = self._waiting.popleft()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            await proxy.moving.wait()
            if self.pair.silent:
                return
            if not data:
                self.sink.shutdown(socket.SHUT_WR)
                return
            await self._send(data)

    async def _send(self, data: bytes) -> None:
        proxy, loop = self.pair.proxy, asyncio.get_running_loop()
        while data:
            shape = proxy.shapes[self.way]
            size = 1 if shape.split else max(1, int(shape.rate / SLICES)) if shape.rate else len(data)
            armed = proxy.armed
            if armed is not None and armed.way is self.way:
                size = min(size, armed.left)
            piece, data = data[:size], data[size:]
            if piece:
                await loop.sock_sendall(self.sink, piece)
                proxy.passed[self.way] += len(piece)
                self._size -= len(piece)  # as it leaves: what waits for room must not get its delay on top of that
                self._moved.set()
            if armed is not None and armed.way is self.way:
                armed.left -= len(piece)
                if armed.left <= 0 and armed is proxy.armed:
                    proxy.spring()
                    # The cut cancels this task as soon as it waits: nothing behind the last octet may pass.
                    await asyncio.Event().wait()
            if shape.rate:
                await asyncio.sleep(len(piece) / shape.rate)


class Pair:
    """A connection of a client and the one to the server that belongs to it."""

    def __init__(self, proxy: FaultProxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy = proxy
        self.client = client
        self.server = server
        self.silent = False
        self._cut: Cut | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Pass on what comes, both ways, until both ends have closed or `end` is called."""
        self.fit()
        for flow in (Flow(self, Way.UP, self.client, self.server), Flow(self, Way.DOWN, self.server, self.client)):
            self._tasks += [asyncio.ensure_future(self._guarded(run)) for run in (flow.read, flow.write)]
        self.proxy.keep(self._close_behind())

    def fit(self) -> None:
        """Let the kernel hold as much as suits the shapes."""
        for way, side in ((Way.UP, self.client), (Way.DOWN, self.server)):
            with contextlib.suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.proxy.shapes[way].kernel_buffer)

    def silence(self) -> None:
        """From now on nothing gets through, not even the end."""
        self.silent = True

    def end(self, cut: Cut) -> None:
        """Stop passing, and tell the ends what ``cut`` says."""
        if self._cut is None:
            self._cut = cut
            self.silent = True
            self.proxy.pairs.discard(self)
            for task in self._tasks:
                task.cancel()

    async def _guarded(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A reset on one side is one on the other, unless nothing gets through."""
        try:
            await run()
        except OSError:
            if not self.silent:
                self.end(Cut.RESET)

    async def _close_behind(self) -> None:
        """Close only once nobody uses the sockets any more: their numbers are given to others at once."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.proxy.pairs.discard(self)
        told = {
            None: (),
            Cut.FIN: (),
            Cut.RESET: (self.client, self.server),
            Cut.CLIENT_ONLY: (self.client,),
            Cut.SERVER_ONLY: (self.server,),
        }[self._cut]
        for side in (self.client, self.server):
            if self._cut is None or side in told:
                if side in told:
                    reset_on_close(side)
                side.close()
            elif self._cut is Cut.FIN:
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_WR)
                self.proxy.keep(drain(side))
            else:
                # It learns of nothing: it is read and ignored until it gives up by itself.
                self.proxy.keep(drain(side, None))


async def drain(side: socket.socket, seconds: float | None = FIN_WAIT) -> None:
    """Read and throw away until the other side has closed, too: closing on unread data would be a reset."""
    loop = asyncio.get_running_loop()
    try:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                while await loop.sock_recv(side, READ_SIZE):
                    pass
    finally:
        loop.call_soon(side.close)


def reset_on_close(side: socket.socket) -> None:
    with contextlib.suppress(OSError):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
