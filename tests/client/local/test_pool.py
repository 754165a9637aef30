"""Idle connections to a service."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.local.pool import CLOSE_WAIT, FRESH, Pool


class Connection:
    def __init__(self, owner: int = 0, login: bool = False) -> None:
        self.owner = owner
        self.login = login
        self.ends: list[str] = []
        self.still = True

    def quiet(self) -> bool:
        return self.still

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

    def test_only_its_owner_gets_one_that_may_have_leftovers(self) -> None:
        connection = Connection(owner=5)
        self.pool.give(connection)
        self.assertIsNone(self.pool.take())
        self.assertIsNone(self.pool.take(4))
        self.assertIs(self.pool.take(5), connection)
        self.assertIsNone(self.pool.take(5))

    def test_its_own_comes_before_one_for_everybody(self) -> None:
        clean, own = Connection(), Connection(owner=5)
        self.pool.give(own)
        self.pool.give(clean)
        self.assertIs(self.pool.take(5), own)
        self.assertIs(self.pool.take(5), clean)

    def test_an_owner_has_one_at_most(self) -> None:
        older, newer = Connection(owner=5), Connection(owner=5)
        self.pool.give(older)
        self.pool.give(newer)
        self.assertEqual((older.ends, newer.ends, len(self.pool)), (["hang up"], [], 1))

    def test_it_is_closed_with_the_visitors_connection(self) -> None:
        connection, login = Connection(owner=5), Connection(owner=6, login=True)
        self.pool.give(connection)
        self.pool.give(login)
        self.pool.left(6)
        self.assertEqual((connection.ends, login.ends), ([], ["hang up"]))
        self.pool.left(5)
        self.pool.left(5)
        self.assertEqual((connection.ends, len(self.pool)), (["hang up"], 0))

    def test_numbers_end_with_the_session(self) -> None:
        own, clean = Connection(owner=5, login=True), Connection()
        self.pool.give(own)
        self.pool.give(clean)
        self.pool.disown()
        self.assertEqual((own.ends, clean.ends), (["hang up"], []))

    def test_a_login_outlives_the_idle_time(self) -> None:
        own, login = Connection(owner=5), Connection(owner=6, login=True)
        self.pool.give(own)
        self.pool.give(login)
        self.clock.advance(30)
        self.assertEqual((own.ends, login.ends), (["hang up"], []))
        self.assertIs(self.pool.take_login(6), login)
        self.assertIsNone(self.pool.take_login(6))

    def test_no_login_where_there_is_none(self) -> None:
        own = Connection(owner=5)
        self.pool.give(own)
        self.assertIsNone(self.pool.take_login(5))
        self.assertIs(self.pool.take(5), own)

    def test_the_bound_is_over_all_kinds(self) -> None:
        """As an attacker: many visitors' connections, each with one of its own, and logins."""
        clean = [Connection() for _ in range(3)]
        owned = [Connection(owner=number) for number in range(1, 10)]
        logins = [Connection(owner=number, login=True) for number in range(10, 20)]
        for connection in clean + owned + logins:
            self.pool.give(connection)
            self.assertLessEqual(len(self.pool), 3)
        self.assertEqual([each.ends for each in logins[-3:]], [[], [], []])
        self.pool.give(Connection())
        self.assertEqual(len(self.pool), 3)

    def test_one_in_which_something_waits_is_not_used(self) -> None:
        """Bytes behind an answer, or an end that the reactor has not seen yet."""
        first, second, own = Connection(), Connection(), Connection(owner=5)
        for connection in (first, second, own):
            self.pool.give(connection)
        second.still = own.still = False
        self.assertIs(self.pool.take(5), first)
        self.assertEqual((second.ends, own.ends), (["abort"], ["abort"]))

    def test_a_service_that_closed_early_once_is_remembered(self) -> None:
        caught, other = Connection(), Connection()
        self.pool.give(caught)
        self.clock.advance(0.05)
        self.pool.closed_by_service(caught)
        self.pool.give(other)
        self.clock.advance(0.03)
        self.assertIsNone(self.pool.take(fresh=True))
        self.assertIs(self.pool.take(), other)
        self.pool.give(other)
        self.clock.advance(0.02)
        self.assertIs(self.pool.take(fresh=True), other)

    def test_a_service_with_an_ordinary_timeout_changes_nothing(self) -> None:
        connection = Connection()
        self.pool.give(connection)
        self.clock.advance(5)
        self.pool.closed_by_service(connection)
        self.assertEqual(self.pool.safe, FRESH)

    def test_own_ones_must_be_fresh_too_unless_they_have_a_login(self) -> None:
        own, login = Connection(owner=5), Connection(owner=6, login=True)
        self.pool.give(own)
        self.pool.give(login)
        self.clock.advance(FRESH)
        self.assertIsNone(self.pool.take(5, fresh=True))
        self.assertEqual(own.ends, ["hang up"])
        self.assertIs(self.pool.take(6, fresh=True), login)

    def test_stop_drops_all_and_leaves_no_timer(self) -> None:
        idle, closing = Connection(), Connection()
        self.pool.give(idle)
        self.pool.close(closing)
        self.pool.stop()
        self.assertEqual(idle.ends, ["abort"])
        self.assertEqual(closing.ends, ["hang up", "abort"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
