"""A Site of one's own with a tunnel in it: a real server without listeners, a real client, on loopback, in one reactor.

Visitors and the service are programs of other people, or bare sockets, in threads: ``http.client``, ``websockets``,
and the recorder of the end-to-end tests.  Nothing here waits for a time; everything waits for a condition.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.vhost import NameVirtualHost

from sellia.client.events import Connected, Event
from sellia.client.service import ClientService
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.server.embedding.resource import GatewayResource, TunnelResource
from sellia.server.service import ServerService
from sellia.server.settings import ServerSettings
from tests.e2e.recorder import Recorder

reactor: Any = _reactor

DEADLINE = 60.0
LOOKS = 30
"""Looks in a row that must find no change before a visitor counts as stalled: one each 5 ms and turn of the reactor."""

HOST = "myapp.example.test"

T = TypeVar("T")


class Listener:
    """Knows when the tunnel is open, and all that was reported."""

    def __init__(self) -> None:
        self.connected: Deferred[Connected] = Deferred()
        self.events: list[Event] = []

    def notify(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Connected) and not self.connected.called:
            self.connected.callback(event)


class WebStageCase(TestCase):
    """In the Site, ``HOST`` is the tunnel; so is ``/app`` on every other host, where ``/ws`` is the gateway."""

    timeout = 2 * DEADLINE
    server_settings: dict[str, Any] = {}
    tunnel_settings: dict[str, Any] = {}
    client_settings: dict[str, Any] = {}

    async def setUp(self) -> None:  # type: ignore[override]
        self.recorder = Recorder()
        self.server = ServerService(
            ServerSettings(domain="example.test", **self.server_settings), reactor, listen=False
        )
        self.server.startService()
        base = Resource()
        base.putChild(b"ws", GatewayResource(self.server))
        base.putChild(b"app", TunnelResource(self.server, "myapp"))
        root = NameVirtualHost()
        root.default = base  # type: ignore[assignment]
        root.addHost(HOST.encode(), TunnelResource(self.server, "MyApp"))
        root.addHost(b"nobody.example.test", TunnelResource(self.server, "nobody"))
        self.site = Site(root, parsePOSTFormSubmission=False)
        self.site.noisy = False
        self.listening: Any = reactor.listenTCP(0, self.site, interface="127.0.0.1")
        self.port: int = self.listening.getHost().port
        self.listener = Listener()
        await self.start_client(self.recorder.port)

    async def start_client(self, service_port: int) -> None:
        """A client, once its tunnel is open."""
        tunnel = TunnelSettings(target=f"127.0.0.1:{service_port}", subdomain="myapp", **self.tunnel_settings)
        settings = ClientSettings(server=f"http://127.0.0.1:{self.port}", tunnels=(tunnel,), **self.client_settings)
        self.client = ClientService(settings, reactor, self.listener)
        self.client.startService()
        await self.listener.connected

    async def tearDown(self) -> None:  # type: ignore[override]
        await self.client.stopService()
        await self.server.stopService()
        await self.listening.stopListening()
        self.recorder.close()
        await self.until(lambda: not sockets(), "all sockets to be closed")
        self.assertEqual(self.recorder.failures, [])

    async def until(self, condition: Callable[[], T], what: str) -> T:
        """The first true value of ``condition``, while the reactor runs."""
        late = reactor.seconds() + DEADLINE
        while not (value := condition()):
            if reactor.seconds() > late:
                self.fail(f"waited in vain for {what}")
            await deferLater(reactor, 0.005)
        return value

    async def until_stalled(self, progress: Callable[[], int]) -> int:
        """Until a socket takes nothing more of what is written to it: the progress made, which does not go on."""
        looks, last = 0, -1

        def look() -> bool:
            nonlocal looks, last
            before, last = last, progress()
            still = before == last and bool(set(sockets()) & set(reactor.getWriters()))
            looks = looks + 1 if still else 0
            return looks == LOOKS

        await self.until(look, "the visitor to take nothing more")
        return last

    def thread(self, call: Callable[..., T], *arguments: Any, **named: Any) -> Deferred[T]:
        """Do something that blocks."""
        return deferToThread(call, *arguments, **named)

    def connect(self) -> socket.socket:
        """A visitor's bare socket; to be called in a thread."""
        connection = socket.create_connection(("127.0.0.1", self.port), DEADLINE)
        self.addCleanup(connection.close)
        return connection

    def ask(
        self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None, host: str = HOST
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """One request on a connection of its own, and the whole answer; to be called in a thread."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request(method, target, body, {"Host": host, **(headers or {})})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()


def sockets() -> list[Any]:
    """The reactor's sockets, but for those of its own."""
    own = reactor._internalReaders
    return [each for each in [*reactor.getReaders(), *reactor.getWriters()] if each not in own]
