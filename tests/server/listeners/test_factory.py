"""What a connection becomes as it arrives."""

from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from sellia.server.ingress.connection import VisitorConnection
from sellia.server.listeners.overflow import OverflowConnection
from tests.server.support import ServerCase, VisitorTransport


class ArrivalTests(ServerCase):
    settings = {"connections_per_address": 1, "connections": 3}

    def setUp(self) -> None:
        super().setUp()
        self.here: list[Any] = []

    def arrive(self, *addresses: Any) -> list[type]:
        """What becomes of connections from there, which stay."""
        found = []
        for address in addresses:
            connection = self.stage.factory.buildProtocol(address)
            connection.makeConnection(VisitorTransport())
            self.here.append(connection)
            found.append(type(connection))
        return found

    def tearDown(self) -> None:
        for connection in self.here:
            connection.connectionLost(Failure(ConnectionDone()))
        super().tearDown()

    def test_as_many_of_one_address_as_may_be(self) -> None:
        one, other = IPv4Address("TCP", "192.0.2.1", 1), IPv4Address("TCP", "192.0.2.2", 1)
        self.assertEqual(self.arrive(one, one, other), [VisitorConnection, OverflowConnection, VisitorConnection])
        self.assert_counted(connections_per_address=1)

    def test_an_address_without_a_host(self) -> None:
        """A unix socket is a proxy's, trusted or not: it has no bound of its own."""
        self.assertEqual(self.arrive(None, UNIXAddress("/s"), None, None), [VisitorConnection] * 4)
        self.assert_counted(connections=1)
        self.assertEqual([each.transport.disconnecting for each in self.here], [True, False, False, False])
