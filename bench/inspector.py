"""The inspector: what it costs the relay that a client's traffic is kept, recorded, and followed by a page."""

from __future__ import annotations

import base64
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import Findings, Goal, Table, middle, spread
from bench.rig import Plan, Round, Target, cpu_us_of, in_turns, run_load, tunnel_to
from bench.yardsticks import start_service
from tests.processes import Process, free_port

CONNECTIONS = 50
OFF, ON, FOLLOWED, RECORDED = "off", "on", "on, and followed", "on, and recorded"
LIMIT = 1.1
PASSWORD = "bench"


def measure(plan: Plan) -> Findings:
    findings = Findings()
    with ExitStack() as stack:
        service = stack.enter_context(start_service())
        directory = stack.enter_context(TemporaryDirectory())
        file = Path(directory, "traffic.sqlite")
        targets = [
            stack.enter_context(tunnel_to(service, name=OFF)),
            stack.enter_context(tunnel_to(service, "--inspector", "0", name=ON)),
            stack.enter_context(_followed(service)),
            stack.enter_context(tunnel_to(service, "--inspector", "0", "--record", str(file), name=RECORDED)),
        ]

        def message(target: Target) -> dict[str, float]:
            return run_load(target, "echo", connections=CONNECTIONS, seconds=plan.seconds)

        def request(target: Target) -> dict[str, float]:
            return run_load(target, "get", connections=CONNECTIONS, seconds=plan.seconds)

        for what, load in (("WebSocket message of 64 B", message), ("HTTP request", request)):
            results = in_turns(targets, load, plan.rounds)
            findings.tables.append(_table(plan, what, results))
            for name in (ON, FOLLOWED):
                for figure, of in (("p99", _p99), ("CPU", _cpu)):
                    ratio = middle(results[name], of) / middle(results[OFF], of)
                    told = f"{what}, 50 connections, inspector {name}: {figure} to off"
                    findings.goals.append(Goal(told, ratio, LIMIT, at_least=False))
    return findings


@contextmanager
def _followed(service: Process) -> Iterator[Target]:
    """A tunnel whose inspector somebody follows, as the page does."""
    port = free_port()
    env = {"SELLIA_INSPECTOR_PASSWORD": PASSWORD}
    with tunnel_to(service, "--inspector", str(port), name=FOLLOWED, env=env) as target:
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/api/events")
        asked.add_header("Authorization", "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode())
        with urllib.request.urlopen(asked, timeout=60) as events:
            threading.Thread(target=lambda: _read(events.readline), daemon=True).start()
            yield target


def _read(line: Callable[[], bytes]) -> None:
    try:
        while line():
            pass
    except (OSError, ValueError, AttributeError):
        pass  # it was closed


def _table(plan: Plan, what: str, results: dict[str, list[Round]]) -> Table:
    table = Table(
        f"Inspector, {what}",
        f"{CONNECTIONS} connections, one at a time on each, {plan.rounds} rounds of {plan.seconds:g} s.",
        ("inspector", "per second", "CPU us for each", "of which client", "p50 ms", "p99 ms"),
    )
    for name, rounds in results.items():
        table.rows.append(
            (
                name,
                spread(rounds, lambda each: each.rate),
                spread(rounds, _cpu),
                spread(rounds, cpu_us_of("client")),
                spread(rounds, lambda each: each.p50_ms, 2),
                spread(rounds, _p99, 2),
            )
        )
    return table


def _p99(result: Round) -> float:
    return result.p99_ms


def _cpu(result: Round) -> float:
    return result.cpu_us
