"""TCP: bulk data by iperf3, each way, and one byte there and back, beside a direct connection; datagrams a second.

Run as a program, ``python -m bench.tcp PORT``, it is the service that sends each byte back.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from bench.figures import Findings, Goal, Table, middle, spread
from bench.rig import SETTINGS, Plan, Round, Target, cpu_us_of, in_turns
from tests import processes
from tests.processes import Process, ProcessError

RATE_LIMIT = 0.3
LATENCY_LIMIT_MS = 0.15

PORTS = "20000-29999"
WAYS = {"from the service": ["--reverse"], "from the visitor": []}


def measure(plan: Plan) -> Findings:
    findings = Findings()
    with ExitStack() as stack:
        server = stack.enter_context(processes.start_server("--config", SETTINGS, "--tcp-ports", PORTS))
        bulk = stack.enter_context(_iperf3())
        echo = stack.enter_context(_echo())
        targets = [_target("directly", bulk, {"service": bulk}), stack.enter_context(_tunnel(server, bulk))]
        table = Table(
            "TCP, bulk data",
            f"iperf3, one connection, {plan.rounds} rounds of {plan.seconds:g} s.",
            ("", "MB/s", "CPU ms per MB"),
        )
        findings.tables.append(table)
        for way, options in WAYS.items():

            def load(target: Target, options: list[str] = options) -> dict[str, float]:
                return _run_iperf3(target, plan.seconds, options)

            results = in_turns(targets, load, plan.rounds)
            for name, rounds in results.items():
                megabytes = spread(rounds, lambda r: r.rate / 1e6)
                cpu = spread(rounds, lambda r: r.cpu_us * 1e3, 2) if name == "tunnel" else ""
                table.rows.append((f"{way}, {name}", megabytes, cpu))
            for role in targets[1].counted:
                table.rows.append((f"- of which {role}", "", spread(results["tunnel"], cpu_us_of(role, 1e3), 2)))
            ratio = middle(results["tunnel"], _rate) / middle(results["directly"], _rate)
            findings.goals.append(Goal(f"TCP MB/s {way}, to iperf3 directly", ratio, RATE_LIMIT, at_least=True))
        findings.tables.append(_datagrams(plan))
        targets = [_target("directly", echo, {"service": echo}), stack.enter_context(_tunnel(server, echo))]
        results = in_turns(targets, lambda target: _run_echo(target, plan.seconds), plan.rounds)
        table = Table(
            "TCP, one byte there and back",
            f"One connection, one byte at a time, {plan.rounds} rounds of {plan.seconds:g} s.",
            ("", "p50 ms", "p99 ms", "per second"),
        )
        findings.tables.append(table)
        for name, rounds in results.items():
            table.rows.append((name, spread(rounds, _p50, 3), spread(rounds, _p99, 3), spread(rounds, _rate)))
        added = middle(results["tunnel"], _p50) - middle(results["directly"], _p50)
        table.rows.append(("added", f"{added:.3f}", "", ""))
        findings.goals.append(Goal("TCP latency added, p50", added, LATENCY_LIMIT_MS, at_least=False, unit="ms"))
    return findings


def _datagrams(plan: Plan) -> Table:
    """How many datagrams of 100 bytes arrive, each way, of as many as a visitor and a service can send."""
    table = Table(
        "UDP, datagrams",
        f"100 bytes each, one visitor, {plan.rounds} rounds of {plan.seconds:g} s; what is too much is dropped.",
        ("", "a second"),
    )
    with ExitStack() as stack:
        server = stack.enter_context(processes.start_server("--config", SETTINGS, "--udp-ports", PORTS))
        service = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        service.bind(("127.0.0.1", 0))
        arguments = ["--server", f"http://127.0.0.1:{server.port}", "--kind", "udp"]
        target = f"127.0.0.1:{service.getsockname()[1]}"
        client = stack.enter_context(processes.start_twistd("sellia-client", *arguments, "--target", target))
        port = int(client.wait_for_line(r"tunnel ready: udp://localhost:(\d+)")[1])
        visitor = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        visitor.connect(("127.0.0.1", port))
        visitor.send(b"x" * 100)
        _, address = service.recvfrom(100)
        service.sendto(b"x" * 100, address)
        visitor.recv(100)
        visitor.send(b"x")  # it has shown that it hears
        service.recv(100)
        service.connect(address)
        for way, one, other in (("from the visitor", visitor, service), ("from the service", service, visitor)):
            counts = [_flood(one, other, plan.seconds) for _ in range(plan.rounds)]
            middle_one = sorted(counts)[len(counts) // 2]
            table.rows.append((way, f"{middle_one:,.0f} ({min(counts):,.0f}-{max(counts):,.0f})"))
    return table


def _flood(one: socket.socket, other: socket.socket, seconds: float) -> float:
    """Send as fast as the socket takes it, and count what arrives."""
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            for _ in range(20):
                one.send(b"x" * 100)
            time.sleep(0.0002)

    sending = threading.Thread(target=send)
    sending.start()
    count, end = 0, time.monotonic() + seconds
    other.settimeout(1.0)
    try:
        while time.monotonic() < end:
            other.recv(200)
            count += 1
    finally:
        stop.set()
        sending.join()
    other.settimeout(0.2)
    try:
        while other.recv(200):
            """What was under way."""
    except TimeoutError:
        return count / seconds


def _target(name: str, service: Process, counted: dict[str, Process]) -> Target:
    return Target(name, service.port, "", counted)


@contextmanager
def _tunnel(server: Process, service: Process) -> Iterator[Target]:
    """A client with a tcp tunnel to ``service``."""
    url = f"http://127.0.0.1:{server.port}"
    target = f"127.0.0.1:{service.port}"
    with processes.start_twistd("sellia-client", "--server", url, "--kind", "tcp", "--target", target) as client:
        port = int(client.wait_for_line(r"tunnel ready: tcp://localhost:(\d+)")[1])
        yield Target("tunnel", port, "", {"server": server, "client": client})


@contextmanager
def _iperf3() -> Iterator[Process]:
    executable = shutil.which("iperf3")
    if executable is None:
        raise ProcessError("iperf3 is not installed: apt-get install iperf3")
    port = processes.free_port()
    with Process([executable, "--server", "--bind", "127.0.0.1", "--port", str(port)], port=port) as server:
        server.wait_for_port()
        yield server


def _run_iperf3(target: Target, seconds: float, options: list[str]) -> dict[str, float]:
    argv = ["iperf3", "-c", "127.0.0.1", "-p", str(target.port), "-t", f"{max(1, round(seconds))}", "--json", *options]
    said: dict[str, Any] = {}

    def answered() -> bool:
        """It serves one test at a time, and may not have seen the end of the last."""
        done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 60, check=False)
        said.update({"error": ""}, **json.loads(done.stdout))
        return "busy" not in said["error"]

    processes.wait_until(answered, "iperf3 to be free", 20.0)
    if said["error"]:
        raise ProcessError(f"iperf3 met an error: {said['error']}")
    received = said["end"]["sum_received"]
    return {"count": received["bytes"], "seconds": received["seconds"]}


@contextmanager
def _echo() -> Iterator[Process]:
    port = processes.free_port()
    with processes.start_python("-m", "bench.tcp", str(port), name="echo", port=port) as service:
        service.wait_for_port()
        yield service


def _run_echo(target: Target, seconds: float) -> dict[str, float]:
    with socket.create_connection(("127.0.0.1", target.port), timeout=10) as visitor:
        visitor.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        times: list[float] = []
        end = time.perf_counter() + seconds
        before = time.perf_counter()
        while before < end:
            visitor.sendall(b"x")
            if visitor.recv(1) != b"x":
                raise ProcessError("the echo service has ended the connection")
            now = time.perf_counter()
            times.append(now - before)
            before = now
    times.sort()
    p50, p99 = (times[int(len(times) * part)] * 1e3 for part in (0.5, 0.99))
    return {"count": len(times), "seconds": seconds, "p50_ms": p50, "p99_ms": p99}


def _rate(result: Round) -> float:
    return result.rate


def _p50(result: Round) -> float:
    return result.p50_ms


def _p99(result: Round) -> float:
    return result.p99_ms


def serve(port: int) -> None:
    """Send back whatever comes, on each connection by itself."""
    listener = socket.create_server(("127.0.0.1", port))

    def answer(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(65536):
            connection.sendall(data)
        connection.close()

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    if len(sys.argv) != 2 or not re.fullmatch("[0-9]+", sys.argv[1]):
        sys.exit("usage: python -m bench.tcp PORT")
    serve(int(sys.argv[1]))
