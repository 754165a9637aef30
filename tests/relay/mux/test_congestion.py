"""What one end of a link learns of the way to the other, from pings and the time until they are answered."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.limits import PARCEL_TARGET
from sellia.relay.mux.congestion import (
    ACKED_ANYWAY,
    DELAY,
    FIRST,
    GAP,
    LEAST,
    MOST,
    PINGS,
    SAMPLES,
    SMALLEST_BURST,
    SMALLEST_PARCEL,
    CongestionWindow,
)


class PaceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.pace = CongestionWindow()
        self.now = 1000.0
        self.parcels = 0

    def trip(self, seconds: float, under_way: int | None = None) -> None:
        """A ping that is answered after so long; the whole window was under way, unless something else is said."""
        self.parcels += 1
        under_way = self.pace.window if under_way is None else under_way
        number = self.pace.ask(self.now, self.parcels, under_way)
        self.now += seconds
        self.assertEqual(self.pace.answered(number, self.now), self.parcels)

    def trips(self, seconds: float, count: int = SAMPLES) -> None:
        for _ in range(count):
            self.trip(seconds)


class AnswerTests(PaceCase):
    def test_what_has_arrived(self) -> None:
        """All parcels before the ping; also where an earlier one was not answered."""
        first = self.pace.ask(0.0, 3, 0)
        second = self.pace.ask(0.1, 7, 0)
        self.assertEqual(self.pace.answered(second, 0.2), 7)
        self.assertEqual(self.pace.answered(first, 0.3), 0)

    def test_answers_to_nothing(self) -> None:
        self.assertEqual(self.pace.answered(0, 1.0), 0)
        self.assertEqual(self.pace.answered(77, 1.0), 0)
        number = self.pace.ask(0.0, 3, 0)
        self.assertEqual(self.pace.answered(number + 1, 1.0), 0)
        self.assertEqual(self.pace.answered(number, 1.0), 0)
        self.assertEqual(self.pace.window, FIRST)

    def test_a_peer_that_answers_none(self) -> None:
        """Costs no memory."""
        for _ in range(10_000):
            self.pace.ask(0.0, 1, 1)
        self.assertLess(len(self.pace._asked), 100)


class GrowthTests(PaceCase):
    def test_as_long_as_round_trips_are_short(self) -> None:
        """Four times as much each time, up to the limit of what may be unacknowledged."""
        self.trip(0.01, 0)
        sizes = []
        for _ in range(10):
            sizes.append(self.pace.window)
            self.trip(0.01 + DELAY / 2 - 0.001)
        self.assertEqual(sizes[:3], [FIRST, 4 * FIRST, 16 * FIRST])
        self.assertEqual(self.pace.window, MOST)
        self.assertEqual(self.pace.parcel, PARCEL_TARGET)

    def test_not_where_little_is_under_way(self) -> None:
        """It says nothing of more."""
        for _ in range(100):
            self.trip(0.01, FIRST // 5)
        self.assertEqual(self.pace.window, FIRST)

    def test_gently_after_it_was_too_much(self) -> None:
        self.trip(0.2, 0)
        self.trips(1.0)
        before = self.pace.window
        self.trip(0.2)
        self.assertEqual(self.pace.window, before + before // 4)

    def test_by_as_much_of_it_as_time_has_passed(self) -> None:
        """Several pings share a round trip: together they tell of one."""
        self.trip(0.2, 0)
        numbers = [self.pace.ask(self.now + each * 0.02, each + 2, 16 * FIRST) for each in range(11)]
        for each, number in enumerate(numbers):
            self.pace.answered(number, self.now + 0.2 + each * 0.02)
        self.assertAlmostEqual(self.pace.window / FIRST, 4 * 4, places=2)

    def test_only_where_most_of_it_was_in_use_after_it_was_too_much(self) -> None:
        self.trip(0.2, 0)
        self.trips(1.0)
        before = self.pace.window
        self.trip(0.2, before // 2)
        self.assertEqual(self.pace.window, before)


class BurstTests(PaceCase):
    """What may be sent at once after a pause."""

    def test_at_first(self) -> None:
        self.assertEqual(self.pace.burst, FIRST)

    def test_what_the_way_carries_in_the_delay(self) -> None:
        self.trip(0.2, 0)
        self.trip(0.3, 30_000)
        self.assertEqual(self.pace.burst, SMALLEST_BURST, "100,000 octets a second, for 0.04 s, would be less")
        self.trip(0.2, 60_000)
        self.assertEqual(self.pace.burst, 11_999)

    def test_where_the_window_is_large(self) -> None:
        """What waits in it is soon carried, and there need not be a ping for every few octets."""
        while self.pace.window < ACKED_ANYWAY:
            self.assertLess(self.pace.burst, ACKED_ANYWAY)
            self.trip(0.001)
        self.assertEqual(self.pace.burst, self.pace.window)


class SlowTests(PaceCase):
    def test_the_rate_and_the_delay_make_the_window(self) -> None:
        """What was under way took 0.4 s, and may take 0.24."""
        self.trip(0.2, 0)
        self.trips(0.4)
        self.assertEqual(self.pace.window, int(FIRST / 0.4 * (0.2 + DELAY)))
        self.assertEqual(self.pace.parcel, SMALLEST_PARCEL)

    def test_a_busy_moment(self) -> None:
        """Is none of the way's doing: the shortest of some counts."""
        self.trip(0.01, 0)
        for _ in range(40):
            self.trips(0.5, SAMPLES - 1)
            self.trip(0.02)
        self.assertEqual(self.pace.window, MOST)

    def test_never_less_than_the_least(self) -> None:
        self.trip(0.01, 0)
        self.trips(60.0)
        self.assertEqual(self.pace.window, LEAST)
        self.assertEqual(self.pace.parcel, SMALLEST_PARCEL)

    def test_a_delay_that_is_not_ours(self) -> None:
        """It stays when next to nothing is under way: the way has become longer, and full use is made of it."""
        self.trip(0.01, 0)
        while self.pace.window > LEAST:
            self.trip(0.4)
        for _ in range(200):
            self.trip(0.4)
        self.assertEqual(self.pace.window, MOST)
        self.trip(0.01, 0)
        self.trips(0.4)
        self.assertLess(self.pace.window, MOST)


class CostTests(PaceCase):
    """A peer allows a hundred pings a second."""

    def test_no_more_than_are_allowed(self) -> None:
        """Some at once, and then as many a second as leave room for others that a link has."""
        count, now = 0, 10.0
        while now < 20.0:
            while self.pace.may_ask(now, False):
                self.pace.answered(self.pace.ask(now, 1, 0), now)
                count += 1
            now += 0.001
        self.assertEqual(count, PINGS.burst + 10 * PINGS.per_second - 1, "the last is due when the time is over")
        self.assertLess(PINGS.per_second, 80)

    def test_not_one_after_the_other_where_acks_come_anyway(self) -> None:
        while self.pace.window < ACKED_ANYWAY:
            self.trip(0.001)
        self.pace.answered(self.pace.ask(self.now, 1, 0), self.now)
        self.assertFalse(self.pace.may_ask(self.now + GAP * 0.9, False))
        self.assertTrue(self.pace.may_ask(self.now + GAP * 1.1, False))

    def test_at_once_where_somebody_waits(self) -> None:
        """Unless a ping is under way already, whose answer he waits for."""
        number = self.pace.ask(10.0, 1, 0)
        while self.pace.may_ask(10.0, False):
            number = self.pace.ask(10.0, 1, 0)
        self.assertFalse(self.pace.may_ask(10.0, True))
        self.pace.answered(number, 10.002)
        self.assertTrue(self.pace.may_ask(10.002, True))

    def test_nobody_waits_often(self) -> None:
        """As answers that are quick make the window grow."""
        count = 0
        self.trip(0.001, 0)
        self.trips(1.0)
        while self.pace.window < ACKED_ANYWAY:
            self.trip(0.001)
            count += 1
        self.assertLess(count, 30)

    def test_there_is_a_ping_before_a_burst_is_full(self) -> None:
        """Or nothing would be sent until the link is pinged because it is silent."""
        for seconds in (0.001, 0.01, 0.1, 1.0, 0.001, 10.0):
            self.trips(seconds)
            self.assertLessEqual(self.pace.share, self.pace.burst // 2)
