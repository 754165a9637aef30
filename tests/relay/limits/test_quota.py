"""Who is connected."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.limits.quota import Quota


class QuotaTests(SynchronousTestCase):
    def test_so_many_of_each_address(self) -> None:
        quota: Quota[str] = Quota(10, 2)
        for _ in range(2):
            self.assertIsNone(quota.full("a"))
            quota.acquire("a")
        self.assertEqual(quota.full("a"), "each")
        self.assertIsNone(quota.full("b"))
        quota.release("a")
        self.assertIsNone(quota.full("a"))

    def test_so_many_in_all(self) -> None:
        quota: Quota[str] = Quota(2, 2)
        quota.acquire("a")
        quota.acquire("b")
        self.assertEqual([quota.full(each) for each in ("a", "c", None)], ["total"] * 3)

    def test_an_address_without_a_bound(self) -> None:
        """That of a proxy, on whose connections everybody comes: they count in all only, until somebody is known."""
        quota: Quota[str] = Quota(10, 1)
        for _ in range(5):
            self.assertIsNone(quota.full(None))
            quota.acquire(None)
        quota.charge("visitor")
        self.assertEqual((quota.count, quota.of("visitor"), quota.crowded("visitor")), (5, 1, True))
        quota.refund("visitor")
        quota.release(None)
        self.assertEqual((quota.count, quota.of("visitor"), quota.crowded("visitor")), (4, 0, False))

    def test_nothing_is_kept_of_those_who_have_left(self) -> None:
        quota: Quota[str] = Quota(10_000, 1)
        for number in range(5000):
            quota.acquire(f"address {number}")
        for number in range(5000):
            quota.release(f"address {number}")
        self.assertEqual((quota.count, quota._charged), (0, {}))

    def test_other_bounds(self) -> None:
        """Units beyond them stay, and no other is let in until there is room."""
        quota: Quota[str] = Quota(10, 10)
        for _ in range(3):
            quota.acquire("a")
        quota.set_bounds(3, 1)
        self.assertEqual((quota.count, quota.full("b")), (3, "total"))
        quota.set_bounds(5, 2)
        self.assertEqual((quota.full("a"), quota.full("b")), ("each", None))
