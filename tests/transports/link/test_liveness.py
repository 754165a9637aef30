"""Liveness of a link: pings after silence, the end after more of it, and none of either where there is life."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.link.liveness import ASK_AGAIN, Liveness


class Recorder:
    """A link that writes down what it is asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def ping(self) -> None:
        self.calls.append("ping")

    def keep_alive(self, silent: float) -> None:
        self.calls.append(f"keep alive {silent:g}")

    def timed_out(self, silent: float) -> None:
        self.calls.append(f"timed out {silent:g}")

    def take(self) -> list[str]:
        calls, self.calls = self.calls, []
        return calls


class LivenessTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.link = Recorder()
        self.liveness = Liveness(self.link, self.clock)

    def tearDown(self) -> None:
        self.liveness.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silence(self) -> None:
        """A timeout that is no multiple of the interval is kept all the same, and comes once."""
        self.liveness.watch(5, 12)
        for _ in range(30):
            self.clock.advance(1)
        self.assertEqual(self.link.take(), ["keep alive 5", "keep alive 10", "timed out 12"])

    def test_life(self) -> None:
        self.liveness.watch(5, 12)
        for _ in range(40):
            self.clock.advance(1)
            self.liveness.last = self.clock.seconds()
        self.assertEqual(self.link.take(), ["keep alive 1"] * 8, "the timer runs before the read")

    def test_watched_anew(self) -> None:
        """One timer runs, with the newer times."""
        self.liveness.watch(5, 12)
        self.liveness.watch(100, 300)
        self.clock.advance(99)
        self.assertEqual((self.link.take(), len(self.clock.getDelayedCalls())), ([], 1))

    def test_not_watched(self) -> None:
        self.liveness.look()
        self.clock.advance(1000)
        self.assertEqual(self.link.take(), [])
        self.liveness.watch(5, 12)
        self.liveness.stop()
        self.liveness.look()
        self.assertEqual(self.link.take(), [])

    def test_after_a_sleep(self) -> None:
        """A look does not wait for the timer, which is late, and leaves one running."""
        self.liveness.watch(5, 12)
        self.clock.rightNow += 6
        self.liveness.look()
        self.assertEqual((self.link.take(), len(self.clock.getDelayedCalls())), (["keep alive 6"], 1))
        self.clock.rightNow += 100
        self.liveness.look()
        self.assertEqual(self.link.take(), ["timed out 106"])

    def test_ask(self) -> None:
        """One ping serves all who ask within a moment, and only what comes after it is an answer."""
        asked = self.liveness.ask()
        self.assertLess(self.liveness.heard, asked)
        self.clock.advance(ASK_AGAIN / 2)
        self.assertEqual(self.liveness.ask(), asked)
        self.assertEqual(self.link.take(), ["ping"])
        self.liveness.last = self.clock.seconds()
        self.assertGreaterEqual(self.liveness.heard, asked)
        self.clock.advance(ASK_AGAIN)
        self.assertGreater(self.liveness.ask(), asked)
        self.assertEqual(self.link.take(), ["ping"])

    def test_an_end_that_does_not_read(self) -> None:
        """Nothing can be received then, so nothing is silence; it is counted anew afterwards."""
        self.liveness.watch(5, 12)
        self.liveness.suspend()
        for _ in range(30):
            self.clock.advance(1)
        self.assertEqual(set(self.link.take()), {"keep alive 0"})
        self.liveness.resume()
        for _ in range(11):
            self.clock.advance(1)
        self.assertNotIn("timed out", "".join(self.link.take()))
        for _ in range(5):
            self.clock.advance(1)
        self.assertEqual(len([each for each in self.link.take() if each.startswith("timed out")]), 1)
