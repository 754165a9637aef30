"""How many interim responses pass."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.interim import BURST, PER_SECOND, InterimPace


class InterimPaceTests(SynchronousTestCase):
    def test_a_burst_and_no_more(self) -> None:
        pace = InterimPace(5.0)
        self.assertEqual([pace.take(5.0) for _ in range(BURST + 3)], [True] * BURST + [False] * 3)

    def test_an_ordinary_pace_for_ever(self) -> None:
        pace = InterimPace(0.0)
        self.assertTrue(all(pace.take(float(second)) for second in range(10_000)))

    def test_the_rate_at_its_edge(self) -> None:
        pace = InterimPace(0.0)
        for _ in range(BURST):
            pace.take(0.0)
        self.assertFalse(pace.take(0.9 / PER_SECOND))
        self.assertTrue(pace.take(1.01 / PER_SECOND))
        self.assertFalse(pace.take(1.02 / PER_SECOND))
