"""
A TCP proxy that does to connections what networks do: a script says what and when.

    with FaultProxy(server.port) as proxy:
        client = start_client(proxy.port, ...)
        proxy.cut()                               # both ends see the end of the connection
        proxy.arm(Cut.RESET, Way.UP, 1000)        # a reset once 1,000 more octets have gone to the server
        proxy.blackhole(); ...; proxy.heal()      # silence; what was connected stays silent

It runs in a thread of its own, and each call returns when it is done. It holds no more than `tests.chaos.pairs.BUFFER`
octets for a direction, plus what the kernel's small buffers hold, so that the pressure of a slow end reaches the other.

Two kinds of silence: `freeze` stops everything and loses nothing, as a network that retransmits; `blackhole` swallows
what comes, as a NAT that forgot, and even the ends of connections don't get through.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from tests.chaos.pairs import KERNEL_BUFFER, SEGMENT, Cut, Pair, Shape, Way, drain, reset_on_close

CALL_DEADLINE = 10.0
_Value = TypeVar("_Value")


@dataclass
class _Armed:
    cut: Cut
    way: Way
    left: int
    done: threading.Event


class FaultProxy:
    """Passes connections to ``port`` of ``host`` on, from its own ``port``, until it is told to do something worse."""

    def __init__(self, port: int, host: str = "127.0.0.1", listen: str = "127.0.0.1") -> None:
        self.target = (host, port)
        self.pairs: set[Pair] = set()
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
        self._loop.add_reader(listener, self._accept, listener)

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            self._loop.remove_reader(listener)
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        """Somebody has connected.  (A task that waits for that cannot be ended without losing one now and then.)"""
        try:
            client, _ = listener.accept()
        except OSError:  # who has left already
            return
        self.arrivals.append(time.monotonic())
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.keep(drain(client, None) if self._silent else self._connect(client))

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
            reset_on_close(client)
            client.close()
            server.close()
            return
        pair = Pair(self, client, server)
        self.pairs.add(pair)
        pair.start()
