"""How often something may happen."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.limits.token_bucket import Bucket, Buckets, Rate


class BucketsTests(SynchronousTestCase):
    """One bucket for each key."""

    def test_a_burst_and_then_the_rate(self) -> None:
        buckets: Buckets[str] = Buckets(Rate(10, 2.0))
        self.assertEqual([buckets.take("a", 0.0) for _ in range(10)], [0.0] * 10)
        self.assertAlmostEqual(buckets.take("a", 0.0), 0.5)
        self.assertAlmostEqual(buckets.take("a", 0.4), 0.1)
        self.assertEqual(buckets.take("a", 0.5), 0.0)
        self.assertAlmostEqual(buckets.take("a", 0.5), 0.5)

    def test_in_the_long_run(self) -> None:
        """Whoever asks ten times as often as is allowed gets what is allowed."""
        buckets: Buckets[str] = Buckets(Rate(10, 2.0))
        passed = sum(not buckets.take("a", step / 20) for step in range(20 * 1000))
        self.assertIn(passed, (2008, 2009, 2010))

    def test_a_refusal_takes_nothing(self) -> None:
        buckets: Buckets[str] = Buckets(Rate(1, 1.0))
        buckets.take("a", 0.0)
        for _ in range(1000):
            self.assertGreater(buckets.take("a", 0.5), 0.0)
        self.assertEqual(buckets.take("a", 1.0), 0.0)

    def test_keys_do_not_share(self) -> None:
        buckets: Buckets[str] = Buckets(Rate(1, 0.001))
        self.assertEqual([buckets.take(key, 0.0) for key in "abc"], [0.0] * 3)
        self.assertGreater(buckets.take("a", 0.0), 0.0)

    def test_a_look_takes_nothing(self) -> None:
        buckets: Buckets[str] = Buckets(Rate(1, 1.0))
        self.assertEqual([buckets.look("a", 0.0) for _ in range(3)], [0.0] * 3)
        self.assertEqual(len(buckets), 0)
        buckets.take("a", 0.0)
        self.assertAlmostEqual(buckets.look("a", 0.25), 0.75)
        self.assertEqual(buckets.look("a", 1.0), 0.0)

    def test_full_buckets_are_forgotten(self) -> None:
        """Without a sweep: each that comes makes more room than it takes."""
        buckets: Buckets[int] = Buckets(Rate(5, 1.0))
        for key in range(1000):
            buckets.take(key, 0.0)
        self.assertEqual(len(buckets), 1000)
        for key in range(1000):
            buckets.take(1000 + key, 10.0)
        self.assertEqual(len(buckets), 1000)
        for step in range(1000):
            buckets.take(5000 + step, 30.0 + 10.0 * step)
        self.assertEqual(len(buckets), 1)

    def test_the_table_has_a_bound(self) -> None:
        """An attacker with very many addresses: it grows no further, and a bucket that is in use stays what it is."""
        buckets: Buckets[object] = Buckets(Rate(2, 0.001), limit=100)
        for number in range(10_000):
            buckets.take(number, 0.0)
            if not number % 50:
                buckets.take("innocent", 0.0)
            self.assertLessEqual(len(buckets), 100)
        self.assertGreater(buckets.take("innocent", 0.0), 0.0)

    def test_the_least_recently_used_is_forgotten_first(self) -> None:
        buckets: Buckets[str] = Buckets(Rate(1, 0.001), limit=2)
        for key in ("a", "b", "a", "c"):
            buckets.take(key, 0.0)
        self.assertGreater(buckets.look("a", 0.0), 0.0)
        self.assertEqual(buckets.look("b", 0.0), 0.0)

    def test_another_rate(self) -> None:
        """Who has taken too much is not let off by it."""
        buckets: Buckets[str] = Buckets(Rate(3, 1.0))
        for _ in range(3):
            buckets.take("a", 0.0)
        buckets.set_rate(Rate(1, 0.1))
        self.assertGreater(buckets.look("a", 0.0), 0.0)
        self.assertEqual(buckets.take("b", 0.0), 0.0)
        self.assertAlmostEqual(buckets.look("b", 0.0), 10.0)


class BucketTests(SynchronousTestCase):
    """A bucket of one thing's own."""

    def test_a_burst_and_then_the_rate(self) -> None:
        bucket = Bucket(Rate(3, 0.5))
        self.assertEqual([bucket.take(0.0) for _ in range(3)], [0.0] * 3)
        self.assertAlmostEqual(bucket.take(0.0), 2.0)
        self.assertEqual(bucket.take(2.0), 0.0)

    def test_many_at_once(self) -> None:
        """All or none."""
        bucket = Bucket(Rate(100, 10.0))
        self.assertEqual(bucket.take(0.0, 90), 0.0)
        self.assertAlmostEqual(bucket.take(0.0, 20), 1.0)
        self.assertEqual(bucket.take(0.0, 10), 0.0)
        self.assertGreater(bucket.take(0.0), 0.0)

    def test_it_is_never_more_than_full(self) -> None:
        bucket = Bucket(Rate(3, 1.0))
        bucket.take(1000.0)
        self.assertGreater(bucket.take(2000.0, 4), 0.0)
        self.assertEqual(bucket.take(2000.0, 3), 0.0)

    def test_a_look_takes_nothing(self) -> None:
        bucket = Bucket(Rate(2, 1.0))
        self.assertEqual([bucket.look(0.0) for _ in range(5)], [0.0] * 5)
        self.assertEqual(bucket.look(0.0, 2), 0.0)
        bucket.take(0.0, 2)
        self.assertAlmostEqual(bucket.look(0.0), 1.0)
        self.assertEqual(bucket.look(1.0), 0.0)

    def test_what_is_spent_is_owed(self) -> None:
        bucket = Bucket(Rate(2, 1.0))
        bucket.spend(0.0, 5)
        self.assertAlmostEqual(bucket.take(0.0), 4.0)
        self.assertEqual(bucket.take(4.0), 0.0)
