"""Latency that a tunnel adds on one connection, for an HTTP request and for a WebSocket message of 64 bytes."""

from __future__ import annotations

from collections.abc import Callable

from bench.figures import Findings, Goal, Table, middle, spread
from bench.rig import Plan, Round, Target, direct, in_turns, run_load, tunnel_to
from bench.yardsticks import start_service

LIMIT_MS = 0.25


def measure(plan: Plan) -> Findings:
    def request(target: Target) -> dict[str, float]:
        return run_load(target, "get", seconds=plan.seconds)

    def message(target: Target) -> dict[str, float]:
        return run_load(target, "echo", seconds=plan.seconds)

    table = Table(
        "Added latency",
        f"One connection, one exchange at a time, {plan.rounds} rounds of {plan.seconds:g} s, the same load generator "
        "both times.",
        ("", "p50 ms", "p99 ms", "per second"),
    )
    findings = Findings(tables=[table])
    loads: dict[str, Callable[[Target], dict[str, float]]] = {"HTTP": request, "WebSocket": message}
    with start_service() as service, tunnel_to(service) as tunnel:
        for what, load in loads.items():
            results = in_turns([direct(service, "directly"), tunnel], load, plan.rounds)
            for name, rounds in results.items():
                table.rows.append(
                    (f"{what}, {name}", spread(rounds, _p50, 3), spread(rounds, _p99, 3), spread(rounds, _rate))
                )
            p50, p99 = (middle(results["tunnel"], f) - middle(results["directly"], f) for f in (_p50, _p99))
            table.rows.append((f"{what}, added", f"{p50:.3f}", f"{p99:.3f}", ""))
            findings.goals.append(Goal(f"{what} latency added, p50", p50, LIMIT_MS, at_least=False, unit="ms"))
    return findings


def _p50(result: Round) -> float:
    return result.p50_ms


def _p99(result: Round) -> float:
    return result.p99_ms


def _rate(result: Round) -> float:
    return result.rate
