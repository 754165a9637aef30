"""
``python -m tests.chaos.soak [MINUTES]``: mixed traffic, opens and closes, a cut now and then, for an hour by default.

At the end everything that was opened is closed, and server and client hold what they held after a short warm-up: the
same number of descriptors and timers, and memory within `GROWTH`. What visitors saw is counted as everywhere.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from bench.memory import settled_bytes
from sellia.process import GIVE_BACK
from tests.chaos.pairs import Cut
from tests.chaos.report import Plan, Report, end_children_when_told_to_end, run
from tests.chaos.stage import Stage, finish, observed
from tests.chaos.tally import Tally
from tests.processes import Process, wait_until

GROWTH = 2 << 20
SETTINGS = {"keep_alive": 5}
"""Idle connections of visitors are not what this is about."""

REST_DEADLINE = 120.0
"""Seconds after which what is still open was forgotten: longer than any pool keeps a connection."""

CUT_PAUSE = 10.0
SHIFT = 300.0
"""Seconds that visitors stay before others take their place, so that what they count does not grow for ever."""

WARM_UP = 0.1
"""The part of the duration that makes the base; at least 20 s, at most five minutes."""


def soak(plan: Plan, minutes: float = 60.0) -> Report:
    """Mixed traffic for so many minutes."""
    report = Report("soak")
    choose = random.Random(f"soak {plan.seed}")
    with Stage(server=SETTINGS) as stage:
        roles = (stage.server, stage.client)
        _traffic(report, stage, plan, choose, min(300.0, max(20.0, minutes * 60 * WARM_UP)))
        base = {process: _rest(process) for process in roles}
        sizes = _sizes(roles, minutes)
        for process in roles:
            timers, files = base[process]
            report.note(f"{process.name} at base: {timers} timers, {files} descriptors, {_mib(sizes[process])}")
        end = time.monotonic() + minutes * 60
        while (left := end - time.monotonic()) > 0:
            _traffic(report, stage, plan, choose, min(SHIFT, left))
        for process in roles:
            try:
                wait_until(partial(_back_at, base[process], process), "the base", REST_DEADLINE)
            except AssertionError:
                report.failures.append(f"{process.name}: timers and descriptors are {observed(process)}")
        for process, size in _sizes(roles, minutes).items():
            grown = size - sizes[process]
            report.note(f"{process.name} at the end: {observed(process)}, grown by {_mib(grown)}")
            report.expect(grown <= GROWTH, f"{process.name} has grown by {_mib(grown)}")
    return report


def _sizes(processes: Sequence[Process], minutes: float) -> dict[Process, int]:
    """Resident memory of each, the least within the time in which a process gives back what is free."""
    sizes = {process: settled_bytes(process) for process in processes}
    end = time.monotonic() + (GIVE_BACK + 5 if minutes * 60 > 5 * GIVE_BACK else 0)  # a short run is judged as it is
    while time.monotonic() < end:
        time.sleep(1.0)
        sizes = {process: min(size, process.resident_bytes()) for process, size in sizes.items()}
    return sizes


def _traffic(report: Report, stage: Stage, plan: Plan, choose: random.Random, seconds: float) -> None:
    """Visitors of every kind for so many seconds, and what they saw."""
    kinds: dict[str, Any] = {
        "websockets": plan.visitors(50),
        "downloads": plan.visitors(4),
        "uploads": plan.visitors(4),
        "events": plan.visitors(10),
        "requests": plan.visitors(10),
    }
    with stage.load(seed=choose.random(), stay=5, **kinds) as load:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, CUT_PAUSE * choose.random() * 2))
            stage.proxy.cut(choose.choice((Cut.FIN, Cut.RESET, Cut.CLIENT_ONLY)))
        tally = finish(load)
    report.expect(tally.clean, "visitors saw something")
    report.tally = tally if report.tally is None else _sum(report.tally, tally)


def _sum(one: Tally, other: Tally) -> Tally:
    for name, traffic in one.traffic.items():
        more = other.traffic[name]
        traffic.add(more.sent, more.octets, more.found)
    for error in other.errors:
        one.error(error)
    one.error_count += other.error_count - len(other.errors)
    one.pings += other.pings
    one.requests += other.requests
    one.websockets += other.websockets
    one.ends.update(other.ends)
    return one


def _rest(process: Process) -> tuple[int, int]:
    """Timers and descriptors once both have stopped to become fewer."""
    lowest = observed(process)
    since = time.monotonic()
    while time.monotonic() - since < REST_DEADLINE / 4:
        time.sleep(1.0)
        now = observed(process)
        if now[0] < lowest[0] or now[1] < lowest[1]:
            lowest, since = (min(now[0], lowest[0]), min(now[1], lowest[1])), time.monotonic()
    return lowest


def _back_at(base: tuple[int, int], process: Process) -> bool:
    """Whether the process has no more timers and descriptors than that."""
    now = observed(process)
    return now[0] <= base[0] and now[1] <= base[1]


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--load", type=float, default=1.0, help="visitors as a fraction of the full number")
    options = parser.parse_args()
    end_children_when_told_to_end()

    def scenario(plan: Plan) -> Report:
        return soak(plan, options.minutes)

    report = run(scenario, Plan(seed=options.seed, load=options.load))
    print("\n".join(report.lines()), flush=True)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
