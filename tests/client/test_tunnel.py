"""One tunnel of a client: what it is called, and what the server is asked for."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings import TunnelSettings
from sellia.client.tunnel import Tunnel, TunnelState
from sellia.protocol.messages import OpenTunnel, TunnelKind
from tests.client.stage import Stage, only


class TunnelTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.service = Stage().service
        settings = TunnelSettings(name="web", target=80, subdomain="abc", auth="u:p", upgrades=["myproto"])
        self.tunnel = Tunnel(3, settings, only(self.service))

    def test_claim(self) -> None:
        """The name that it got counts more than the one that it wanted."""
        options = self.tunnel.settings.options
        self.assertEqual(self.tunnel.claim(), OpenTunnel(3, "http", "abc", "u:p", options))
        self.tunnel.name = "given"
        self.assertEqual(self.tunnel.claim().name, "given")

    def test_names(self) -> None:
        self.assertEqual(self.tunnel.names, ["web", "abc"])
        self.tunnel.name = "given"
        self.assertEqual(self.tunnel.names, ["web", "given"])

    def test_its_services_are_told(self) -> None:
        self.assertEqual((list(self.service.upgrades), self.service.proxy_protocol), (["myproto"], 0))
        self.tunnel.take(TunnelSettings(kind="tcp", target=80, proxy_protocol=2), only(self.service))
        self.assertEqual((self.service.proxy_protocol, self.tunnel.kind), (2, TunnelKind.TCP))
        self.assertIs(self.tunnel.state, TunnelState.CLOSED)
