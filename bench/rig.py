"""
Starts what is measured and what it is measured with, and counts CPU.

A `Target` is a place to send load to, with the processes whose CPU counts as its cost: for a tunnel, server and client
but not the service behind it; for a yardstick, itself. `in_turns` sends the same load to several targets by turns.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import processes
from tests.processes import Process, ProcessError

DOMAIN = "localhost"
SUBDOMAIN = "bench"
SETTINGS = str(Path(__file__).resolve().parent / "server.yaml")
LOAD_DEADLINE = 120.0
"""Seconds that a load may take beyond the time that it was asked for."""


@dataclass(frozen=True)
class Plan:
    """How thoroughly to measure: rounds of so many seconds each, and the smaller sizes for a quick look."""

    rounds: int = 5
    seconds: float = 4.0
    quick: bool = False


@dataclass(frozen=True)
class Target:
    """Where load goes: 127.0.0.1:``port``, asking for ``host``; and whose CPU it costs, by role."""

    name: str
    port: int
    host: str
    counted: Mapping[str, Process]

    @property
    def server(self) -> Process:
        return self.counted["server"]

    @property
    def client(self) -> Process:
        return self.counted["client"]


@dataclass(frozen=True)
class Round:
    """What one load achieved, and the CPU seconds that each counted process spent on it."""

    count: int
    seconds: float
    cpu: Mapping[str, float]
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.count / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU for each, all counted processes together."""
        return sum(self.cpu.values()) / self.count * 1e6


def cpu_us_of(role: str, times: float = 1.0) -> Callable[[Round], float]:
    """The figure "microseconds of one process's CPU for so many", for `bench.figures.spread`."""
    return lambda result: result.cpu[role] / result.count * 1e6 * times


def direct(process: Process, name: str) -> Target:
    """A yardstick, or a service without a tunnel."""
    return Target(name, process.port, f"127.0.0.1:{process.port}", {name: process})


@contextmanager
def tunnel_to(
    service: Process, *options: str, name: str = "tunnel", env: Mapping[str, str] | None = None
) -> Iterator[Target]:
    """A server and a client of their own, with a tunnel to ``service``; ``options`` are the client's."""
    with processes.start_server("--config", SETTINGS, domain=DOMAIN) as server:
        with processes.start_client(server.port, service.port, SUBDOMAIN, *options, domain=DOMAIN, env=env) as client:
            host = f"{SUBDOMAIN}.{DOMAIN}:{server.port}"
            yield Target(name, server.port, host, {"server": server, "client": client})


def measured(target: Target, load: Callable[[Target], Mapping[str, float]]) -> Round:
    """One load on one target."""
    before = {role: process.cpu_seconds() for role, process in target.counted.items()}
    result = load(target)
    cpu = {role: process.cpu_seconds() - before[role] for role, process in target.counted.items()}
    if not result["count"]:
        raise ProcessError(f"{target.name} did not complete one exchange")
    times = {name: result.get(name, 0.0) for name in ("p50_ms", "p99_ms", "max_ms")}
    return Round(count=int(result["count"]), seconds=result["seconds"], cpu=cpu, **times)


def in_turns(
    targets: Sequence[Target], load: Callable[[Target], Mapping[str, float]], rounds: int
) -> dict[str, list[Round]]:
    """The same load on every target by turns, forwards and backwards, after one that is not counted."""
    for target in targets:
        load(target)
    results: dict[str, list[Round]] = {target.name: [] for target in targets}
    for number in range(rounds):
        for target in targets if number % 2 == 0 else reversed(targets):
            results[target.name].append(measured(target, load))
    return results


def start_load(target: Target, kind: str, **options: object) -> Process:
    """`bench.load` on a target; options as it spells them."""
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return processes.start_python("-m", "bench.load", kind, str(target.port), target.host, *flags, name=f"load {kind}")


def run_load(target: Target, kind: str, **options: object) -> dict[str, float]:
    """A load that comes to an end, and its result."""
    with start_load(target, kind, **options) as load:
        status = load.wait_for_exit(LOAD_DEADLINE)
        if status != 0:
            costs = "\n".join(f"--- {role} ---\n{p.output[-1500:]}" for role, p in target.counted.items())
            raise ProcessError(f"load on {target.name} failed: {load.output}\n{costs}")
        result: dict[str, float] = json.loads(load.output.splitlines()[-1])
    return result


def run_wrk(target: Target, connections: int, seconds: float) -> dict[str, float]:
    """wrk with one thread on ``/``. An answer other than 2xx, or a socket error, is no result."""
    executable = shutil.which("wrk")
    if executable is None:
        raise ProcessError("wrk is not installed: apt-get install wrk")
    argv = [executable, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    argv += ["-H", f"Host: {target.host}", f"http://127.0.0.1:{target.port}/"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + LOAD_DEADLINE, check=True)
    return parse_wrk(done.stdout)


_WRK_TIME = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


def parse_wrk(output: str) -> dict[str, float]:
    """Requests, seconds and percentiles from what wrk prints."""
    for problem in ("Non-2xx", "Socket errors"):
        if problem in output:
            raise ProcessError(f"wrk met errors:\n{output}")
    requests = re.search(r"(\d+) requests in ", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if requests is None or rate is None or not float(rate[1]):
        raise ProcessError(f"wrk told nothing:\n{output}")
    result = {"count": float(requests[1]), "seconds": float(requests[1]) / float(rate[1])}
    for percentile in ("50", "99"):
        found = re.search(rf"^\s*{percentile}%\s+([\d.]+)(us|ms|s|m)$", output, re.MULTILINE)
        if found is not None:
            result[f"p{percentile}_ms"] = float(found[1]) * _WRK_TIME[found[2]]
    return result
