"""``python -m tests.conformance``: all cases in all settings. The exit status is 1 when any verdict differs."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.conformance.suite import ALL_CASES, SETTINGS, SHORT_CASES, Outcome, Setting, run_setting
from tests.conformance.verdicts import close_code_changes, table
from tests.processes import ROOT, ProcessError

RESULTS = ROOT / "build" / "conformance"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the selection that the test suite runs")
    parser.add_argument("--cases", help="case ids and globs of your own, with commas between them")
    parser.add_argument("--setting", choices=[s.name for s in SETTINGS], action="append", help="default: all of them")
    parser.add_argument("--direct-only", action="store_true", help="only show that the echoes pass without a tunnel")
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="where the verdicts go, as JSON (default: %(default)s)"
    )
    options = parser.parse_args()
    cases = options.cases.split(",") if options.cases else SHORT_CASES if options.short else ALL_CASES
    good = True
    for setting in SETTINGS:
        if not options.setting or setting.name in options.setting:
            good = report(setting, cases, options.direct_only, options.out) and good
    return 0 if good else 1


def report(setting: Setting, cases: tuple[str, ...] | list[str], direct_only: bool, out: Path) -> bool:
    """Run one setting, say how it went, and whether it went well."""
    started = time.monotonic()
    try:
        direct = run_setting(setting, cases, tunnelled=False, out=out / f"{setting.name}-direct.json")
        tunnelled = (
            direct
            if direct_only
            else run_setting(setting, cases, tunnelled=True, out=out / f"{setting.name}-tunnelled.json")
        )
    except ProcessError as error:
        print(f"{setting.name}: could not be run: {error}", flush=True)
        return False
    outcome = Outcome(setting, direct, tunnelled)
    for verdict in outcome.direct_failures:
        print(f"{setting.name}: {verdict.case} fails without a tunnel: {verdict.label}: {verdict.explanation}")
    if outcome.differences:
        print(table(outcome.differences))
    changes = close_code_changes(direct, tunnelled)
    if changes:
        print(f"{setting.name}: same verdict, but another close code from the peer: {', '.join(changes)}")
    runs = "directly" if direct_only else "directly and through the tunnel"
    print(
        f"{setting.name}: {len(direct)} cases {runs}, {len(outcome.direct_failures)} direct failures, "
        f"{len(outcome.differences)} differences, {time.monotonic() - started:.0f} s",
        flush=True,
    )
    return outcome.good


if __name__ == "__main__":
    sys.exit(main())
