"""The factory of links; what links do is tried in `tests.transports.link`."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.messages import SUBPROTOCOL
from sellia.relay.limits.token_bucket import Rate
from sellia.server.gateway.links import LinkFactory
from sellia.transports.link.native import ServerLink
from tests.transports.linkcase import Keeper


class FactoryTests(SynchronousTestCase):
    def test_links_are_ready(self) -> None:
        """They have their keeper, its clock, and whatever else is set for all."""
        keeper, clock, control = Keeper(), Clock(), Rate(3, 1.0)
        factory = LinkFactory(keeper, clock, ServerLink, control=control)
        link = factory.buildProtocol(None)
        self.assertIsInstance(link, ServerLink)
        self.assertIs(link.keeper, keeper)
        self.assertIs(link.clock, clock)
        self.assertIs(link.control, control)
        self.assertEqual(factory.protocols, [SUBPROTOCOL])
