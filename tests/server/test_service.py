"""A whole server as a service: it starts, says where it is, and stops when everybody has been told."""

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import formatEvent
from twisted.trial.unittest import SynchronousTestCase

from sellia import __version__
from sellia.errors import SettingsError
from sellia.protocol.messages import Goodbye, TunnelReady
from sellia.server.service import ServerService, make_service
from sellia.server.settings import ServerSettings
from tests.logs import log_events
from tests.relay.scripts import OK
from tests.server.clients import GatewayCase, Server
from tests.server.stores import SlowStore
from tests.server.support import UPGRADE, answers, get


class StartTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events = log_events(self)

    def start(self, *, listen: bool = True, **settings: Any) -> ServerService:
        self.reactor = MemoryReactorClock()
        service = ServerService(ServerSettings(**{"open": True, **settings}), self.reactor, Random(1), listen=listen)
        service.startService()
        self.addCleanup(self.stop, service)
        return service

    def stop(self, service: ServerService) -> None:
        stopped = service.stopService()
        self.reactor.pump([0.1] * 50)
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def url(self, **settings: Any) -> str:
        self.start(**settings)
        line = next(line for line in map(formatEvent, self.events) if line.startswith("Sellia "))
        self.events.clear()
        self.assertTrue(line.startswith(f"Sellia {__version__} serves "))
        return line.split()[-1]

    def test_urls(self) -> None:
        """They are those that visitors use: of what is listened on, or of the proxy in front."""
        self.assertEqual(self.url(), "http://localhost:3000")
        self.assertEqual(self.url(port=80, domain="example.test"), "http://example.test")
        self.assertEqual(self.url(https=True, domain="example.test"), "https://example.test")
        self.assertEqual(self.url(https=True, domain="example.test", public_port=8443), "https://example.test:8443")
        self.assertEqual(self.url(listen=False, port=4000), "http://localhost:4000")

    def test_a_key_store_closes_the_door(self) -> None:
        """It is no open server, whatever the settings say of a master key."""
        settings = ServerSettings(host="0.0.0.0", domain="example.test")  # noqa: S104
        self.assertRaises(SettingsError, ServerService, settings, MemoryReactorClock())
        self.reactor = MemoryReactorClock()
        service = ServerService(settings, self.reactor, keys=SlowStore())
        service.startService()
        self.addCleanup(self.stop, service)
        self.assertEqual([line for line in map(formatEvent, self.events) if "master key" in line], [])

    def test_listening(self) -> None:
        self.start(port=4000, host="127.0.0.1")
        [(port, factory, *_)] = self.reactor.tcpServers
        self.assertEqual(port, 4000)

    def test_not_listening(self) -> None:
        self.start(listen=False)
        self.assertEqual(self.reactor.tcpServers, [])

    def test_deadlines_are_watched(self) -> None:
        service = self.start(listen=False)
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        self.assertTrue(service.running)

    def test_for_twistd(self) -> None:
        service = make_service(ServerSettings(port=4000), MemoryReactorClock())
        self.assertIsInstance(service, ServerService)
        self.assertEqual(service.settings.port, 4000)

    def test_stopped_before_it_started(self) -> None:
        service = ServerService(ServerSettings(), MemoryReactorClock(), Random(1))
        self.successResultOf(service.stopService())


class StopTests(GatewayCase):
    """Everybody is told, and nobody is left: `Server.check` sees to that."""

    def test_idle(self) -> None:
        visitor = self.server.visit(b"")
        self.server.check()
        self.assertTrue(visitor.closed)

    def test_clients_are_told(self) -> None:
        client = self.server.client()
        self.server.check()
        self.assertIsInstance(client.heard[-1], Goodbye)
        self.assertEqual(client.heard[-1].word, "server-restarting")

    def test_what_is_under_way_is_finished(self) -> None:
        client = self.server.client()
        self.assertIsInstance(client.open_tunnel(), TunnelReady)
        visitor = self.server.visit()
        stopped = self.server.service.stopService()
        self.server.wait(1)
        [stream] = client.party.streams.values()
        stream.send_head(OK)
        stream.send_data(b"the end", True)
        self.server.wait(1)
        self.assertIn(b"the end", visitor.take())
        self.finish(stopped)

    def finish(self, stopped: "Deferred[None]") -> None:
        """What is closed is gone, and time passes."""
        for _ in range(40):
            for wire in self.server.wires:
                if wire.closed:
                    wire.lose()
            self.server.wait(1)
        self.successResultOf(stopped)

    def test_visitors_are_told(self) -> None:
        client = self.server.client()
        self.assertIsInstance(client.open_tunnel(), TunnelReady)
        visitor, upgrade = self.server.visit(), self.server.visit(UPGRADE)
        self.server.check()
        for wire in (visitor, upgrade):
            [(status, word)] = answers(wire.take())
            self.assertEqual(status, 503)
            self.assertIn(word, ("server-restarting", "server-draining"))

    def test_new_visitors_are_refused_meanwhile(self) -> None:
        client = self.server.client()
        self.assertIsInstance(client.open_tunnel(), TunnelReady)
        self.server.visit()
        stopped = self.server.service.stopService()
        self.server.talk()
        self.assertEqual(answers(self.server.visit().take()), [(503, "server-draining")])
        self.finish(stopped)


class TogetherTests(SynchronousTestCase):
    def test_two_in_one_process(self) -> None:
        one, two = Server(), Server(domain="example.test")
        self.assertIsInstance(one.client().open_tunnel(), TunnelReady)
        self.assertEqual(answers(two.visit(get(host=b"demo.example.test")).take()), [(404, "no-such-tunnel")])
        one.check()
        two.check()
