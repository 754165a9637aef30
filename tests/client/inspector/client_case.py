"""What the tests of doing things again are written with: a client in memory with its inspector, a server, a service."""

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.inspector.inspector import Inspector
from sellia.client.service import ClientService, make_service
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.inspector.exchange import Exchange
from sellia.protocol.messages import HttpRequest, Opening
from tests.client.inspector.stage import Told, Transport, request
from tests.client.links import FarServer, Network
from tests.client.stage import Service, Visitor

HOST = (b"Host", b"web.localhost")


class ClientCase(SynchronousTestCase):
    """A client with the tunnel ``web``, which is linked; ``visitor`` opens a stream as the server does."""

    tunnels: tuple[TunnelSettings, ...] = (TunnelSettings(name="web", target="127.0.0.1:8080", subdomain="web"),)

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        settings = ClientSettings(server="http://127.0.0.1:1", tunnels=self.tunnels, inspector="127.0.0.1:0")
        self.inspector = Inspector(settings, self.reactor)
        self.client: ClientService = make_service(settings, self.reactor, inspector=self.inspector)
        self.network = self.client.session.connector.attempts.endpoint = Network(self.reactor)
        self.server = FarServer()
        self.client.startService()
        self.wire = self.network.join(self.client.session.connector, self.server)
        self.talk()
        self.reactor.tcpClients.clear()  # the look for whether the service is there
        self.factory = self.inspector.load()

    def tearDown(self) -> None:
        self.inspector.stop()
        self.client.session.stop()
        for service in self.client.session.tunnels.services:
            service.stop()

    def talk(self) -> None:
        """Until nobody has anything to say."""
        for _ in range(6):
            self.server.answer()
            self.server.party.flush()
            self.reactor.advance(0)
            self.wire.talk()

    def visitor(self, opening: Opening, *, end: bool = True, body: bytes = b"") -> Visitor:
        """A visitor opens a stream."""
        visitor = Visitor()
        visitor.stream = self.server.party.session.open(opening, end=end and not body, leg=visitor)
        if body:
            visitor.stream.send_data(body, end=end)
        self.talk()
        return visitor

    def service(self) -> Service:
        """The service accepts the connection that waits."""
        service = Service(self.reactor.tcpClients.pop(0)[2])
        self.talk()
        return service

    def visited(self, opening: HttpRequest, answer: bytes, *, body: bytes = b"") -> Exchange:
        """An exchange that has ended, as it was captured."""
        before = len(self.inspector.store)
        self.visitor(opening, body=body)
        service = self.service()
        service.read()
        service.say(answer)
        self.talk()
        service.close()
        self.talk()
        assert len(self.inspector.store) == before + 1
        return list(self.inspector.store)[-1]

    def begin(self, path: str, method: str = "GET", body: Any = None) -> Transport:
        """A script asks the inspector; the answer comes when it is there."""
        channel = self.factory.buildProtocol(None)
        transport = Transport()
        channel.makeConnection(transport)
        secret = {"Authorization": f"Bearer {self.inspector.token}"}
        channel.dataReceived(request(path, method, body, secret))
        self.talk()
        return transport

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Told:
        """What is answered to that at once."""
        told = Told(self.begin(path, method, body).value())
        for channel in list(self.factory.open):
            if not channel.requests:
                channel.connectionLost(Failure(ConnectionDone()))
        return told

    def only(self, **values: Any) -> Exchange:
        """The one exchange that has these values."""
        (found,) = [
            each for each in self.inspector.store if all(getattr(each, name) == value for name, value in values.items())
        ]
        return found
