"""What the transport leans on: a private name of Twisted's, and the class that listeners use."""

from typing import Any

from OpenSSL import SSL
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import ClientContextFactory
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.tls_half_close import HalfClosingTls, allow_half_close


class Port:
    def __init__(self, factory: Any) -> None:
        self.factory = factory


class GuardTests(SynchronousTestCase):
    """An upgrade of Twisted that breaks one of these has to be looked at."""

    def transport(self) -> Any:
        port = Port(TLSMemoryBIOFactory(ClientContextFactory(), False, Factory.forProtocol(Protocol)))
        allow_half_close(port)
        made = port.factory.buildProtocol(None)
        made.makeConnection(StringTransport())
        return made

    def test_listeners_make_it(self) -> None:
        self.assertIsInstance(self.transport(), HalfClosingTls)

    def test_it_stands_before_the_connection(self) -> None:
        """Which whoever asks for it gets as it is."""
        made = self.transport()
        self.assertNotIsInstance(made._tlsConnection, SSL.Connection)
        self.assertIsInstance(made.getHandle(), SSL.Connection)

    def test_other_ports_are_left_alone(self) -> None:
        plain = Port(Factory())
        allow_half_close(plain)
        self.assertEqual(plain.__dict__.keys(), {"factory"})
        allow_half_close(object())

        class Other(TLSMemoryBIOProtocol):
            """Somebody else's."""

        foreign = Port(TLSMemoryBIOFactory(ClientContextFactory(), False, Factory()))
        foreign.factory.protocol = Other
        allow_half_close(foreign)
        self.assertIs(foreign.factory.protocol, Other)
