"""``python -m tests.field [NAME ...]``: play programs and print a table; the exit status is 1 if any has failed."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys

from tests.chaos.pairs import Cut
from tests.chaos.report import end_children_when_told_to_end
from tests.field import programs
from tests.field.play import Result, play
from tests.field.program import Program
from tests.field.table import lines, write


def known() -> dict[str, Program]:
    """Every program that a module of `tests.field.programs` declares, by name."""
    found: dict[str, Program] = {}
    for module in pkgutil.iter_modules(programs.__path__):
        for value in vars(importlib.import_module(f"{programs.__name__}.{module.name}")).values():
            if isinstance(value, Program):
                found[value.name] = value
    return dict(sorted(found.items()))


def main() -> int:
    """Play what was asked for, or everything."""
    everything = known()
    parser = argparse.ArgumentParser(prog="python -m tests.field", description=__doc__)
    parser.add_argument("name", nargs="*", choices=[[], *everything], help=f"of {', '.join(everything)}")
    parser.add_argument("--write", action="store_true", help="put the results into docs/field.rst")
    parser.add_argument("--logs", action="store_true", help="print the logs of server and client as well")
    kinds = [kind.name.lower() for kind in Cut]
    parser.add_argument("--cut", choices=kinds, default="reset", help="how links end (default: %(default)s)")
    options = parser.parse_args()
    end_children_when_told_to_end()
    results: list[Result] = []
    for name in options.name or everything:
        result = play(everything[name], Cut[options.cut.upper()])
        results.append(result)
        print("\n".join(lines([result])), flush=True)
        if options.logs:
            print(result.output, flush=True)
        if options.write:
            write([result])
    count = {verdict: sum(result.verdict == verdict for result in results) for verdict in ("good", "failed", "skipped")}
    print(f"{count['good']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
