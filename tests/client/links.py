"""What the tests of the client's link and session are written with: a network, and a server, in memory.

A test is a script of the client, which is what is tested, of the network, on which attempts to connect are accepted or
refused and links are cut, and of a server that welcomes, opens streams, and forgets.  Time passes only when a test says
so.
"""

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from sellia.client.events import Event
from sellia.client.link.backoff import QUICK_LEAST
from sellia.client.link.connector import Connector
from sellia.client.local.routes import Routes
from sellia.client.local.service import LocalService
from sellia.client.persistence import FOR_EVER, Persistence
from sellia.client.session import ClientSession
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.errors import ProtocolError
from sellia.protocol.messages import (
    Goodbye,
    Hello,
    LinkMessage,
    OpenTunnel,
    ServerLimits,
    SessionMessage,
    TunnelReady,
    Welcome,
)
from sellia.relay.mux.session import Session
from sellia.targets import parse_target
from sellia.transports.link.keeper import Link
from tests.client.stage import Service, only
from tests.relay.scripts import Party
from tests.transports.links import MemoryLink, Wire


class Half(Random):
    """Chance, as the tests want it: always in the middle."""

    def random(self) -> float:
        return 0.5


class Dial:
    """One attempt to connect, for ``factory``, which is the client's `Attempt`."""

    def __init__(self, factory: Any) -> None:
        self.factory = factory
        self.cancelled = False
        self.result: Deferred[Any] = Deferred(self._cancel)

    def _cancel(self, _: "Deferred[Any]") -> None:
        self.cancelled = True

    @property
    def pending(self) -> bool:
        return not self.result.called

    def accept(self, link: Any = None) -> None:
        """There is a connection, and maybe a link over it already."""
        if link is not None:
            self.factory.link = link
        self.result.callback(None)


class Network:
    """Stands for the endpoint that is dialled.  ``tried`` says when."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.tried: list[float] = []
        self.dials: list[Dial] = []

    def connect(self, factory: Any) -> "Deferred[Any]":
        self.tried.append(round(self.clock.seconds(), 3))
        dial = Dial(factory)
        self.dials.append(dial)
        return dial.result

    @property
    def pending(self) -> list[Dial]:
        """Those of which nobody has heard yet, oldest first."""
        return [dial for dial in self.dials if dial.pending]

    @property
    def cancelled(self) -> int:
        return sum(dial.cancelled for dial in self.dials)

    def refuse(self) -> None:
        """All attempts under way fail."""
        for dial in self.pending:
            dial.result.errback(Failure(ConnectionRefusedError()))

    def join(self, connector: Connector, server: "FarServer", which: int = -1) -> Wire:
        """An attempt under way leads to a link: the youngest, or the one that is meant."""
        dial = self.pending[which]
        near = MemoryLink(connector, self.clock, "server")
        dial.accept(near)
        wire = Wire(near, MemoryLink(server, self.clock))
        wire.talk()
        return wire


class FarServer:
    """A server as the client sees it: one session, and what is heard on links."""

    def __init__(self) -> None:
        self.party = Party(even=True)
        self.heard: list[LinkMessage] = []
        self.times = (5.0, 15.0, 120.0)
        self.limits = ServerLimits()
        self.capabilities: list[str] = []
        #: What the next hello is answered with: ``new``, ``resumed``, or nothing at all.
        self.manner = "new"
        self.names = True
        self.answered = 0

    def link_opened(self, link: Link) -> None:
        """It is the client who speaks first."""

    def link_message(self, link: Link, message: LinkMessage) -> None:
        self.heard.append(message)
        if isinstance(message, Hello) and self.manner:
            resumed = self.manner == "resumed"
            if not resumed:
                self.party = Party(even=True)
                self.answered = 0
            received = self.party.session.received
            self.manner = "resumed"
            interval, timeout, window = self.times
            told = self.capabilities
            link.say(
                Welcome(1, "far", b"token", resumed, received, told, interval, timeout, window, self.limits),
            )
            link.carry(self.party.session, message.received if resumed else 0, interval, timeout)

    def link_faulty(self, link: Link, code: int, fault: str) -> None:
        """What was raised says it."""

    def rate_limited_log(self, topic: str) -> int | None:
        return 0

    def link_broken(self, link: Link, error: ProtocolError) -> None:
        raise error

    def link_lost(self, link: Link, reason: str) -> None:
        """It waits."""

    @property
    def hellos(self) -> list[Hello]:
        return [each for each in self.heard if isinstance(each, Hello)]

    @property
    def goodbyes(self) -> list[str]:
        return [each.word for each in self.heard if isinstance(each, Goodbye)]

    @property
    def asked(self) -> list[OpenTunnel]:
        """Claims to names in this session."""
        return [each for each in self.party.messages if isinstance(each, OpenTunnel)]

    def answer(self) -> None:
        """Give the client the names that it has asked for."""
        if self.names:
            for wanted in self.asked[self.answered :]:
                self.answered += 1
                name = wanted.name or "given"
                self.party.session.send_control(TunnelReady(wanted.tunnel, name, f"http://{name}.localhost"))


class ClientStage:
    """A client's session with one tunnel, ``demo``, to a service in memory."""

    def __init__(self, subdomain: str | None = "demo", *, persistence: Persistence = FOR_EVER, **settings: Any) -> None:
        self.reactor = MemoryReactorClock()
        self.settings = ClientSettings(
            server="http://127.0.0.1:1", tunnels=(TunnelSettings(target=8080, subdomain=subdomain),), **settings
        )
        self.service = LocalService(self.reactor, parse_target("127.0.0.1:8080"))
        self.events: list[Event] = []
        report = self.events.append
        self.session = ClientSession(self.settings, self._routes, report, self.reactor, Half(), persistence=persistence)
        self.connector = self.session.connector
        self.network = self.connector.attempts.endpoint = Network(self.reactor)
        self.server = FarServer()
        self.wire: Wire | None = None

    def _routes(self, settings: TunnelSettings) -> Routes:
        return only(self.service)

    def start(self) -> "ClientStage":
        """Connect for the first time, and be given the name."""
        self.session.start()
        return self.connect()

    def connect(self) -> "ClientStage":
        """The attempt under way succeeds, or the next, if there is none."""
        self.reactor.advance(0)
        for _ in range(2000):
            if self.network.pending:
                break
            self.reactor.advance(QUICK_LEAST)
        self.wire = self.network.join(self.connector, self.server)
        self.talk()
        return self

    def talk(self) -> None:
        """Until nobody has anything to say.  A link that was closed or dropped ends."""
        for _ in range(1000):
            self.server.answer()
            self.server.party.flush()
            self.reactor.advance(0)
            wire = self.wire
            if wire is None:
                return
            wire.talk()
            if not wire.dead and (wire.near.gone or wire.far.gone):
                self.wire = None
                for end in (wire.far, wire.near):
                    end.lose()
            if not (wire.near.sent or wire.far.sent or self.server.party.wanted):
                return

    def cut(self, reason: str = "Connection was reset") -> None:
        """The link is lost."""
        assert self.wire is not None
        wire, self.wire = self.wire, None
        wire.cut(reason)

    def wait(self, seconds: float, step: float = 0.25) -> None:
        """Time passes."""
        for _ in range(round(seconds / step)):
            self.reactor.advance(step)
            self.talk()

    def accept(self) -> Service:
        """The service accepts the oldest connection that is waiting."""
        service = Service(self.reactor.tcpClients.pop(0)[2])
        self.talk()
        return service

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def said(self, kind: type[Any]) -> list[Any]:
        """What the client has said about its session, of one kind."""
        messages: list[SessionMessage] = self.server.party.messages
        return [each for each in messages if isinstance(each, kind)]

    @property
    def far(self) -> Session:
        """The server's end of the session."""
        return self.server.party.session
