"""Waiting for a condition, on a clock of the test's."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.reactor.waiting import cancel, wait_for


class WaitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.holds = False
        self.looks = 0

    def look(self) -> bool:
        self.looks += 1
        return self.holds

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_holds_already_is_not_waited_for(self) -> None:
        self.holds = True
        self.assertTrue(self.successResultOf(wait_for(self.clock, self.look, 1.0, 0.1)))
        self.assertEqual(self.looks, 1)

    def test_as_soon_as_it_holds(self) -> None:
        waited = wait_for(self.clock, self.look, 1.0, 0.1)
        self.clock.pump([0.1] * 3)
        self.assertNoResult(waited)
        self.holds = True
        self.clock.advance(0.1)
        self.assertTrue(self.successResultOf(waited))

    def test_not_for_longer_than_said(self) -> None:
        """The last look is at the very end."""
        waited = wait_for(self.clock, self.look, 0.25, 0.1)
        self.clock.pump([0.1, 0.1])
        self.assertNoResult(waited)
        self.clock.advance(0.05)
        self.assertFalse(self.successResultOf(waited))
        self.assertEqual(self.looks, 4)

    def test_a_condition_that_fails(self) -> None:
        waited = wait_for(self.clock, lambda: bool(1 // 0), 1.0, 0.1)
        self.failureResultOf(waited, ZeroDivisionError)


class CancelTests(SynchronousTestCase):
    def test_whatever_state_a_timer_is_in(self) -> None:
        clock = Clock()
        fired: list[int] = []
        done, waiting = clock.callLater(1, fired.append, 1), clock.callLater(2, fired.append, 2)
        clock.advance(1)
        for timer in (None, done, waiting, waiting):
            cancel(timer)
        clock.advance(5)
        self.assertEqual(fired, [1])
