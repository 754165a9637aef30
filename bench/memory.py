"""Memory of an idle WebSocket, in the server and in the client, at several numbers of them."""

from __future__ import annotations

import time
from collections.abc import Mapping

from bench.figures import Findings, Goal, Table
from bench.rig import Plan, Target, direct, run_load, start_load, tunnel_to
from bench.yardsticks import start_service, start_yardstick
from tests.processes import Process, ProcessError

COUNTS = (1000, 5000, 10000)
QUICK_COUNTS = (500, 1000)
GOAL_COUNT = 5000
SERVER_KIB = 24.0
TOGETHER_KIB = 40.0

OPEN_DEADLINE = 180.0
WARM_UP = 50
SETTLED = 0.5
"""Seconds without a change of more than 64 KiB after which memory has settled."""


def measure(plan: Plan) -> Findings:
    table = Table(
        "Memory of an idle WebSocket",
        "Growth of resident memory divided by the number of WebSockets, KiB, in processes started for each row.",
        ("WebSockets", "server", "client", "together", "Autobahn's echo server, directly"),
    )
    findings = Findings(tables=[table])
    for count in QUICK_COUNTS if plan.quick else COUNTS:
        with start_service() as service, tunnel_to(service) as tunnel:
            grown = _grown(tunnel, count)
        with start_yardstick("autobahn") as autobahn:
            yardstick = _grown(direct(autobahn, "autobahn"), count)["autobahn"]
        server, together = grown["server"], grown["server"] + grown["client"]
        table.rows.append(
            (f"{count:,}", f"{server:.1f}", f"{grown['client']:.1f}", f"{together:.1f}", f"{yardstick:.1f}")
        )
        if count == GOAL_COUNT:
            what = f"memory per idle WebSocket, at {count:,}"
            findings.goals.append(Goal(f"{what}, server", server, SERVER_KIB, at_least=False, unit="KiB"))
            findings.goals.append(Goal(f"{what}, together", together, TOGETHER_KIB, at_least=False, unit="KiB"))
    return findings


def _grown(target: Target, count: int) -> Mapping[str, float]:
    """KiB for each of ``count`` WebSockets, by process. The first few do not count: they load code and fill pools."""
    run_load(target, "echo", connections=WARM_UP, seconds=0.5)
    before = {role: settled_bytes(process) for role, process in target.counted.items()}
    files = {role: process.open_files() for role, process in target.counted.items()}
    with start_load(target, "idle", connections=count) as idle:
        idle.wait_for_line(r"^open \d+$", OPEN_DEADLINE)
        after = {role: settled_bytes(process) for role, process in target.counted.items()}
        if idle.returncode is not None:
            raise ProcessError(f"idle WebSockets were lost: {idle.output}")
        for role, process in target.counted.items():
            # A socket each, in every process: otherwise this would divide by WebSockets that are not there.
            if process.open_files() - files[role] < count * 0.99:
                raise ProcessError(f"{role} holds {process.open_files() - files[role]} sockets for {count} WebSockets")
    return {role: (after[role] - before[role]) / count / 1024 for role in before}


def settled_bytes(process: Process, deadline: float = 10.0) -> int:
    """Resident memory once it has stopped changing, or after ``deadline`` seconds as it is."""
    end = time.monotonic() + deadline
    last = process.resident_bytes()
    while time.monotonic() < end:
        time.sleep(SETTLED)
        now = process.resident_bytes()
        if abs(now - last) <= 65536:
            return now
        last = now
    return last
