"""Who is connected."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.limits.quota import Quota


class CensusTests(SynchronousTestCase):
    def test_so_many_of_each_address(self) -> None:
        census: Quota[str] = Quota(10, 2)
        for _ in range(2):
            self.assertIsNone(census.full("a"))
            census.enter("a")
        self.assertEqual(census.full("a"), "each")
        self.assertIsNone(census.full("b"))
        census.leave("a")
        self.assertIsNone(census.full("a"))

    def test_so_many_in_all(self) -> None:
        census: Quota[str] = Quota(2, 2)
        census.enter("a")
        census.enter("b")
        self.assertEqual([census.full(each) for each in ("a", "c", None)], ["total"] * 3)

    def test_an_address_without_a_bound(self) -> None:
        """That of a proxy, on whose connections everybody comes: they count in all only, until somebody is known."""
        census: Quota[str] = Quota(10, 1)
        for _ in range(5):
            self.assertIsNone(census.full(None))
            census.enter(None)
        census.settle("visitor")
        self.assertEqual((census.count, census.of("visitor"), census.crowded("visitor")), (5, 1, True))
        census.unsettle("visitor")
        census.leave(None)
        self.assertEqual((census.count, census.of("visitor"), census.crowded("visitor")), (4, 0, False))

    def test_nothing_is_kept_of_those_who_have_left(self) -> None:
        census: Quota[str] = Quota(10_000, 1)
        for number in range(5000):
            census.enter(f"address {number}")
        for number in range(5000):
            census.leave(f"address {number}")
        self.assertEqual((census.count, census._here), (0, {}))
