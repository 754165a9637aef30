"""
Peers that do not read: what Sellia holds for them, and what everybody else notices.

A visitor asks for 1 GiB and does not read it; a visitor offers 1 GiB to a service that does not read it; each over HTTP
and over a WebSocket. Meanwhile others ask for "hello world" through the same tunnel, at a steady rate.
"""

from __future__ import annotations

from bench.figures import Findings, Goal, Table, middle, spread
from bench.load import STALLS
from bench.memory import settled_bytes
from bench.rig import Plan, Round, Target, measured, run_load, start_load, tunnel_to
from bench.yardsticks import start_service

RATE = 200
CONNECTIONS = 4
GROWTH_MIB = 4.0
SLOWDOWN = 2.0

TITLES = {
    "http-push": "HTTP, visitor does not read 1 GiB",
    "http-upload": "HTTP, service does not read 1 GiB",
    "ws-push": "WebSocket, visitor does not read 1 GiB",
    "ws-upload": "WebSocket, service does not read 1 GiB",
}


def measure(plan: Plan) -> Findings:
    table = Table(
        "Peers that do not read",
        f"Growth is the peak of resident memory over the level before, the most of {plan.rounds} rounds. Others: "
        f"{RATE} requests/s on {CONNECTIONS} connections, by turns in quiet and beside the stalled peer.",
        ("", "server grows, MiB", "client grows, MiB", "others' p99 ms", "in quiet, p99 ms"),
    )
    findings = Findings(tables=[table])
    for kind in STALLS:
        # A tunnel for each, so that one stalled stream cannot hide in what the one before has left.
        with start_service() as service, tunnel_to(service) as tunnel:
            _others(tunnel, plan)
            quiet, beside, growth = [], [], {"server": 0.0, "client": 0.0}
            for _ in range(plan.rounds):
                quiet.append(measured(tunnel, lambda target: _others(target, plan)))
                stalled, grown = _beside_stall(tunnel, plan, kind)
                beside.append(stalled)
                growth = {role: max(growth[role], grown[role]) for role in growth}
        slowdown = middle(beside, _p99) / middle(quiet, _p99)
        grown_cells = (f"{growth['server']:.1f}", f"{growth['client']:.1f}")
        table.rows.append((TITLES[kind], *grown_cells, spread(beside, _p99, 2), spread(quiet, _p99, 2)))
        findings.goals += [
            Goal(f"{TITLES[kind]}: {role} grows by", size, GROWTH_MIB, at_least=False, unit="MiB")
            for role, size in growth.items()
        ]
        findings.goals.append(Goal(f"{TITLES[kind]}: others' p99 to the quiet", slowdown, SLOWDOWN, at_least=False))
    return findings


def _beside_stall(tunnel: Target, plan: Plan, kind: str) -> tuple[Round, dict[str, float]]:
    before = {role: settled_bytes(process) for role, process in tunnel.counted.items()}
    for process in tunnel.counted.values():
        process.reset_peak()
    with start_load(tunnel, "stall", stall=kind) as stall:
        # The others are there from the start: filling up is the moment at which a bound would be missed.
        others = measured(tunnel, lambda target: _others(target, plan))
        stall.wait_for_line(r"^stalled \d+$", 30.0)
        grown = {role: (p.peak_resident_bytes() - before[role]) / (1 << 20) for role, p in tunnel.counted.items()}
    return others, grown


def _others(target: Target, plan: Plan) -> dict[str, float]:
    return run_load(target, "get", connections=CONNECTIONS, rate=RATE, seconds=plan.seconds)


def _p99(result: Round) -> float:
    return result.p99_ms
