"""Runs the tests with trial, one after the other: ``python -m tests.run [NAME ...]``.

The last line is ``N passed, N failed, N skipped``, and the exit status is 0 if none failed.  With ``CI=true`` in the
environment a test that is skipped counts as a failure, and each is listed with its reason: where everything can be
installed, a test that does not run is a test that nobody has.
"""

import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from operator import itemgetter
from typing import Any, Final

#: Test classes that are listed at the end because they took longest.
SLOWEST: Final = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run: what passed, failed, was skipped for which reason, and took longest."""

    passed: int
    failed: int
    skipped: Sequence[tuple[str, str]] = field(default=())
    slowest: Sequence[tuple[str, float]] = field(default=())

    @classmethod
    def of(cls, result: Any) -> "Outcome":
        """The outcome that a reporter of trial holds.  A test that is said to fail and does so counts as skipped."""
        skipped = [(test.id(), str(reason)) for test, reason in result.skips]
        skipped += [(test.id(), f"is expected to fail: {todo.reason}") for test, _, todo in result.expectedFailures]
        failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
        return cls(result.successes, failed, skipped)

    def status(self, environment: Mapping[str, str]) -> int:
        """The exit status."""
        if not self.passed and not self.skipped:
            return 1
        return int(bool(self.failed or (self.skipped and strict(environment))))

    def lines(self, environment: Mapping[str, str]) -> list[str]:
        """What is said at the end."""
        lines = [f"took {seconds:.1f} s: {name}" for name, seconds in self.slowest if seconds >= 1.0]
        lines += [f"skipped: {test}: {' '.join(reason.split())}" for test, reason in self.skipped]
        if self.skipped and strict(environment):
            lines.append("With CI=true a test that is skipped is a failure.")
        return [*lines, f"{self.passed} passed, {self.failed} failed, {len(self.skipped)} skipped"]


def strict(environment: Mapping[str, str]) -> bool:
    """Whether a skip is a failure."""
    return environment.get("CI", "").lower() in ("true", "1")


def run(names: Sequence[str]) -> Outcome:
    """Run the tests that are named (packages, modules, classes, methods, as ``tests.relay``)."""
    # trial installs the reactor when these are imported.
    from twisted.trial.reporter import TreeReporter
    from twisted.trial.runner import TestLoader, TrialRunner

    seconds: defaultdict[str, float] = defaultdict(float)

    class TimingReporter(TreeReporter):
        """Reporter that also adds up the seconds of each test class, what its tests set up included."""

        def startTest(self, test: Any) -> None:
            self.began = time.monotonic()
            super().startTest(test)

        def stopTest(self, test: Any) -> None:
            super().stopTest(test)
            seconds[test.id().rpartition(".")[0]] += time.monotonic() - self.began

    loader = TestLoader()
    suite = loader.loadByNames(list(names), recurse=True)
    outcome = Outcome.of(TrialRunner(TimingReporter, workingDirectory="_trial_temp").run(suite))
    return replace(outcome, slowest=nlargest(SLOWEST, seconds.items(), key=itemgetter(1)))


def hear_hangups() -> None:
    """Let the tests' processes hear SIGHUP where this one ignores it, as under nohup; this one survives it.

    What a process ignores its children ignore, and a handler becomes the default in them.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)


def main(arguments: Sequence[str]) -> int:
    """Run the tests and say what came of it; the exit status."""
    hear_hangups()
    outcome = run(arguments or ["tests"])
    sys.stderr.flush()
    print("\n".join(outcome.lines(os.environ)), flush=True)
    return outcome.status(os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
