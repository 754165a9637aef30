"""What is counted survives the way to the script, and what is wrong is called wrong."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos.script import Counts
from tests.chaos.tally import SHOWN, Tally, spread, times


class TallyTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        """A tally is the same after it was written and read."""
        tally = Tally(pings=3)
        tally.messages_up.add(2, 20, Counts(received=2, octets=20))
        tally.ends["ws 1012"] += 1
        tally.error("what no visitor should see")
        self.assertEqual(Tally.load(tally.dump()), tally)

    def test_clean(self) -> None:
        """Everything that was sent came: clean. One octet less, a message more, an early end, an error: not."""
        tally = Tally()
        tally.messages_up.add(2, 20, Counts(received=2, octets=20))
        self.assertTrue(tally.clean)
        for found in (Counts(received=1, octets=9), Counts(received=2, octets=20), Counts(doubled=1)):
            other = Tally.load(tally.dump())
            other.downloads.add(1, 10, found)
            self.assertFalse(other.clean)
        tally.ends["ws 1012"] += 1
        self.assertFalse(tally.clean)
        self.assertTrue(tally.orderly)
        tally.error("wrong")
        self.assertFalse(tally.orderly)

    def test_errors_are_bounded(self) -> None:
        """All errors are counted, the first few are kept."""
        tally = Tally()
        for number in range(SHOWN + 5):
            tally.error(str(number))
        self.assertEqual((tally.error_count, len(tally.errors)), (SHOWN + 5, SHOWN))

    def test_lines(self) -> None:
        """The table names every kind of traffic."""
        text = "\n".join(Tally().lines())
        for kind in ("messages up", "messages down", "downloads", "uploads", "events"):
            self.assertIn(kind, text)


class TimesTests(SynchronousTestCase):
    def test_percentiles(self) -> None:
        """The median, the 99th percentile and the most of a hundred."""
        self.assertEqual(spread([float(n) for n in range(100, 0, -1)]), (50.0, 99.0, 100.0))
        self.assertEqual(times([]), "none")
        self.assertIn("p50 1,500 ms", times([1.5]))
