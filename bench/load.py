"""
The load generator, a process of its own: ``python -m bench.load KIND PORT HOST [options]``.

It connects to 127.0.0.1:PORT and asks for HOST. The kinds:

    echo      WebSocket round trips, one message at a time on each connection
    get       HTTP requests on kept-alive connections, one at a time on each, or so many a second
    download  one response, read and thrown away
    idle      opens WebSockets and holds them; says ``open N`` once they are
    stall     a peer that does not read, or that sends to one who does not; says ``stalled`` once nothing moves

The result is one line of JSON, the last one. It is light, so that it does not become what is measured: requests are
built once, answers are counted rather than parsed, and all connections are on one epoll loop. It is honest all the
same: the first answer of each connection is compared byte by byte, the later ones by their length.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import sys
import time
from array import array
from collections.abc import Callable

from bench import wire

READ_SIZE = 1 << 20
CONNECT_DEADLINE = 60.0
PATIENCE = 30.0
"""Seconds beyond its own that a load waits for its first answer: a slow figure is better than none."""

BATCH = 64
"""Opening handshakes under way at a time: enough for speed, few enough for any listen queue."""


class LoadError(Exception):
    """The other end answered something else than it should, or hung up."""


class ServiceLeg:
    """One connection on which ``request`` is answered by ``answer``, over and over."""

    __slots__ = ("answer", "outgoing", "received", "request", "sent_at", "socket", "unchecked")

    def __init__(self, connected: socket.socket, request: bytes, answer: bytes) -> None:
        self.socket = connected
        self.request = request
        self.answer = answer
        self.outgoing = memoryview(b"")
        self.received = 0
        self.sent_at = 0
        self.unchecked = len(answer)

    def start(self) -> None:
        """Send the request, or the beginning of it; `flush` sends the rest."""
        self.received = 0
        self.outgoing = memoryview(self.request)
        self.sent_at = time.monotonic_ns()
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes."""
        try:
            self.outgoing = self.outgoing[self.socket.send(self.outgoing) :]
        except BlockingIOError:
            pass

    def read(self, buffer: memoryview) -> bool:
        """Read once; whether the answer is complete with that."""
        try:
            count = self.socket.recv_into(buffer)
        except BlockingIOError:
            return False
        if not count:
            raise LoadError("the connection was closed")
        self.received += count
        if self.unchecked:
            self.check(bytes(buffer[:count]))
        if self.received > len(self.answer):
            raise LoadError(f"{self.received - len(self.answer)} bytes too many")
        return self.received == len(self.answer)

    def check(self, data: bytes) -> None:
        """Compare what was read last with its place in the answer; the first whole answer is compared, then no more."""
        start = len(self.answer) - self.unchecked
        if self.answer[start : start + len(data)] != data:
            raise LoadError(f"unexpected answer {data[:200]!r}")
        self.unchecked -= len(data)


def exchange_for(
    exchanges: list[ServiceLeg], seconds: float, rate: float = 0.0, patience: float = PATIENCE
) -> dict[str, float]:
    """
    Repeat every exchange for ``seconds``: as fast as answers come, or all together at ``rate`` a second.

    At a rate, a time is counted from when the request was due, not from when it could be sent at last, so that a stall
    is seen by every request that it delays. When nothing is answered in time, the first answer is waited for.
    """
    poll = select.epoll()
    by_number = {exchange.socket.fileno(): exchange for exchange in exchanges}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    buffer = memoryview(bytearray(READ_SIZE))
    times = array("q")
    pace = int(1e9 * len(exchanges) / rate) if rate else 0
    resting: list[tuple[int, ServiceLeg]] = []
    started = time.monotonic_ns()
    end = started + int(seconds * 1e9)
    for index, exchange in enumerate(exchanges):
        if pace:
            resting.append((started + pace * index // len(exchanges), exchange))
        else:
            exchange.start()
            _watch(poll, exchange)
    last = end + int(patience * 1e9)
    while (now := time.monotonic_ns()) < end or (not times and now < last):
        while resting and resting[0][0] <= now:
            due, exchange = resting.pop(0)
            exchange.start()
            exchange.sent_at = due
            _watch(poll, exchange)
        for number, events in poll.poll(max(0.0, (resting[0][0] - now) / 1e9) if resting else 0.5):
            exchange = by_number[number]
            if events & select.EPOLLOUT:
                exchange.flush()
                _watch(poll, exchange)
            if events & ~select.EPOLLOUT and exchange.read(buffer):
                finished = time.monotonic_ns()
                times.append(finished - exchange.sent_at)
                if pace:
                    resting.append((exchange.sent_at + pace, exchange))
                    resting.sort(key=_due)
                else:
                    exchange.start()
                    if exchange.outgoing:
                        _watch(poll, exchange)
    elapsed = (time.monotonic_ns() - started) / 1e9
    return {"count": len(times), "seconds": elapsed, **percentiles(times)}


def percentiles(nanoseconds: array[int]) -> dict[str, float]:
    """Median, 99th percentile and maximum, in milliseconds."""
    ordered = sorted(nanoseconds)
    if not ordered:
        raise LoadError("not one answer came in time")
    last = len(ordered) - 1
    ranks = {"p50": last // 2, "p99": last * 99 // 100, "max": last}
    return {f"{name}_ms": ordered[rank] / 1e6 for name, rank in ranks.items()}


def connect(port: int) -> socket.socket:
    """A connection to 127.0.0.1 without Nagle's delay, still blocking."""
    connected = socket.create_connection(("127.0.0.1", port), timeout=CONNECT_DEADLINE)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def read_head(connected: socket.socket) -> tuple[bytes, bytes]:
    """A response head from a blocking socket, and what came behind it."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        chunk = connected.recv(65536)
        if not chunk:
            raise LoadError(f"the connection was closed after {data[:200]!r}")
        data += chunk
    return data[: end + 4], data[end + 4 :]


def open_websockets(port: int, host: str, count: int, path: str = "/") -> list[socket.socket]:
    """``count`` WebSockets, opened a batch at a time, now non-blocking."""
    request = wire.upgrade_request(host, path)
    opened: list[socket.socket] = []
    while len(opened) < count:
        batch = [connect(port) for _ in range(min(BATCH, count - len(opened)))]
        for connected in batch:
            connected.sendall(request)
        for connected in batch:
            head, rest = read_head(connected)
            if not wire.is_accepted(head) or (rest and path == "/"):
                raise LoadError(f"the WebSocket was not accepted: {head[:300]!r}")
            connected.setblocking(False)
        opened += batch
    return opened


def echo(port: int, host: str, connections: int, size: int, seconds: float) -> dict[str, float]:
    """Messages of ``size`` bytes there and back, on ``connections`` WebSockets."""
    payload = bytes(index * 7 % 251 for index in range(min(size, 251 * 8))) * (size // (251 * 8) + 1)
    payload = payload[:size]
    request, answer = wire.frame(payload, mask=wire.MASK), wire.frame(payload)
    sockets = open_websockets(port, host, connections)
    return exchange_for([ServiceLeg(connected, request, answer) for connected in sockets], seconds)


def get(port: int, host: str, connections: int, path: str, seconds: float, rate: float) -> dict[str, float]:
    """``GET path`` on kept-alive connections. Later answers must be as long as the first (a Date may move on)."""
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("ascii")
    exchanges = []
    for _ in range(connections):
        connected = connect(port)
        connected.sendall(request)
        head, body = read_head(connected)
        if not head.startswith(b"HTTP/1.1 200"):
            raise LoadError(f"unexpected answer {head[:300]!r}")
        missing = int(wire.field(head, b"content-length")) - len(body)
        while missing > 0:
            body += (chunk := connected.recv(missing))
            missing -= len(chunk)
        connected.setblocking(False)
        exchange = ServiceLeg(connected, request, head + body)
        exchange.unchecked = 0
        exchanges.append(exchange)
    return exchange_for(exchanges, seconds, rate)


def download(port: int, host: str, path: str) -> dict[str, float]:
    """One response of a known length, read and thrown away."""
    connected = connect(port)
    buffer = memoryview(bytearray(READ_SIZE))
    started = time.monotonic_ns()
    connected.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("ascii"))
    head, body = read_head(connected)
    length = int(wire.field(head, b"content-length") or b"-1")
    if not head.startswith(b"HTTP/1.1 200") or length < 0:
        raise LoadError(f"unexpected answer {head[:300]!r}")
    missing = length - len(body)
    while missing > 0:
        count = connected.recv_into(buffer)
        if not count:
            raise LoadError(f"the response ended {missing} bytes early")
        missing -= count
    return {"count": length, "seconds": (time.monotonic_ns() - started) / 1e9}


def hold(sockets: list[socket.socket], step: Callable[[], bool]) -> None:
    """Watch connections until this process is ended, or one of them is; call ``step`` until it says that it is done."""
    poll = select.epoll()
    for connected in sockets:
        poll.register(connected.fileno(), select.EPOLLRDHUP)
    busy = True
    while True:
        if poll.poll(0.05 if busy else None):
            raise LoadError("a connection was lost")
        busy = busy and not step()


def idle(port: int, host: str, connections: int) -> None:
    """Hold open WebSockets on which nothing happens."""
    sockets = open_websockets(port, host, connections)
    say(f"open {len(sockets)}")
    hold(sockets, lambda: True)


STALLS = ("http-push", "http-upload", "ws-push", "ws-upload")


def stall(port: int, host: str, kind: str) -> None:
    """
    Ask for 1 GiB and do not read it, or offer 1 GiB to a service that does not read it.

    Nothing may move in the end: ``stalled N`` says how much of an upload the way took (a push is not looked at).
    """
    protocol, direction = kind.split("-")
    offered = memoryview(b"")
    repeat = memoryview(bytes(65536))
    if protocol == "ws":
        (connected,) = open_websockets(port, host, 1, "/push" if direction == "push" else "/sink")
        repeat = memoryview(wire.frame(bytes(65536), mask=wire.MASK))
    else:
        connected = connect(port)
        line = b"GET /push" if direction == "push" else b"POST /sink"
        length = b"" if direction == "push" else b"Content-Length: %d\r\n" % (1 << 30)
        connected.sendall(line + b" HTTP/1.1\r\nHost: " + host.encode("ascii") + b"\r\n" + length + b"\r\n")
        connected.setblocking(False)
    taken, still = 0, 0

    def step() -> bool:
        nonlocal offered, taken, still
        before = taken
        while direction == "upload" and taken < 1 << 30:
            offered = offered or repeat
            try:
                sent = connected.send(offered)
            except BlockingIOError:
                break
            offered = offered[sent:]
            taken += sent
        still = still + 1 if taken == before else 0
        if still == 20:
            say(f"stalled {taken}")
        return still == 20

    hold([connected], step)


def say(line: str) -> None:
    print(line, flush=True)


def _watch(poll: select.epoll, exchange: ServiceLeg) -> None:
    poll.modify(exchange.socket.fileno(), select.EPOLLIN | (select.EPOLLOUT if exchange.outgoing else 0))


def _due(entry: tuple[int, ServiceLeg]) -> int:
    return entry[0]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load")
    parser.add_argument("kind", choices=["echo", "get", "download", "idle", "stall"])
    parser.add_argument("port", type=int)
    parser.add_argument("host")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--path", default="/")
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--stall", choices=STALLS, default=STALLS[0])
    o = parser.parse_args()
    try:
        match o.kind:
            case "echo":
                say(json.dumps(echo(o.port, o.host, o.connections, o.size, o.seconds)))
            case "get":
                say(json.dumps(get(o.port, o.host, o.connections, o.path, o.seconds, o.rate)))
            case "download":
                say(json.dumps(download(o.port, o.host, o.path)))
            case "idle":
                idle(o.port, o.host, o.connections)
            case "stall":
                stall(o.port, o.host, o.stall)
    except (LoadError, OSError) as error:
        sys.exit(f"bench.load {o.kind}: {error}")


if __name__ == "__main__":
    main()
