"""For how long nothing is taken."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.limits.stall import Stall


class StallTests(SynchronousTestCase):
    def test_nothing_is_taken(self) -> None:
        stall = Stall(0.0)
        self.assertEqual([stall.seconds(1000, float(now)) for now in range(4)], [0.0, 1.0, 2.0, 3.0])

    def test_one_octet_is_taken(self) -> None:
        stall = Stall(0.0)
        stall.seconds(1000, 99.0)
        self.assertEqual(stall.seconds(999, 100.0), 0.0)
        self.assertEqual(stall.seconds(999, 101.0), 1.0)

    def test_what_is_added_is_no_progress(self) -> None:
        stall = Stall(0.0)
        for now in range(100):
            self.assertEqual(stall.seconds(1000 + now, float(now)), float(now))
