"""Idle connections to a service."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.pool import CLOSE_WAIT, FRESH, Pool


class Connection:
    def __init__(self) -> None:
        self.ends: list[str] = []

    def hang_up(self) -> None:
        self.ends.append("hang up")

    def abort(self) -> None:
        self.ends.append("abort")


class PoolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.pool: Pool[Connection] = Pool(self.clock, limit=3, seconds=30.0)

    def test_an_empty_pool_has_nothing(self) -> None:
        self.assertIsNone(self.pool.take())
        self.assertIsNone(self.pool.take(fresh=True))

    def test_the_one_used_last_is_used_next(self) -> None:
        """So that the others, which are not needed, grow old."""
        first, second = Connection(), Connection()
        self.pool.give(first)
        self.pool.give(second)
        self.assertIs(self.pool.take(), second)
        self.assertIs(self.pool.take(), first)
        self.assertIsNone(self.pool.take())

    def test_fresh_means_in_use_a_moment_ago(self) -> None:
        connection = Connection()
        self.pool.give(connection)
        self.clock.advance(FRESH)
        self.assertIsNone(self.pool.take(fresh=True))
        self.assertIs(self.pool.take(), connection)
        self.pool.give(connection)
        self.clock.advance(FRESH / 2)
        self.assertIs(self.pool.take(fresh=True), connection)

    def test_idle_time_is_bounded(self) -> None:
        connection = Connection()
        self.pool.give(connection)
        self.clock.advance(30)
        self.assertEqual(connection.ends, ["hang up"])
        self.assertIsNone(self.pool.take())

    def test_number_is_bounded_and_the_oldest_goes(self) -> None:
        connections = [Connection() for _ in range(5)]
        for connection in connections:
            self.pool.give(connection)
        self.assertEqual(len(self.pool), 3)
        self.assertEqual([each.ends for each in connections], [["hang up"], ["hang up"], [], [], []])

    def test_closing_takes_no_longer_than_it_may(self) -> None:
        """A service that keeps its side open, or reads nothing, does not keep the connection."""
        connection = Connection()
        self.pool.close(connection)
        self.clock.advance(CLOSE_WAIT)
        self.assertEqual(connection.ends, ["hang up", "abort"])

    def test_one_that_is_gone_is_not_used_and_not_closed(self) -> None:
        idle, closing = Connection(), Connection()
        self.pool.give(idle)
        self.pool.close(closing)
        self.pool.gone(idle)
        self.pool.gone(closing)
        self.assertIsNone(self.pool.take())
        self.clock.advance(100)
        self.assertEqual(idle.ends, [])
        self.assertEqual(closing.ends, ["hang up"])

    def test_stop_drops_all_and_leaves_no_timer(self) -> None:
        idle, closing = Connection(), Connection()
        self.pool.give(idle)
        self.pool.close(closing)
        self.pool.stop()
        self.assertEqual(idle.ends, ["abort"])
        self.assertEqual(closing.ends, ["hang up", "abort"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
