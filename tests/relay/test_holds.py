"""Names that are held, in the order in which they become free."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.holds import Hold, Holds


class HoldTests(SynchronousTestCase):
    def test_order(self) -> None:
        """Also where names were held for longer a moment ago."""
        holds = Holds()
        for name, until in (("a", 10.0), ("b", 20.0), ("c", 5.0), ("d", 20.0)):
            holds.add(name, Hold("alice", until, "alice"))
            holds.check_invariants()
        self.assertEqual(list(holds), ["c", "a", "b", "d"])
        self.assertEqual([holds.over(now) for now in (4.0, 5.0, 19.0, 20.0)], [[], ["c"], ["c", "a"], list(holds)])

    def test_none(self) -> None:
        self.assertEqual(Holds().over(0.0), [])
