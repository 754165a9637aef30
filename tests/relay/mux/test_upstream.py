"""The limits on exchanges that come before a stream is opened."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.messages import HttpRequest
from sellia.relay.mux.upstream import ExchangeLimits
from tests.relay.scripts import Pair, RecordingLeg


def get(tunnel: int = 1) -> HttpRequest:
    """A request for the tunnel of that number."""
    return HttpRequest(tunnel, b"GET", b"/", [])


class ExchangeLimitsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = Pair(max_streams=4)
        self.session = self.pair.server.session
        self.limits = ExchangeLimits(tunnel_streams=2, away_requests=3)

    def refusal(self, tunnel: int = 1, at_loss: int = 0) -> str | None:
        return self.limits.refusal(self.session, tunnel, at_loss)

    def open(self, tunnel: int = 1) -> None:
        self.session.open(get(tunnel), RecordingLeg(), end=True)

    def test_of_one_tunnel(self) -> None:
        self.open()
        self.assertIsNone(self.refusal())
        self.open()
        self.assertEqual(self.refusal(), "tunnel_streams")
        self.assertIsNone(self.refusal(2))

    def test_of_the_session(self) -> None:
        """Its limit is named before the tunnel's."""
        for tunnel in (1, 1, 2):
            self.open(tunnel)
        self.assertIsNone(self.refusal(3))
        self.open(3)
        self.assertEqual([self.refusal(1), self.refusal(4)], ["session_streams"] * 2)

    def test_while_the_link_is_away(self) -> None:
        """Only those count that have come since."""
        self.open(1)
        self.pair.cut()
        for tunnel in (2, 3):
            self.open(tunnel)
        self.assertIsNone(self.refusal(4, at_loss=1))
        self.assertEqual(self.refusal(4, at_loss=0), "away_requests")
        self.pair.join()
        self.assertIsNone(self.refusal(4, at_loss=0))

    def test_too_much_waits(self) -> None:
        self.pair.cut()
        self.session.load.queue_limit = 1
        self.assertIsNone(self.refusal())
        self.open()
        self.assertEqual(self.refusal(), "session_queue")
