"""Runs the tests with trial: ``python -m tests.run [NAME ...]``, those that are named one after the other, or with
``--lanes`` in two processes side by side.

Without a name all are run, in phases (`phases`): those that only wait for programs to start and to answer in two
processes side by side, and then those that measure, alone.

Failures are shown once more at the end.  The last line is ``N passed, N failed, N skipped``, and the exit status is 0
if none failed.  With ``CI=true`` in the environment a test that is skipped counts as a failure, and each is listed with
its reason: where everything can be installed, a test that does not run is a test that nobody has.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from heapq import nlargest
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

#: Test classes that are listed at the end because they took longest.
SLOWEST: Final = 12

#: Characters of a failure that are shown again at the end.
SHOWN: Final = 3000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run: what passed, failed, was skipped for which reason, took longest, and how each failed."""

    passed: int
    failed: int
    skipped: Sequence[tuple[str, str]] = field(default=())
    slowest: Sequence[tuple[str, float]] = field(default=())
    failures: Sequence[tuple[str, str]] = field(default=())

    @classmethod
    def of(cls, result: Any) -> "Outcome":
        """The outcome that a reporter of trial holds.  A test that is said to fail and does so counts as skipped."""
        skipped = [(test.id(), str(reason)) for test, reason in result.skips]
        skipped += [(test.id(), f"is expected to fail: {todo.reason}") for test, _, todo in result.expectedFailures]
        failures = [(test.id(), _end_of(failure)) for test, failure in (*result.failures, *result.errors)]
        failures += [(test.id(), "passed, and was expected to fail") for test, *_ in result.unexpectedSuccesses]
        return cls(result.successes, len(failures), skipped, failures=failures)

    def status(self, environment: Mapping[str, str]) -> int:
        """The exit status."""
        if not self.passed and not self.skipped:
            return 1
        return int(bool(self.failed or (self.skipped and strict(environment))))

    def lines(self, environment: Mapping[str, str]) -> list[str]:
        """What is said at the end."""
        lines = [f"took {seconds:.1f} s: {name}" for name, seconds in self.slowest if seconds >= 1.0]
        lines += [f"failed: {test}\n{textwrap.indent(how, '  ')}" for test, how in self.failures]
        lines += [f"skipped: {test}: {' '.join(reason.split())}" for test, reason in self.skipped]
        if self.skipped and strict(environment):
            lines.append("With CI=true a test that is skipped is a failure.")
        return [*lines, f"{self.passed} passed, {self.failed} failed, {len(self.skipped)} skipped"]

    def __add__(self, other: "Outcome") -> "Outcome":
        """The outcome of two runs."""
        slowest = nlargest(SLOWEST, [*self.slowest, *other.slowest], key=itemgetter(1))
        skipped = [*self.skipped, *other.skipped]
        failures = [*self.failures, *other.failures]
        return Outcome(self.passed + other.passed, self.failed + other.failed, skipped, slowest, failures)


def _end_of(failure: Any) -> str:
    """The end of a failure's traceback, where its reason is."""
    text = failure.getTraceback() if hasattr(failure, "getTraceback") else str(failure)
    return str(text).strip()[-SHOWN:]


def strict(environment: Mapping[str, str]) -> bool:
    """Whether a skip is a failure."""
    return environment.get("CI", "").lower() in ("true", "1")


def run(names: Sequence[str], directory: str = "_trial_temp") -> Outcome:
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
    outcome = Outcome.of(TrialRunner(TimingReporter, workingDirectory=directory).run(suite))
    return replace(outcome, slowest=nlargest(SLOWEST, seconds.items(), key=itemgetter(1)))


def hear_signals() -> None:
    """Let the tests' processes hear SIGHUP and SIGINT where this one ignores them, as under nohup or behind an ``&``.

    What a process ignores its children ignore, and a handler becomes the default in them.  This one survives SIGHUP.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


#: Packages whose tests measure times, or use all of the machine.
ALONE: Final = ("bench", "chaos", "conformance", "field", "fuzz", "hostile")

_HERE: Final = Path(__file__).resolve().parent


def phases(lanes: int) -> Iterator[list[list[str]]]:
    """Yield what runs side by side, phase after phase: the names for each process, of which there are ``lanes``."""
    packages = sorted(each.parent.name for each in _HERE.glob("*/__init__.py"))
    modules = [f"tests.{each.stem}" for each in sorted(_HERE.glob("test_*.py"))]
    modules += [f"tests.{name}" for name in packages if name not in (*ALONE, "e2e")]
    programs = [f"tests.e2e.{each.stem}" for each in sorted(_HERE.glob("e2e/test_*.py"))]
    both = [*programs, *modules]
    yield [both[number::lanes] for number in range(lanes)]
    yield [[f"tests.{name}" for name in ALONE]]


def lanes() -> int:
    """Return how many processes run tests side by side."""
    return 2 if (os.cpu_count() or 1) > 1 else 1


def run_in_lanes(planned: Iterable[list[list[str]]]) -> Outcome:
    """Run tests as planned.  What the first process of a phase says is shown at once, the rest when that is over."""
    outcome = Outcome(0, 0)
    with tempfile.TemporaryDirectory() as directory:
        for phase, names in enumerate(planned):
            running = [Lane(Path(directory) / f"{phase}-{number}", each, number) for number, each in enumerate(names)]
            for lane in running:
                outcome += lane.wait()
    return outcome


class Lane:
    """A process that runs the tests ``names``, the ``number``th of its phase."""

    def __init__(self, path: Path, names: Sequence[str], number: int) -> None:
        self._names = names
        self._result = path.with_suffix(".json")
        self._output = path.with_suffix(".txt") if number else None
        argv = [sys.executable, "-m", "tests.run", f"--lane={number}", f"--result={self._result}", *names]
        with open(self._output or os.devnull, "wb") as output:
            into = {"stdout": output, "stderr": subprocess.STDOUT} if self._output else {}
            self._process = subprocess.Popen(argv, **into)  # type: ignore[call-overload]

    def wait(self) -> Outcome:
        """Show what it has said, and return what came of it; a process that has died is a failure."""
        status = self._process.wait()
        if self._output is not None:
            sys.stdout.flush()
            sys.stdout.buffer.write(self._output.read_bytes())
        try:
            return Outcome(**json.loads(self._result.read_text()))
        except (OSError, ValueError):
            reason = f"ended with status {status} before all of its tests had run"
            return Outcome(0, 1, failures=[(f"the process of {', '.join(self._names)}", reason)])


def main(arguments: Sequence[str]) -> int:
    """Run the tests and say what came of it; the exit status."""
    hear_signals()
    names = [each for each in arguments if not each.startswith("--")]
    if not arguments or "--lanes" in arguments:
        count = lanes()
        planned = phases(count) if not names else [[names[number::count] for number in range(count)]]
        outcome = run_in_lanes(planned)
        print("\n".join(outcome.lines(os.environ)), flush=True)
        return outcome.status(os.environ)
    options = dict(each[2:].split("=", 1) for each in arguments if each.startswith("--"))
    lane = options.get("lane", "0")
    outcome = run(names, "_trial_temp" if lane == "0" else f"_trial_temp-{lane}")
    sys.stderr.flush()
    if "result" in options:
        Path(options["result"]).write_text(json.dumps(asdict(outcome)))
        return 0
    print("\n".join(outcome.lines(os.environ)), flush=True)
    return outcome.status(os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
