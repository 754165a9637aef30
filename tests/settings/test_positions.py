"""Positions in a document."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.settings.positions import COLUMNS, line_and_column


class PositionTests(SynchronousTestCase):
    def test_counts_from_one(self) -> None:
        self.assertEqual(line_and_column(0), (1, 1))
        self.assertEqual(line_and_column(2 * COLUMNS + 7), (3, 8))
