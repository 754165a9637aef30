"""Why names are free."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import CLIENT_GONE, SESSION_EXPIRED
from sellia.relay.freed import REMEMBERED_LIMIT, FreedNames


class FreedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.freed = FreedNames()

    def test_for_a_while(self) -> None:
        self.freed.remember(["demo"], CLIENT_GONE, 10.0)
        self.assertEqual([self.freed.why("demo", now) for now in (0.0, 9.9, 10.0)], [CLIENT_GONE, CLIENT_GONE, None])
        self.assertIsNone(self.freed.why("other", 0.0))

    def test_the_last_reason_counts(self) -> None:
        self.freed.remember(["demo"], CLIENT_GONE, 10.0)
        self.freed.remember(["demo"], SESSION_EXPIRED, 20.0)
        self.assertEqual((self.freed.why("demo", 15.0), len(self.freed)), (SESSION_EXPIRED, 1))
        self.freed.forget("demo")
        self.freed.forget("demo")
        self.assertIsNone(self.freed.why("demo", 15.0))

    def test_bound(self) -> None:
        self.freed.remember((f"n{number}" for number in range(REMEMBERED_LIMIT + 5)), CLIENT_GONE, 10.0)
        self.freed.check_invariants(set())
        self.assertEqual([self.freed.why(name, 0.0) for name in ("n4", "n5")], [None, CLIENT_GONE])
