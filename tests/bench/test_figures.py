"""The report says what was measured, what it must be, and whether it is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.figures import Findings, Goal, Table, report, spread


class GoalTests(SynchronousTestCase):
    def test_limits_include_themselves(self) -> None:
        self.assertTrue(Goal("rate", 0.8, 0.8, at_least=True).reached)
        self.assertFalse(Goal("rate", 0.79, 0.8, at_least=True).reached)
        self.assertTrue(Goal("growth", 4.0, 4.0, at_least=False).reached)
        self.assertFalse(Goal("growth", 4.1, 4.0, at_least=False).reached)

    def test_cells(self) -> None:
        goal = Goal("rate", 0.9, 0.8, at_least=True, aim=1.0)
        self.assertEqual(goal.cells(), ["rate", "0.90 x", ">= 0.8 x (aim: 1)", "yes"])
        self.assertEqual(Goal("growth", 5, 4, at_least=False, unit="MiB").cells()[-1], "**no**")


class ReportTests(SynchronousTestCase):
    def test_spread(self) -> None:
        """The median does not mind one slow round; the range shows it."""
        self.assertEqual(spread([10000, 9000, 1200], float), "9,000 (1,200-10,000)")
        self.assertEqual(spread([1, 2], float, 1), "1.5 (1.0-2.0)")

    def test_page(self) -> None:
        """Goals first, then every table under its title, then the versions."""
        table = Table("Echo", "One round.", ("", "rate"), [("tunnel", "7")])
        page = report([Findings([Goal("rate", 1.0, 0.8, at_least=True)], [table])], "1 round.")
        self.assertIn("| rate | 1.00 x | >= 0.8 x | yes |", page)
        self.assertIn("### Echo\n\nOne round.\n\n|  | rate |\n| --- | ---: |\n| tunnel | 7 |\n", page)
        self.assertIn("| autobahn | ", page)
