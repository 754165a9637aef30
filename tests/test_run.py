"""What the end of a test run says, and when it is a failure."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, Todo

from tests.run import SHOWN, Lane, Outcome, hear_signals, phases


class Named:
    def __init__(self, name: str) -> None:
        self.name = name

    def id(self) -> str:
        return self.name


class OutcomeTests(SynchronousTestCase):
    def outcome(self, **named: Any) -> Outcome:
        nothing: dict[str, list[Any]] = {
            name: [] for name in ("skips", "expectedFailures", "failures", "errors", "unexpectedSuccesses")
        }
        return Outcome.of(SimpleNamespace(successes=3, **{**nothing, **named}))

    def test_all_passed(self) -> None:
        outcome = self.outcome()
        self.assertEqual(outcome.lines({}), ["3 passed, 0 failed, 0 skipped"])
        self.assertEqual((outcome.status({}), outcome.status({"CI": "true"})), (0, 0))

    def test_every_kind_of_failure(self) -> None:
        for kind in ("failures", "errors", "unexpectedSuccesses"):
            outcome = self.outcome(**{kind: [(Named("tests.a"), "no answer"), (Named("tests.b"), "another")]})
            self.assertEqual(outcome.lines({})[-1], "3 passed, 2 failed, 0 skipped")
            self.assertEqual(outcome.status({}), 1)

    def test_failures_are_shown_at_the_end(self) -> None:
        try:
            raise ValueError("x" * SHOWN + " ends here")
        except ValueError:
            outcome = self.outcome(errors=[(Named("tests.a"), Failure())])
        failed, total = outcome.lines({})
        self.assertTrue(failed.startswith("failed: tests.a\n  xxx"), failed)
        self.assertIn(" ends here", failed)
        self.assertEqual(total, "3 passed, 1 failed, 0 skipped")

    def test_a_test_that_was_expected_to_fail_and_passes(self) -> None:
        outcome = self.outcome(unexpectedSuccesses=[(Named("tests.a"), None)])
        self.assertEqual(outcome.lines({})[0], "failed: tests.a\n  passed, and was expected to fail")

    def test_skip(self) -> None:
        outcome = self.outcome(skips=[(Named("tests.a"), "no\n  Node")])
        self.assertEqual(outcome.lines({}), ["skipped: tests.a: no Node", "3 passed, 0 failed, 1 skipped"])
        self.assertEqual((outcome.status({}), outcome.status({"CI": "false"})), (0, 0))

    def test_skip_where_everything_can_be_installed(self) -> None:
        outcome = self.outcome(skips=[(Named("tests.a"), "no Node")])
        self.assertEqual(outcome.status({"CI": "true"}), 1)
        self.assertIn("With CI=true a test that is skipped is a failure.", outcome.lines({"CI": "true"}))

    def test_expected_failure_is_a_skip(self) -> None:
        outcome = self.outcome(expectedFailures=[(Named("tests.a"), None, Todo("later"))])
        self.assertEqual(outcome.lines({})[0], "skipped: tests.a: is expected to fail: later")
        self.assertEqual(outcome.status({"CI": "true"}), 1)

    def test_what_took_longest(self) -> None:
        outcome = Outcome(3, 0, slowest=[("tests.a.Slow", 61.25), ("tests.b.Quick", 0.5)])
        self.assertEqual(outcome.lines({}), ["took 61.2 s: tests.a.Slow", "3 passed, 0 failed, 0 skipped"])

    def test_nothing_ran(self) -> None:
        """A run that found no tests has shown nothing."""
        self.assertEqual(Outcome(0, 0).status({}), 1)


class PhaseTests(SynchronousTestCase):
    def test_every_test_is_in_one_process_of_one_phase(self) -> None:
        here = Path(__file__).resolve().parent
        written = {
            "tests." + ".".join(each.relative_to(here).with_suffix("").parts)
            for each in here.rglob("test_*.py")
            if "node_modules" not in each.parts
        }
        for lanes in (1, 2):
            named = [name for phase in phases(lanes) for lane in phase for name in lane]
            self.assertEqual(len(named), len(set(named)))
            for module in written:
                covers = [name for name in named if module == name or module.startswith(name + ".")]
                self.assertEqual(len(covers), 1, module)

    def test_outcomes_add_up(self) -> None:
        both = Outcome(1, 2, [("a", "b")], [("x", 1.0)], [("e", "f")]) + Outcome(3, 4, [("c", "d")], [("y", 2.0)])
        expected = Outcome(4, 6, [("a", "b"), ("c", "d")], [("y", 2.0), ("x", 1.0)], [("e", "f")])
        self.assertEqual(both, expected)

    def test_a_process(self) -> None:
        path = Path(self.mktemp())
        outcome = Lane(path, ["tests.test_run.OutcomeTests.test_all_passed"], 1).wait()
        self.assertEqual((outcome.passed, outcome.failed), (1, 0))

    def test_a_process_that_dies_is_a_failure(self) -> None:
        outcome = Lane(Path(self.mktemp()), ["--lane"], 1).wait()
        ((what, how),) = outcome.failures
        self.assertEqual((outcome.passed, outcome.failed, what), (0, 1, "the process of --lane"))
        self.assertRegex(how, "^ended with status [0-9]+ before")


class SignalTests(SynchronousTestCase):
    def test_children_hear_them_where_they_were_ignored(self) -> None:
        names = ("SIGHUP", "SIGINT")
        for number in (signal.SIGHUP, signal.SIGINT):
            before = signal.getsignal(number)
            self.addCleanup(signal.signal, number, before)
            hear_signals()
            self.assertIs(signal.getsignal(number), before)
            signal.signal(number, signal.SIG_IGN)
        hear_signals()
        os.kill(os.getpid(), signal.SIGHUP)
        ignored = (
            f"import signal; print([signal.getsignal(getattr(signal, each)) is signal.SIG_IGN for each in {names}])"
        )
        said = subprocess.run([sys.executable, "-c", ignored], capture_output=True, text=True, check=True)
        self.assertEqual(said.stdout, "[False, False]\n")
