"""
Fuzz for as long as it is told: ``python -m tests.fuzz [MINUTES [TARGET ...]]``.

The time is shared among the targets, one after the other, and for each between atheris (`guided`) and plain mutations
(`unguided`); with ``RUNS`` in the environment each of these ends after so many inputs. The last lines say how many
were played. What was found stays in ``.fuzz/TARGET``; once its cause is mended it belongs into
``tests/fuzz/found/TARGET``, where it is a case for ever.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.targets import TARGETS
from tests.processes import ROOT

FOLDER = ROOT / ".fuzz"

HOW = ("guided", "unguided")


def played(output: str) -> int:
    """How many inputs a run of atheris says that it has played."""
    said = re.findall(r"stat::number_of_executed_units:\s+([0-9]+)", output) or re.findall(
        r"^#([0-9]+)\s", output, re.M
    )
    return int(said[-1]) if said else 0


def fuzz(how: str, target: str, seconds: int, runs: int, folder: Path) -> tuple[int, int, str]:
    """Inputs played, the exit status, and the end of the output."""
    argv = [sys.executable, "-m", f"tests.fuzz.{how}", target, str(seconds), str(runs), str(folder)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    output = done.stdout + done.stderr
    return played(output), done.returncode, output[-3000:]


def main(arguments: Sequence[str]) -> int:
    """Fuzz the targets, and say what came of it."""
    minutes = float(arguments[0]) if arguments else 7.0
    names = list(arguments[1:]) or list(TARGETS)
    runs = int(os.environ.get("RUNS", "-1"))
    failed = 0
    for name in names:
        folder = FOLDER / name
        for how in HOW:
            seconds = max(1, int(minutes * 60 / len(names) / len(HOW)))
            count, status, output = fuzz(how, name, seconds, runs, folder)
            verdict = "nothing found" if not status else f"FOUND SOMETHING, see {folder}\n{output}"
            print(f"{name:<10} {how:<10} {count:>12,} inputs: {verdict}", flush=True)
            failed += bool(status)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
