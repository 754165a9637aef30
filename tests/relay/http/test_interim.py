"""How many interim responses pass."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http.interim import BURST, PER_SECOND, InterimPace, section_size


class InterimPaceTests(SynchronousTestCase):
    def test_a_burst_and_no_more(self) -> None:
        pace = InterimPace(5.0)
        self.assertEqual([pace.take(5.0, 100) for _ in range(BURST + 3)], [True] * BURST + [False] * 3)

    def test_an_ordinary_pace_for_ever(self) -> None:
        pace = InterimPace(0.0)
        self.assertTrue(all(pace.take(float(second), 500) for second in range(10_000)))

    def test_the_rate_at_its_edge(self) -> None:
        pace = InterimPace(0.0)
        for _ in range(BURST):
            pace.take(0.0, 0)
        self.assertFalse(pace.take(0.9 / PER_SECOND, 0))
        self.assertTrue(pace.take(1.01 / PER_SECOND, 0))
        self.assertFalse(pace.take(1.02 / PER_SECOND, 0))

    def test_large_ones_count_for_more(self) -> None:
        pace = InterimPace(0.0)
        self.assertEqual([pace.take(0.0, 64 * 1024) for _ in range(4)], [True, True, True, False])
        passed = sum(pace.take(second / 10, 4 * 1024) for second in range(10_000))
        self.assertLess(passed * 4 * 1024, 1_100 * PER_SECOND * 2048)

    def test_sizes(self) -> None:
        self.assertEqual(section_size([(b"A", b"bc"), (b"D", b"")]), len(b"A: bc\r\nD: \r\n"))
