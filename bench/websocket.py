"""WebSocket: echo round trips of four sizes, on 1 and on 50 connections."""

from __future__ import annotations

from contextlib import ExitStack

from bench.figures import Findings, Goal, Table, middle, spread
from bench.rig import Plan, Round, Target, cpu_us_of, direct, in_turns, run_load, tunnel_to
from bench.yardsticks import start_service, start_yardstick

SIZES = {"64 B": 64, "1 KiB": 1 << 10, "64 KiB": 1 << 16, "1 MiB": 1 << 20}
CONNECTIONS = (1, 50)
AUTOBAHN = "Autobahn's echo server"

GOALS = {
    ("64 B", 50): ("WebSocket echo round trips/s, 64 B, 50 connections, to Autobahn's", 0.4, 0.5),
    ("1 MiB", 1): ("WebSocket echo MB/s, 1 MiB, 1 connection, to Autobahn's", 0.4, None),
}


def measure(plan: Plan) -> Findings:
    findings = Findings()
    with ExitStack() as stack:
        service = stack.enter_context(start_service())
        tunnel = stack.enter_context(tunnel_to(service))
        autobahn = direct(stack.enter_context(start_yardstick("autobahn")), AUTOBAHN)
        targets = [autobahn, direct(service, "the service directly"), tunnel]
        for label, size in SIZES.items():
            for connections in CONNECTIONS:
                results = _echo(plan, targets, size, connections)
                findings.tables.append(_table(plan, label, size, connections, results, tunnel))
                if (label, connections) in GOALS:
                    what, limit, aim = GOALS[label, connections]
                    ratio = middle(results["tunnel"], _rate) / middle(results[AUTOBAHN], _rate)
                    findings.goals.append(Goal(what, ratio, limit, at_least=True, aim=aim))
    return findings


def _echo(plan: Plan, targets: list[Target], size: int, connections: int) -> dict[str, list[Round]]:
    def load(target: Target) -> dict[str, float]:
        return run_load(target, "echo", size=size, connections=connections, seconds=plan.seconds)

    return in_turns(targets, load, plan.rounds)


def _table(
    plan: Plan, label: str, size: int, connections: int, results: dict[str, list[Round]], tunnel: Target
) -> Table:
    table = Table(
        f"WebSocket echo, {label}, {connections} connection{'s' if connections > 1 else ''}",
        f"One message at a time on each, {plan.rounds} rounds of {plan.seconds:g} s. MB/s counts one way.",
        ("", "round trips/s", "MB/s", "CPU us per round trip", "p50 ms", "p99 ms"),
    )
    for name, rounds in results.items():
        table.rows.append(
            (
                name,
                spread(rounds, _rate),
                f"{middle(rounds, _rate) * size / 1e6:,.1f}",
                spread(rounds, lambda r: r.cpu_us),
                spread(rounds, lambda r: r.p50_ms, 2),
                spread(rounds, lambda r: r.p99_ms, 2),
            )
        )
    for role in tunnel.counted:
        cpu = spread(results["tunnel"], cpu_us_of(role))
        table.rows.append((f"- of which {role}", "", "", cpu, "", ""))
    return table


def _rate(result: Round) -> float:
    return result.rate
