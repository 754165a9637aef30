"""
A TCP proxy that does to connections what networks do: a script says what and when.

    with FaultProxy(server.port) as proxy:
        client = start_client(proxy.port, ...)
        proxy.cut()                               # both ends see the end of the connection
        proxy.arm(Cut.RESET, Way.UP, 1000)        # a reset once 1,000 more octets have gone to the server
        proxy.blackhole(); ...; proxy.heal()      # silence; what was connected stays silent

It runs in a thread of its own, and each call returns when it is done. It holds no more than `BUFFER` octets for a
direction, plus what the kernel's small buffers hold, so that the pressure of a slow end reaches the other.

Two kinds of silence: `freeze` stops everything and loses nothing, as a network that retransmits; `blackhole` swallows
what comes, as a NAT that forgot, and even the ends of connections don't get through.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, TypeVar

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

CALL_DEADLINE = 10.0
FIN_WAIT = 10.0
"""Seconds that the proxy waits for the ends of a cut connection to close theirs."""

_RESET = struct.pack("ii", 1, 0)
_Value = TypeVar("_Value")


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


@dataclass
class _Armed:
    cut: Cut
    way: Way
    left: int
    done: threading.Event


class _Flow:
    """One direction of one connection: read, wait for its time, send."""

    def __init__(self, pair: _Pair, way: Way, source: socket.socket, sink: socket.socket) -> None:
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
            self._size -= len(data)
            self._moved.set()

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
            if armed is not None and armed.way is self.way:
                armed.left -= len(piece)
                if armed.left <= 0 and armed is proxy.armed:
                    proxy.spring()
                    # The cut cancels this task as soon as it waits: nothing behind the last octet may pass.
                    await asyncio.Event().wait()
            if shape.rate:
                await asyncio.sleep(len(piece) / shape.rate)


class _Pair:
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
        for flow in (_Flow(self, Way.UP, self.client, self.server), _Flow(self, Way.DOWN, self.server, self.client)):
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
                    _reset_on_close(side)
                side.close()
            elif self._cut is Cut.FIN:
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_WR)
                self.proxy.keep(_drain(side))
            else:
                # It learns of nothing: it is read and ignored until it gives up by itself.
                self.proxy.keep(_drain(side, None))


async def _drain(side: socket.socket, seconds: float | None = FIN_WAIT) -> None:
    """Read and throw away until the other side has closed, too: closing on unread data would be a reset."""
    loop = asyncio.get_running_loop()
    try:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                while await loop.sock_recv(side, READ_SIZE):
                    pass
    finally:
        loop.call_soon(side.close)


def _reset_on_close(side: socket.socket) -> None:
    with contextlib.suppress(OSError):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


class FaultProxy:
    """Passes connections to ``port`` of ``host`` on, from its own ``port``, until it is told to do something worse."""

    def __init__(self, port: int, host: str = "127.0.0.1", listen: str = "127.0.0.1") -> None:
        self.target = (host, port)
        self.pairs: set[_Pair] = set()
        self.shapes = {Way.UP: Shape(), Way.DOWN: Shape()}
        self.passed = {Way.UP: 0, Way.DOWN: 0}
        self.arrivals: list[float] = []
        self.ended = 0
        self.armed: _Armed | None = None
        self._silent = False
        self._kept: set[asyncio.Task[None]] = set()
        self._address = (listen, 0)
        self._loop = asyncio.new_event_loop()
        self.moving = asyncio.Event()
        self.moving.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._thread.start()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._call(self._listen)
        self.port: int = self._address[1]

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # --- the script's side: thread-safe -----------------------------------------------------------------------

    @property
    def connections(self) -> int:
        """Connections that are being passed on, silent ones included."""
        return self._call(lambda: len(self.pairs))

    @property
    def accepted(self) -> int:
        """Connections that have come so far."""
        return len(self.arrivals)

    def cut(self, cut: Cut = Cut.FIN) -> int:
        """End all connections; the next ones pass. Returns how many there were."""
        return self._call(lambda: self._end_all(cut))

    def arm(self, cut: Cut, way: Way, octets: int) -> threading.Event:
        """Cut everything once so many more octets have gone that way; the event is set then. One at a time."""
        done = threading.Event()

        def set_trap() -> None:
            self.armed = _Armed(cut, way, max(1, octets), done)

        self._call(set_trap)
        return done

    def spring_now(self) -> None:
        """Do what was armed, if it has not happened yet."""
        self._call(lambda: self.spring() if self.armed is not None else None)

    def blackhole(self) -> None:
        """Swallow everything on all connections and on those to come, until `heal`."""

        def swallow() -> None:
            self._silent = True
            for pair in self.pairs:
                pair.silence()

        self._call(swallow)

    def freeze(self) -> None:
        """Move nothing and lose nothing, until `heal`. New connections are accepted."""
        self._call(self.moving.clear)

    def refuse(self) -> None:
        """Refuse new connections, until `heal`. Those that are there go on."""
        self._call(self._stop_listening)

    def heal(self) -> None:
        """The network is back. What was swallowed is lost, and connections that were silenced stay so."""

        def restore() -> None:
            self._silent = False
            self.moving.set()
            if self._listener is None:
                self._listen()

        self._call(restore)

    def shape(self, up: Shape, down: Shape | None = None) -> None:
        """What the directions do from now on; one shape is for both."""

        def reshape() -> None:
            self.shapes.update({Way.UP: up, Way.DOWN: up if down is None else down})
            for pair in self.pairs:
                pair.fit()

        self._call(reshape)

    def close(self) -> None:
        """End everything."""
        if self._loop.is_closed():
            return

        def finish() -> None:
            self._stop_listening()
            self._end_all(Cut.RESET)
            for task in asyncio.all_tasks(self._loop) - {asyncio.current_task(self._loop)}:
                task.cancel()

        self._call(finish)
        self._call(lambda: None)  # a turn, in which the cancelled tasks end
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_DEADLINE)
        self._loop.close()

    # --- in the thread ----------------------------------------------------------------------------------------

    def spring(self) -> None:
        """Do what was armed."""
        armed, self.armed = self.armed, None
        assert armed is not None
        self._end_all(armed.cut)
        armed.done.set()

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Run to its end what has nobody to wait for it."""
        task = asyncio.ensure_future(work)
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    def _call(self, call: Callable[[], _Value]) -> _Value:
        async def run() -> _Value:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(CALL_DEADLINE)

    def _end_all(self, cut: Cut) -> int:
        pairs = list(self.pairs)
        for pair in pairs:
            pair.end(cut)
        self.ended += len(pairs)
        return len(pairs)

    def _listen(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        listener.bind(self._address)
        listener.listen(1024)
        listener.setblocking(False)
        self._address = listener.getsockname()[:2]
        self._listener = listener
        self._accepting = asyncio.ensure_future(self._accept(listener))

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None and self._accepting is not None:
            self._accepting.add_done_callback(lambda _: listener.close())
            self._accepting.cancel()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listener)
            self.arrivals.append(time.monotonic())
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.keep(_drain(client, None) if self._silent else self._connect(client))

    async def _connect(self, client: socket.socket) -> None:
        server = socket.socket()
        server.setblocking(False)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.shapes[Way.DOWN].kernel_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(server, self.target)
        except OSError:
            # What is behind the proxy does not listen: its client is to see what it would see there.
            _reset_on_close(client)
            client.close()
            server.close()
            return
        pair = _Pair(self, client, server)
        self.pairs.add(pair)
        pair.start()
