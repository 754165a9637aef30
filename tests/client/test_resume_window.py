"""For how long a session without a link is believed to be kept."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.resume_window import LONGEST_WINDOW, ResumeWindow
from tests.client.stage import LogLines


class ResumeWindowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.expired: list[float] = []
        self.window = ResumeWindow(self.clock, lambda: self.expired.append(self.clock.seconds()))

    def test_it_is_over_when_the_server_must_have_noticed(self) -> None:
        log = LogLines(self)
        self.window.open(120.0)
        self.assertTrue(self.window.start(15.0))
        self.clock.advance(134.9)
        self.assertEqual(self.expired, [])
        self.clock.advance(0.1)
        self.assertEqual(self.expired, [135.0])
        self.assertEqual(log.lines, ["the resume window is over: window=120s"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_link_ends_it(self) -> None:
        self.window.open(120.0)
        self.window.start(15.0)
        self.window.open(60.0)
        self.clock.advance(500)
        self.assertEqual((self.expired, self.window.seconds), ([], 60.0))

    def test_a_server_that_keeps_nothing(self) -> None:
        self.assertIsNone(self.window.seconds, "there was no link yet")
        self.assertFalse(self.window.start(15.0))
        self.window.open(0.0)
        self.assertFalse(self.window.start(15.0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_longest(self) -> None:
        self.window.open(1e308)
        self.window.start(15.0)
        [timer] = self.clock.getDelayedCalls()
        self.assertEqual(timer.getTime(), LONGEST_WINDOW + 15.0)
        self.window.cancel()
        self.window.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
