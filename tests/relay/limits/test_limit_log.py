"""What was refused."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.limits.limit_log import LimitLog
from sellia.relay.limits.token_bucket import Rate


class RefusalsTests(SynchronousTestCase):
    def test_all_count(self) -> None:
        refusals = LimitLog()
        for _ in range(1000):
            refusals.count("body_rate", 0.0)
        refusals.count("address", 0.0)
        self.assertEqual(refusals.as_dict(), {"address": 1, "body_rate": 1000})

    def test_few_are_told(self) -> None:
        """The next line that is written says how many were not."""
        refusals = LimitLog(Rate(2, 0.1))
        told = [refusals.count("body_rate", 0.0) for _ in range(10)]
        self.assertEqual(told, [0, 0, *[None] * 8])
        self.assertEqual(refusals.count("body_rate", 10.0), 8)
        self.assertIsNone(refusals.count("body_rate", 10.0))
        self.assertEqual(refusals.count("body_rate", 20.0), 1)

    def test_limits_do_not_silence_each_other(self) -> None:
        refusals = LimitLog(Rate(1, 0.1))
        self.assertEqual([refusals.count(each, 0.0) for each in ("a", "b", "a")], [0, 0, None])
