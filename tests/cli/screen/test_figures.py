"""Counts of what visitors did."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.screen.figures import SAMPLE, Figures
from sellia.client.events import (
    ConnectionClosed,
    ConnectionOpened,
    LinkLost,
    RequestFinished,
    RequestRefused,
    RequestStarted,
    WebSocketClosed,
    WebSocketOpened,
    WebSocketRefused,
)
from tests.cli.screen.stage import visit


class FiguresTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.figures = Figures()

    def test_nothing_yet(self) -> None:
        self.assertEqual((self.figures.total, self.figures.open), (0, 0))
        self.assertIsNone(self.figures.percentile(50))
        self.figures.notify(LinkLost("reset"))
        self.assertEqual(self.figures.total, 0)

    def test_a_request(self) -> None:
        self.figures.notify(RequestStarted(1, "GET", "/", "::1"))
        self.assertEqual((self.figures.total, self.figures.open), (1, 1))
        self.figures.notify(RequestFinished(1, "GET", "/", 200, 0.5, 3, 4, None))
        self.assertEqual((self.figures.total, self.figures.open), (1, 0))
        self.assertEqual((self.figures.bytes_in, self.figures.bytes_out), (3, 4))

    def test_an_end_that_is_told_again(self) -> None:
        """The server may refuse an answer later; it is one request all the same."""
        visit(self.figures)
        self.figures.notify(RequestFinished(1, "GET", "/", 502, 0.0, 0, 9, "The server refused the answer."))
        self.assertEqual((self.figures.total, self.figures.bytes_out), (1, 2048))
        self.assertEqual(self.figures.percentile(50), 0.012)

    def test_web_sockets(self) -> None:
        for number in (1, 2):
            self.figures.notify(RequestStarted(number, "GET", "/ws", "::1"))
        self.figures.notify(WebSocketOpened(1, "/ws", "::1", None))
        self.figures.notify(WebSocketRefused(2, "/ws", 403))
        self.assertEqual((self.figures.total, self.figures.open), (2, 1))
        self.figures.notify(WebSocketClosed(1, "/ws", "visitor", 1000, "", 1, 5, 1, 6, 3.0))
        self.assertEqual((self.figures.open, self.figures.bytes_in, self.figures.bytes_out), (0, 5, 6))
        self.assertIsNone(self.figures.percentile(50), "how long a WebSocket is open says nothing of the service")

    def test_connections(self) -> None:
        self.figures.notify(ConnectionOpened(1, "::1", "demo"))
        self.assertEqual((self.figures.total, self.figures.open), (1, 1))
        self.figures.notify(ConnectionClosed(1, "::1", "visitor", None, "", 5, 6, 3.0, "demo"))
        self.assertEqual((self.figures.open, self.figures.bytes_in, self.figures.bytes_out), (0, 5, 6))

    def test_refused(self) -> None:
        self.figures.notify(RequestRefused("myapp", "GET", "/", "::1", 429, "rate-limited", "Slow.", False, 3))
        self.assertEqual((self.figures.refused, self.figures.total), (4, 0))

    def test_percentiles(self) -> None:
        for number in range(100, 0, -1):
            visit(self.figures, number, number / 100)
        self.assertEqual([self.figures.percentile(each) for each in (1, 50, 90, 100)], [0.01, 0.5, 0.9, 1.0])

    def test_percentiles_are_of_the_last_requests(self) -> None:
        visit(self.figures, 1, 9.0)
        for number in range(2, SAMPLE + 1):
            visit(self.figures, number, 0.1)
        self.assertEqual(self.figures.percentile(100), 9.0)
        visit(self.figures, SAMPLE + 1, 0.1)
        self.assertEqual(self.figures.percentile(100), 0.1)
