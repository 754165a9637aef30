"""Peers that do not read, over links that are cut: what Sellia holds for them, and what everybody else notices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack

from bench import rig
from bench.load import STALLS
from bench.memory import settled_bytes
from bench.rig import Target
from tests.chaos.pairs import Cut
from tests.chaos.report import Plan, Report
from tests.chaos.stage import Stage

GROWTH = 4 << 20
SLOWDOWN = 2.0
FLOOR_MS = 10.0
"""A p99 below this is good whatever it is in quiet: on a busy machine both are noise."""

TRIES = 6
"""Measurements beside the stalled at most."""

RATE = 200
CONNECTIONS = 4
BRIEF = {"drain_timeout": 0.5}
"""Nobody waits at the end for an upload that nobody reads."""

ALONE = tuple((kind,) for kind in STALLS)
"""Each kind of peer that does not read by itself."""


def pressure(plan: Plan, groups: Sequence[tuple[str, ...]] = ALONE) -> Report:
    """1 GiB to a visitor who does not read, and to a service that does not: bounded, and nobody else waits for it."""
    report = Report("pressure")
    for kinds in groups:
        with Stage(server=BRIEF, client=BRIEF, service_module="bench.service") as stage:
            _stalled(report, stage, kinds, plan)
    return report


def _stalled(report: Report, stage: Stage, kinds: tuple[str, ...], plan: Plan) -> None:
    name = " and ".join(kinds)
    roles = {"server": stage.server, "client": stage.client}
    target = Target(name, stage.server_port, stage.host, roles)
    seconds = max(0.5, 4.0 * plan.load)
    quiet = _least(target, seconds, 0.0, 2)
    before = {role: settled_bytes(process) for role, process in roles.items()}
    for process in roles.values():
        process.reset_peak()
    with ExitStack() as stack:
        stalls = [stack.enter_context(rig.start_load(target, "stall", stall=kind)) for kind in kinds]
        for stall in stalls:
            stall.wait_for_line(r"^stalled \d+$", 60.0)
        beside = _least(target, seconds, max(FLOOR_MS, SLOWDOWN * quiet), TRIES)
        for _ in range(plan.faults(20)):
            links = stage.links_back
            stage.proxy.cut(Cut.RESET)
            stage.wait_for_link(links + 1)
        grown = {role: process.peak_resident_bytes() - before[role] for role, process in roles.items()}
        report.expect(all(stall.returncode is None for stall in stalls), f"{name}: who does not read was cut off")
    report.note(
        f"{name}: others' p99 {quiet:.1f} ms in quiet, {beside:.1f} ms beside it; "
        + ", ".join(f"the {role} grows by {size / (1 << 20):.1f} MiB" for role, size in grown.items())
    )
    for role, size in grown.items():
        report.expect(size <= GROWTH, f"{name}: the {role} grows by {size / (1 << 20):.1f} MiB")
    report.expect(beside <= max(FLOOR_MS, SLOWDOWN * quiet), f"{name}: others' p99 is {beside:.1f} ms")


def _least(target: Target, seconds: float, enough: float, tries: int) -> float:
    """The least p99 of so many measurements, or the first that is low enough, as the machine may do other things."""
    least = math.inf
    for _ in range(tries):
        least = min(least, _others(target, seconds))
        if least <= enough:
            break
    return least


def _others(target: Target, seconds: float) -> float:
    """The p99 of small requests at a steady rate, in milliseconds."""
    return rig.run_load(target, "get", connections=CONNECTIONS, rate=RATE, seconds=seconds)["p99_ms"]
