"""``python -m tests.chaos [SCENARIO ...]``: play scenarios at full size; the exit status is 1 if any fails."""

from __future__ import annotations

import argparse
import sys

from tests.chaos.report import Plan, Scenario, end_children_when_told_to_end, run


def scenarios() -> dict[str, Scenario]:
    """All scenarios by name, in the order in which they are played."""
    from tests.chaos import connections, crowd, deaths, links, namespaces, pools, pressure

    chosen: tuple[Scenario, ...] = (
        links.cuts,
        links.blackholes,
        links.silence,
        links.sleeps,
        links.expiry,
        links.thin,
        links.split,
        connections.connections,
        namespaces.wander,
        pressure.pressure,
        crowd.crowd,
        deaths.kills,
        deaths.restarts,
        deaths.drain,
        deaths.farewell,
        pools.pools,
    )
    return {scenario.__name__: scenario for scenario in chosen}


def main() -> int:
    known = scenarios()
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("scenario", nargs="*", choices=[[], *known], help=f"of {', '.join(known)}; default: all")
    parser.add_argument("--cuts", type=int, default=0, help="how many faults, in place of each scenario's own number")
    parser.add_argument("--seed", type=int, default=1, help="what all choices are made from (default: %(default)s)")
    parser.add_argument("--load", type=float, default=1.0, help="visitors as a fraction of the full number")
    options = parser.parse_args()
    end_children_when_told_to_end()
    plan = Plan(options.cuts, options.seed, options.load)
    failed = []
    for name in options.scenario or known:
        report = run(known[name], plan)
        print("\n".join(report.lines()), flush=True)
        if report.failures:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "every scenario is good", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
