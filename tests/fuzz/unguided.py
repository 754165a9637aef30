"""Plays mutations of seeds on one target: ``python -m tests.fuzz.unguided TARGET SECONDS RUNS FOLDER``.

Several times as fast as atheris, and blind: it finds what lies near the seeds.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from random import Random

from tests.fuzz.inputs import mutated, seeds
from tests.fuzz.targets import TARGETS

BATCH = 500
"""Inputs between two looks at the clock, each batch with a number of its own to begin with."""


def main(name: str, seconds: str, runs: str, folder: str) -> int:
    """Play until the time is over, or so many inputs have been played; 1 if something was found, which is kept."""
    warnings.simplefilter("ignore")  # of a library that reads settings
    end = time.monotonic() + float(seconds)
    pool, count, first = seeds(name), 0, time.time_ns()
    status = 0
    while time.monotonic() < end and not status and not 0 <= int(runs) <= count:
        random = Random(first + count)
        for _ in range(BATCH):
            data = mutated(random, pool)
            count += 1
            try:
                TARGETS[name](data)
            except Exception as error:
                Path(folder).mkdir(parents=True, exist_ok=True)
                (Path(folder) / f"unguided-{first + count}").write_bytes(data)
                print(f"{name}: {data!r}: {error!r}")
                status = 1
                break
    print(f"stat::number_of_executed_units: {count}")
    return status


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
