"""What a scenario is given, and what it says at its end."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.tally import Tally, spread, times

ENOUGH = 30
"""Recoveries from which on their median is asked for: that of a few is a matter of luck."""


Load = dict[str, Any]
"""Options of `tests.chaos.load`."""


@dataclass(frozen=True)
class Plan:
    """How much of a scenario: ``count`` faults (0: its own number), ``load`` as a fraction of the full one."""

    count: int = 0
    seed: int = 1
    load: float = 1.0

    def faults(self, full: int) -> int:
        """How many faults, where a full run has so many."""
        return self.count or full

    def visitors(self, full: int) -> int:
        """How many visitors of a kind, where a full load has so many; one at least."""
        return max(1, round(full * self.load))

    @property
    def bodies(self) -> Load:
        """How large bodies are and how many events a stream has: with less load, less to wait for at the end."""
        return {"size": max(1 << 17, round((2 << 20) * self.load)), "event-count": max(5, round(60 * self.load))}


@dataclass
class Report:
    """The result of one scenario: it is good if nothing is among its ``failures``."""

    name: str
    tally: Tally | None = None
    notes: list[str] = field(default_factory=list)
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def note(self, text: str) -> None:
        """Say something about the run."""
        self.notes.append(text)

    def expect(self, condition: object, otherwise: str) -> None:
        """Call the scenario failed unless the condition holds."""
        if not condition:
            self.failures.append(otherwise)

    def recovered(self, what: str, seconds: float) -> None:
        """Something took so long to come back."""
        self.recoveries.setdefault(what, []).append(seconds)

    def expect_recovery(self, what: str, p50: float, p99: float) -> None:
        """Call the scenario failed unless recoveries were as fast as that, in seconds."""
        found = self.recoveries.get(what)
        if not found:
            self.failures.append(f"{what}: nothing was measured")
            return
        middle, late, _ = spread(found)
        if len(found) >= ENOUGH:
            self.expect(middle <= p50, f"{what}: p50 is {middle:.3f} s, not {p50:g} s or less")
        self.expect(late <= p99, f"{what}: p99 is {late:.3f} s, not {p99:g} s or less")

    def expect_nothing_seen(self, tally: Tally) -> None:
        """Call the scenario failed unless no visitor could have noticed anything."""
        self.tally = tally
        self.expect(tally.clean, "visitors saw something, or something was lost, doubled, reordered or damaged")

    def expect_order(self, tally: Tally, allowed: Callable[[str], bool]) -> None:
        """Call it failed if what came was wrong, or if something ended otherwise than it may."""
        self.tally = tally
        self.expect(tally.orderly, "something was doubled, reordered or damaged, or visitors saw errors")
        strange = sorted(end for end in tally.ends if not allowed(end))
        self.expect(not strange, f"visitors were told what they should not be: {'; '.join(strange)}")

    def lines(self) -> list[str]:
        """All of it, to be printed."""
        head = f"{self.name}: {'FAILED' if self.failures else 'good'} ({self.seconds:.0f} s)"
        lines = list(self.notes)
        lines += [f"{what}: {times(seconds)}" for what, seconds in self.recoveries.items()]
        if self.tally is not None:
            lines += self.tally.lines()
        lines += [f"FAILED: {failure}" for failure in self.failures]
        return [head, *(f"  {line}" for line in lines)]


def end_children_when_told_to_end() -> None:
    """Let SIGTERM unwind the script as Ctrl-C does, so that the processes that it has started end with it."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


Scenario = Callable[[Plan], Report]


def run(scenario: Scenario, plan: Plan) -> Report:
    """Play one scenario. What it can't get over is a failure of it, too."""
    started = time.monotonic()
    try:
        report = scenario(plan)
    except (AssertionError, OSError) as error:
        notes = "\n".join(getattr(error, "__notes__", ()))
        report = Report(scenario.__name__, failures=[f"{type(error).__name__}: {error}\n{notes}"])
    report.seconds = time.monotonic() - started
    return report
