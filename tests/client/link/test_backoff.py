"""The arithmetic of trying again: nobody waits for long, and they do not all come at once."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.link.backoff import (
    BESIDE_LEAST,
    BESIDE_MOST,
    FIRST_DELAY,
    LONGEST_DELAY,
    LONGEST_IN_WINDOW,
    LONGEST_PATIENCE,
    PATIENCE,
    POLITE_DELAY,
    QUICK_FOR,
    QUICK_LEAST,
    QUICK_MOST,
    Backoff,
)
from tests.client.links import Half


def refusals(delays: Backoff, lost: float, back: float, *, window: float = 120.0) -> list[float]:
    """When a client tries, whose link is lost at a time and whose server refuses connections until another."""
    delays.lost(lost, window)
    tries = [lost]
    while tries[-1] < back:
        tries.append(tries[-1] + delays.after_failure(tries[-1]))
    return tries


def busiest(moments: list[float], window: float = 0.1) -> int:
    """The most that lie within one window."""
    moments = sorted(moments)
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > window:
            first += 1
        most = max(most, last - first + 1)
    return most


class DelayTests(SynchronousTestCase):
    def test_growth(self) -> None:
        """By half each, up to the longest, for ever; half of each with chance in the middle."""
        delays = Backoff(Half())
        found = [delays.after_failure(0.0) for _ in range(20)]
        self.assertEqual(found[:3], [FIRST_DELAY / 2, FIRST_DELAY * 0.75, FIRST_DELAY * 1.125])
        self.assertEqual(found[-5:], [LONGEST_DELAY / 2] * 5)

    def test_full_jitter(self) -> None:
        delays = Backoff(Random(1))
        for _ in range(30):
            delays.after_failure(0.0)
        found = [delays.after_failure(0.0) for _ in range(1000)]
        self.assertLess(min(found), 0.5)
        self.assertGreater(max(found), LONGEST_DELAY - 0.5)
        self.assertLess(abs(sum(found) / 1000 - LONGEST_DELAY / 2), 1.0)

    def test_quick_for_a_second(self) -> None:
        tries = refusals(Backoff(Random(1)), 100.0, 100.0 + QUICK_FOR)
        gaps = [after - before for before, after in zip(tries, tries[1:], strict=False)]
        self.assertTrue(all(QUICK_LEAST <= gap <= QUICK_MOST for gap in gaps))
        self.assertLess(len(tries), QUICK_FOR / QUICK_LEAST)

    def test_nobody_waits(self) -> None:
        """Without a session that could go on there is no hurry."""
        tries = refusals(Backoff(Half()), 0.0, 1.0, window=0.0)
        self.assertEqual(tries[:3], [0.0, FIRST_DELAY / 2, FIRST_DELAY / 2 + FIRST_DELAY * 0.75])

    def test_unwanted(self) -> None:
        """Nothing is quick any more, and what has grown does not shrink."""
        delays = Backoff(Half())
        delays.lost(0.0, 120.0)
        delays.unwanted()
        self.assertEqual(delays.after_failure(0.1), POLITE_DELAY / 2)
        for _ in range(20):
            delays.after_failure(0.1)
        delays.unwanted()
        self.assertEqual(delays.after_failure(0.1), LONGEST_IN_WINDOW / 2)

    def test_beside(self) -> None:
        """Another attempt, while the first has no answer: never before the delay is over."""
        delays = Backoff(Random(1))
        for _ in range(100):
            self.assertTrue(BESIDE_LEAST <= delays.without_connection(0.05) <= BESIDE_MOST)
        self.assertEqual(delays.without_connection(7.0), 7.0)
        self.assertEqual(delays.without_welcome(0.0, 0.05), PATIENCE)
        self.assertEqual(delays.without_welcome(0.0, 7.0), 7.0)
        delays.welcomed(1.5)
        self.assertEqual(delays.without_welcome(0.0, 0.05), 4.5)
        delays.welcomed(0.1)
        self.assertEqual(delays.without_welcome(0.0, 0.05), PATIENCE)

    def test_a_server_that_is_slow_is_asked_less_and_less(self) -> None:
        delays = Backoff(Half())
        waits = []
        for _ in range(5):
            waits.append(delays.without_welcome(0.0, 0.05))
            delays.unanswered()
        self.assertEqual(waits, [PATIENCE, 2 * PATIENCE, 4 * PATIENCE, LONGEST_PATIENCE, LONGEST_PATIENCE])
        delays.welcomed(0.1)
        self.assertEqual(delays.without_welcome(0.0, 0.05), PATIENCE)

    def test_within_the_window(self) -> None:
        """Every 5 s at the latest, however long it lasts; behind it delays grow on."""
        tries = refusals(Backoff(Random(1)), 1000.0, 1110.0)
        gaps = [after - before for before, after in zip(tries, tries[1:], strict=False)]
        self.assertLessEqual(max(gaps), LONGEST_IN_WINDOW)
        self.assertGreater(max(gaps), LONGEST_IN_WINDOW - 0.5)
        delays = Backoff(Half())
        delays.lost(1000.0, 120.0)
        found = [delays.after_failure(1110.0) for _ in range(20)]
        self.assertEqual(found[-1], LONGEST_IN_WINDOW / 2)
        self.assertEqual(delays.after_failure(1120.0), LONGEST_IN_WINDOW / 2)
        self.assertEqual(delays.after_failure(1120.0), LONGEST_IN_WINDOW * 0.75)

    def test_a_silent_server_within_the_window(self) -> None:
        """Is asked again after 5 s, or three times as long as it needed before."""
        for took, longest in ((0.1, LONGEST_IN_WINDOW), (2.0, 6.0), (20.0, LONGEST_PATIENCE)):
            delays = Backoff(Half())
            delays.welcomed(took)
            delays.lost(0.0, 120.0)
            for _ in range(5):
                delays.unanswered()
            self.assertEqual(delays.without_welcome(119.9, 0.05), longest)
            self.assertEqual(delays.without_welcome(120.0, 0.05), LONGEST_PATIENCE)


class ArithmeticTests(SynchronousTestCase):
    """What the module's docstring claims, for a thousand clients each."""

    def test_short_outages(self) -> None:
        """From the network's return to the next attempt: 35 ms on average, never more than 100 ms."""
        random = Random(2)
        waits = []
        for _ in range(1000):
            back = random.uniform(0.1, QUICK_FOR - QUICK_MOST)
            waits.append(refusals(Backoff(random), 0.0, back)[-1] - back)
        self.assertLess(abs(sum(waits) / 1000 - 0.035), 0.003)
        self.assertLess(max(waits), QUICK_MOST)

    def test_herds(self) -> None:
        """A killed server is met by 0.3 n / (T - 1) of its n clients in its busiest 100 ms, about."""
        for away, share in ((2.2, 0.25), (4.0, 0.1), (7.0, 0.05)):
            random = Random(3)
            back = [refusals(Backoff(random), 0.0, away)[-1] for _ in range(1000)]
            self.assertLess(busiest(back), 1300 * share, f"away for {away} s")

    def test_after_a_minute(self) -> None:
        """A thousand clients are back within 5 s, half of them within 1.5 s, and 4 of 100 in the busiest 100 ms."""
        for away in (10.0, 50.0, 70.0, 115.0):
            random = Random(6)
            waits = sorted(refusals(Backoff(random), 0.0, away)[-1] - away for _ in range(1000))
            self.assertLessEqual(waits[-1], 5.0)
            self.assertLess(waits[500], 1.6)
            self.assertLess(busiest(waits), 60, f"away for {away} s")

    def test_who_was_told(self) -> None:
        """A server that says goodbye, and is back in a moment, meets a fifth of its clients in 100 ms at the most."""
        random = Random(4)
        moments = []
        for _ in range(1000):
            delays = Backoff(random)
            delays.lost(0.0, 120.0)
            delays.unwanted()
            moments.append(delays.after_failure(0.0))
        self.assertLess(busiest(moments), 200)

    def test_the_way_back_is_not_long(self) -> None:
        """After an outage of two seconds, 99 of 100 are back within 2 s."""
        random = Random(5)
        waits = sorted(refusals(Backoff(random), 0.0, 2.0)[-1] - 2.0 for _ in range(1000))
        self.assertLess(waits[990], 2.0)
