"""``python -m bench [SECTION ...]``: measure, print, and after a run of everything write bench/RESULTS.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import accounts, cli, http, inspector, latency, memory, pressure, scale, storage, tcp, websocket
from bench.figures import Findings, report
from bench.rig import Plan
from tests.processes import ProcessError

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"

SECTIONS: dict[str, Callable[[Plan], Findings]] = {
    "http": http.measure,
    "ws": websocket.measure,
    "latency": latency.measure,
    "tcp": tcp.measure,
    "memory": memory.measure,
    "pressure": pressure.measure,
    "scale": scale.measure,
    "storage": storage.measure,
    "accounts": accounts.measure,
    "inspector": inspector.measure,
    "cli": cli.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"any of {', '.join(SECTIONS)}; default: all")
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter rounds, smaller sizes: for a first look"
    )
    parser.add_argument("--rounds", type=int, help="rounds for each figure")
    parser.add_argument("--seconds", type=float, help="seconds for each round")
    parser.add_argument("--out", type=Path, help=f"where to write (default: {RESULTS.name}, if everything is measured)")
    options = parser.parse_args()
    unknown = set(options.sections) - SECTIONS.keys()
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    usual = Plan(rounds=3, seconds=1.0, quick=True) if options.quick else Plan()
    plan = Plan(options.rounds or usual.rounds, options.seconds or usual.seconds, usual.quick)
    chosen = options.sections or list(SECTIONS)
    findings, failed = measure_all(chosen, plan)
    page = report(findings, f"{plan.rounds} rounds of {plan.seconds:g} s{', quick sizes' if plan.quick else ''}.")
    print(page)
    complete = set(chosen) == SECTIONS.keys() and not plan.quick and not failed
    out = options.out or (RESULTS if complete else None)
    if out is not None:
        out.write_text(page)
    return 1 if failed else 0


def measure_all(chosen: list[str], plan: Plan) -> tuple[list[Findings], bool]:
    """Every chosen section; one that fails is told and does not keep the others from being measured."""
    findings, failed = [], False
    for name in chosen:
        started = time.monotonic()
        try:
            findings.append(SECTIONS[name](plan))
        except ProcessError as error:
            failed = True
            print(f"{name}: {error}", file=sys.stderr)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return findings, failed


if __name__ == "__main__":
    sys.exit(main())
