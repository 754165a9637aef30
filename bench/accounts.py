"""Admission of clients to a server with accounts: among many keys, and many at once while its disk is slow."""

from __future__ import annotations

import shutil
import tempfile
import time
from array import array
from pathlib import Path

from bench import wire
from bench.figures import Findings, Goal, Table, middle, spread
from bench.load import LoadError, connect, percentiles, read_head
from bench.rig import SETTINGS, Plan
from bench.storage import COUNT, QUICK_COUNT, START_SECONDS, fill, secret_of
from sellia.client.settings.values import GATEWAY_PATH
from sellia.protocol.limits import CONTROL_LIMIT
from sellia.protocol.messages import (
    SUBPROTOCOL,
    VERSION,
    Goodbye,
    Hello,
    OpenTunnel,
    TunnelReady,
    TunnelRefused,
    Welcome,
)
from sellia.protocol.native import (
    CONTROL,
    PARCEL,
    decode_control,
    decode_link,
    encode,
    encode_link,
    pack_parcel,
    pack_record,
    records,
)
from sellia.storage.opening import open_storage
from tests.processes import Process, answers, free_port, start_python, start_server

#: Clients that come one after the other, and at once.
ADMITTED = 1_000
CROWD = 1_000

ADMISSION_MS = 5.0
CROWD_SECONDS = 5.0

#: Seconds of a write of the slow disk.
WRITE = 0.05


class Client:
    """A client that connects, shows a key and opens a tunnel, one step at a time."""

    def __init__(self, port: int, key: str) -> None:
        self.socket = connect(port)
        self.key = key
        self.rest = b""

    def upgrade(self) -> None:
        """Ask for a link."""
        request = wire.upgrade_request("localhost", GATEWAY_PATH)
        self.socket.sendall(request.replace(b"\r\n\r\n", f"\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n".encode()))

    def hello(self) -> None:
        """Wait for the link, and say hello."""
        head, self.rest = read_head(self.socket)
        if not head.startswith(b"HTTP/1.1 101"):
            raise LoadError(f"no link: {head[:200]!r}")
        self.say(encode_link(Hello(VERSION, "bench", [], self.key)))

    def say(self, message: bytes) -> None:
        self.socket.sendall(wire.frame(message, mask=wire.MASK))

    def welcome(self) -> None:
        """Wait for the welcome."""
        message = decode_link(self.message())
        if not isinstance(message, Welcome):
            raise LoadError(f"not welcome: {message!r}")

    def open(self, name: str) -> None:
        """Ask for a tunnel."""
        record = encode(OpenTunnel(1, "http", name))
        self.say(pack_parcel(PARCEL, 0) + pack_record(CONTROL, 0, 0, len(record)) + record)

    def opened(self) -> None:
        """Wait for the tunnel."""
        while True:
            message = self.message()
            said = [decode_control(each[3]) for each in records(message)] if message[0] == PARCEL else []
            if any(isinstance(each, TunnelReady) for each in said):
                return
            if any(isinstance(each, TunnelRefused) for each in said):
                raise LoadError(f"no tunnel: {said!r}")

    def message(self) -> bytes:
        while True:
            header = wire.parse_header(self.rest)
            if header is not None and len(self.rest) >= header.size + header.length:
                end = header.size + header.length
                payload, self.rest = self.rest[header.size : end], self.rest[end:]
                if header.first & 0xF == wire.BINARY:
                    return payload
                continue
            data = self.socket.recv(CONTROL_LIMIT)
            if not data:
                raise LoadError("the link was closed")
            self.rest += data

    def close(self) -> None:
        """End the session, which the server would expect back otherwise."""
        self.say(encode_link(Goodbye("client-gone", "")))
        self.socket.close()


def measure(plan: Plan) -> Findings:
    count, crowd = (QUICK_COUNT, CROWD // 5) if plan.quick else (COUNT, CROWD)
    folder = Path(tempfile.mkdtemp(prefix="sellia-bench-"))
    try:
        storage = open_storage(str(folder), None)
        fill(storage, count)
        storage.close()
        ready, single = _one_by_one(folder, count, plan)
        together = _at_once(folder, count, crowd, plan)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tables = [
        Table(
            f"Admission among {count:,} keys",
            f"{ADMITTED:,} clients, one after the other, each with another key: from its connection to its welcome; "
            f"{plan.rounds} rounds.",
            ("percentile", "ms"),
            [(name, spread(single, lambda each, name=name: each[f"{name}_ms"], 2)) for name in ("p50", "p99", "max")],  # type: ignore[misc]
        ),
        Table(
            f"{crowd:,} clients at once",
            f"Each with another key and a tunnel, while a write of the database takes {WRITE * 1000:g} ms; seconds "
            f"from the first connection to the last; {plan.rounds} rounds.",
            ("until", "s"),
            [
                ("all are welcome", spread(together, lambda each: each[0], 2)),
                ("all have their tunnels", spread(together, lambda each: each[1], 2)),
            ],
        ),
    ]
    goals = [
        Goal(f"start with {count:,} keys until one is admitted", ready, START_SECONDS, at_least=False, unit="s"),
        Goal(
            f"admission among {count:,} keys, p99",
            middle(single, lambda each: each["p99_ms"]),
            ADMISSION_MS,
            at_least=False,
            unit="ms",
        ),
        Goal(
            f"{crowd:,} clients at once, {WRITE * 1000:g} ms a write",
            middle(together, lambda each: each[1]),
            CROWD_SECONDS,
            at_least=False,
            unit="s",
        ),
    ]
    return Findings(goals, tables)


def _one_by_one(folder: Path, count: int, plan: Plan) -> tuple[float, list[dict[str, float]]]:
    """Return the seconds from the start to the first welcome, and the times of admissions after it."""
    found = []
    started = time.monotonic()
    with start_server("--require-auth", "--state-dir", str(folder), "--config", SETTINGS) as server:
        _admit(server, secret_of(0))
        ready = time.monotonic() - started
        for _ in range(plan.rounds):
            times = array("q")
            for number in range(ADMITTED):
                before = time.monotonic_ns()
                client = _admit(server, secret_of(number * (count // ADMITTED)))
                times.append(time.monotonic_ns() - before)
                client.close()
            found.append(percentiles(times))
    return ready, found


def _admit(server: Process, key: str) -> Client:
    client = Client(server.port, key)
    client.upgrade()
    client.hello()
    client.welcome()
    return client


def _at_once(folder: Path, count: int, crowd: int, plan: Plan) -> list[tuple[float, float]]:
    """Return the seconds until the last client is welcome, and has its tunnel, of each round."""
    found = []
    for _ in range(plan.rounds):
        with _slow_server(folder) as server:
            started = time.monotonic()
            numbers = [each * (count // crowd) for each in range(crowd)]
            clients = [Client(server.port, secret_of(each)) for each in numbers]
            for client in clients:
                client.upgrade()
            for client in clients:
                client.hello()
            for client, number in zip(clients, numbers, strict=True):
                client.welcome()
                client.open(f"app-{number}")
            welcome = time.monotonic() - started
            for client in clients:
                client.opened()
            found.append((welcome, time.monotonic() - started))
            for client in clients:
                client.close()
    return found


def _slow_server(folder: Path) -> Process:
    """A server whose database takes ``WRITE`` seconds for a write."""
    port = free_port()
    options = ("--nodaemon", "--pidfile=", "sellia-server", "--host", "127.0.0.1", "--port", str(port))
    more = ("--domain", "localhost", "--require-auth", "--state-dir", str(folder), "--config", SETTINGS)
    server = start_python("-m", "bench.slow_disk", str(WRITE), *options, *more, name="sellia-server", port=port)
    server.wait_for(lambda: answers(port), "the server to answer")
    return server
