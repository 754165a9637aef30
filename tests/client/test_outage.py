"""What ended while the link was away."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import RequestFinished, RequestStarted
from sellia.client.outage import Outage


class MemoryPipe:
    """As far as an outage knows one."""

    def __init__(self, *, ending: bool = False) -> None:
        self.ending = ending
        self.pings_answered = 2
        self.away = 0

    def link_away(self) -> None:
        self.away += 1


class OutageTests(SynchronousTestCase):
    def test_websockets_that_end(self) -> None:
        """One that was ending when the link was lost has not ended for that."""
        pipes = [MemoryPipe(), MemoryPipe(), MemoryPipe(ending=True)]
        outage = Outage(pipes)  # type: ignore[arg-type]
        self.assertEqual(([pipe.away for pipe in pipes], outage.ended), ([1, 1, 0], 0))
        pipes[0].ending = True
        self.assertEqual((outage.ended, outage.pings_answered), (1, 4))

    def test_requests_that_fail(self) -> None:
        outage = Outage([])
        outage.heard(RequestStarted(1, "GET", "/", ""))
        outage.heard(RequestFinished(1, "GET", "/", 200, 1.0, 0, 0, None))
        self.assertEqual(outage.ended, 0)
        outage.heard(RequestFinished(1, "GET", "/", None, 1.0, 0, 0, "the visitor left"))
        self.assertEqual(outage.ended, 1)
