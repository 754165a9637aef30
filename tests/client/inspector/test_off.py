"""A client without an inspector, and a tunnel that is not to be inspected: nothing is kept, and nothing is asked."""

import dataclasses
import subprocess
import sys
from types import SimpleNamespace

from sellia.client.events import RequestRefused
from sellia.client.service import make_service
from sellia.client.settings import TunnelSettings
from sellia.protocol.messages import HttpRequest, WebSocketRequest
from sellia.relay.mux.leg import NULL_LEG
from tests.client.inspector.client_case import HOST, ClientCase

LOADED = """
import sys
from types import SimpleNamespace
from sellia.cli.client import _inspector
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.cli.output import LinePrinter
from twisted.internet.testing import MemoryReactorClock

tunnels = (TunnelSettings(name="web", target="127.0.0.1:8080"),)
settings = ClientSettings(server="http://127.0.0.1:1", tunnels=tunnels, inspector="127.0.0.1:0", no_inspector={off})
inspector = _inspector(settings, MemoryReactorClock(), LinePrinter(print))
from sellia.client.service import make_service
service = make_service(settings, MemoryReactorClock(), inspector=inspector)
names = ("sellia.inspector", "sellia.client.inspector.inspector", "sellia.inspector.recording", "sqlite3", "sqlalchemy")
print(inspector is None, service.session._observe is not None, *(name for name in names if name in sys.modules))
"""


class NoInspectorTests(ClientCase):
    def loaded(self, off: bool) -> str:
        done = subprocess.run(
            [sys.executable, "-c", LOADED.replace("{off}", str(off))], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def test_nothing_of_it_is_loaded(self) -> None:
        self.assertEqual(self.loaded(True), "True False")

    def test_nothing_of_recordings_is_loaded_with_it(self) -> None:
        self.assertEqual(self.loaded(False), "False True sellia.inspector sellia.client.inspector.inspector")


class InspectorAloneTests(ClientCase):
    def test_legs_tell_no_events_that_nobody_hears(self) -> None:
        """The inspector has its observer for visits; events are made for a listener that shows them."""
        self.assertIsNone(self.client.session._listening)
        service = make_service(
            self.client.settings, self.reactor, SimpleNamespace(notify=print), inspector=self.inspector
        )
        self.assertIsNotNone(service.session._listening)


class NotInspectedTests(ClientCase):
    tunnels = (TunnelSettings(name="web", target="127.0.0.1:8080", subdomain="web", inspect=False),)

    def test_nothing_is_kept(self) -> None:
        visitor = self.visitor(HttpRequest(1, b"GET", b"/secret", [HOST]))
        service = self.service()
        service.read()
        service.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.talk()
        self.visitor(WebSocketRequest(1, b"/chat", [HOST]))
        self.talk()
        self.assertIsNotNone(visitor.stream)
        self.assertEqual((len(self.inspector.store), self.inspector.store.begun, self.inspector.store.used), (0, 0, 0))
        self.assertEqual(self.ask("/api/exchanges").json["exchanges"], [])

    def test_nor_what_the_server_refuses(self) -> None:
        refused = RequestRefused("web", "GET", "/secret", "203.0.113.7", 404, "not-found", "No.", False, 0)
        self.inspector.notify(refused)
        self.assertEqual(self.inspector.store.begun, 0)
        self.inspector.notify(dataclasses.replace(refused, tunnel="gone"))
        self.assertEqual(self.inspector.store.begun, 1)

    def test_its_legs_have_no_observer(self) -> None:
        """It costs what a client without an inspector costs: one look at an attribute."""
        observers = []
        tunnel = self.client.session.tunnels.find("web")
        assert tunnel is not None
        routes = tunnel.routes
        tunnel.routes = SimpleNamespace(open_leg=lambda *given: observers.append(given[-1]) or NULL_LEG)  # type: ignore
        self.visitor(HttpRequest(1, b"GET", b"/", [HOST]))
        tunnel.routes = routes
        self.assertEqual(observers, [None])
