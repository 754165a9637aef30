"""CPU per message of 50 busy WebSockets, alone and among thousands of idle ones."""

from __future__ import annotations

from bench.figures import Findings, Goal, Table, middle, spread
from bench.rig import Plan, Round, Target, cpu_us_of, measured, run_load, start_load, tunnel_to
from bench.yardsticks import start_service
from tests.processes import wait_until

BUSY = 50
OPEN = 5000
QUICK_OPEN = 1000
LIMIT = 1.3


def measure(plan: Plan) -> Findings:
    total = QUICK_OPEN if plan.quick else OPEN
    alone: list[Round] = []
    among: list[Round] = []
    with start_service() as service, tunnel_to(service) as tunnel:
        _busy(tunnel, plan)
        files = tunnel.server.open_files()
        for _ in range(plan.rounds):
            alone.append(measured(tunnel, lambda target: _busy(target, plan)))
            with start_load(tunnel, "idle", connections=total - BUSY) as idle:
                idle.wait_for_line(r"^open \d+$", 180.0)
                among.append(measured(tunnel, lambda target: _busy(target, plan)))
            wait_until(lambda: tunnel.server.open_files() <= files + BUSY, "the idle WebSockets to be gone", 60.0)
    ratio = middle(among, _cpu) / middle(alone, _cpu)
    table = Table(
        "CPU per message among idle WebSockets",
        f"{BUSY} WebSockets echo 64 B, {plan.rounds} rounds of {plan.seconds:g} s each way.",
        ("WebSockets open", "CPU us per round trip", "server", "client", "round trips/s"),
    )
    for count, rounds in ((BUSY, alone), (total, among)):
        roles = (spread(rounds, cpu_us_of("server")), spread(rounds, cpu_us_of("client")))
        table.rows.append((f"{count:,}", spread(rounds, _cpu), *roles, spread(rounds, lambda r: r.rate)))
    goal = Goal(f"CPU per message with {total:,} WebSockets open to that with {BUSY}", ratio, LIMIT, at_least=False)
    return Findings([goal], [table])


def _busy(target: Target, plan: Plan) -> dict[str, float]:
    return run_load(target, "echo", connections=BUSY, seconds=plan.seconds)


def _cpu(result: Round) -> float:
    return result.cpu_us
