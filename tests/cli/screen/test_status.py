"""What the status block knows, event by event."""

from math import inf

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.screen.status import LinkState, Status
from sellia.client.events import Connected, LinkBack, LinkLost, Reconnecting, Refused, ServerStopping
from tests.cli.screen.stage import TARGET, URL, visit


class StatusTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.status = Status()

    def test_first_link(self) -> None:
        self.assertIs(self.status.link, LinkState.CONNECTING)
        self.status.notify(LinkLost("localhost:1 refused the connection"))
        self.assertEqual(
            (self.status.link, self.status.reason), (LinkState.CONNECTING, "localhost:1 refused the connection")
        )
        self.status.notify(Connected("myapp", URL, TARGET))
        self.assertIs(self.status.link, LinkState.LINKED)
        tunnel = self.status.tunnel
        assert tunnel is not None
        self.assertEqual((tunnel.name, tunnel.url, tunnel.target), ("myapp", URL, TARGET))

    def test_lost_and_back(self) -> None:
        self.status.notify(Connected("myapp", URL, TARGET))
        self.status.round_trip = 0.1
        self.status.notify(LinkLost("reset"))
        self.assertEqual((self.status.link, self.status.reason, self.status.round_trip), (LinkState.AWAY, "reset", inf))
        self.status.notify(Reconnecting(3.0, 120.0))
        self.assertEqual((self.status.away, self.status.window), (3.0, 120.0))
        self.status.notify(LinkBack(4.0, 2, True))
        self.assertEqual((self.status.link, self.status.reason, self.status.away), (LinkState.LINKED, "", 0.0))

    def test_server_that_stops(self) -> None:
        self.status.notify(Connected("myapp", URL, TARGET))
        self.status.notify(ServerStopping(30.0))
        self.assertIs(self.status.link, LinkState.STOPPING)
        self.status.notify(LinkLost("the server has stopped"))
        self.assertIs(self.status.link, LinkState.AWAY)

    def test_refusal_is_a_reason(self) -> None:
        self.status.notify(Refused("server-draining", "It shuts down.", False))
        self.assertEqual((self.status.link, self.status.reason), (LinkState.CONNECTING, "It shuts down."))

    def test_a_tunnel_keeps_its_place(self) -> None:
        for name in ("a", "b", "a"):
            self.status.notify(Connected(name, f"https://{name}.example.com", TARGET))
        self.assertEqual(list(self.status.tunnels), ["a", "b"])
        self.status.chosen = 1
        tunnel = self.status.tunnel
        assert tunnel is not None
        self.assertEqual(tunnel.name, "b")

    def test_counts(self) -> None:
        visit(self.status)
        self.assertEqual(self.status.figures.total, 1)
