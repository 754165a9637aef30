"""A gateway whose links are in memory: what the tests of sessions that outlive links, of names, and of drains use.

A test is a script of clients, whose links come and go, and of visitors, whose streams are opened on the session that
has the name.  Time passes only when a test says so.
"""

from bisect import insort
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.protocol.messages import (
    GoAway,
    Goodbye,
    Hello,
    LinkMessage,
    OpenTunnel,
    Refused,
    TunnelReady,
    TunnelRefused,
    Welcome,
)
from sellia.relay.registry import TunnelRegistry
from sellia.server.gateway.gateway import Gateway
from sellia.server.gateway.keys import KeyStore
from sellia.server.gateway.pools import Holder
from sellia.server.gateway.sessions import ServerSession
from sellia.server.settings import ServerSettings
from sellia.transports.link.keeper import Link
from tests.logs import log_lines
from tests.relay.scripts import Party
from tests.server.zones import MemoryZones
from tests.transports.links import MemoryLink, Wire


class SortedClock(Clock):
    """Twisted's sorts all calls for each new one, which takes seconds where there are thousands of clients."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: object, **kw: object) -> DelayedCall:
        due = self.seconds() + delay
        call = DelayedCall(due, callable, args, kw, self.calls.remove, lambda _: self._sortCalls(), self.seconds)
        insort(self.calls, call, key=DelayedCall.getTime)
        return call


class Client:
    """One client: it goes on with its session on every link, as long as the server lets it."""

    def __init__(self, stage: "Server", key: str | None = None, remote: str = "203.0.113.7") -> None:
        self.stage = stage
        self.key = key
        self.remote = remote
        self.token: bytes | None = None
        self.party = Party(even=False)
        self.heard: list[LinkMessage] = []
        #: The number of the next hello, 0 for none.
        self.attempt = 0
        self.wire: Wire
        self.lost: list[str] = []

    # --- a LinkKeeper --------------------------------------------------------------------------------------

    def link_opened(self, link: Link) -> None:
        received = self.party.session.received if self.token is not None else 0
        link.say(Hello(1, "test", key=self.key, session=self.token, received=received, attempt=self.attempt))

    def link_message(self, link: Link, message: LinkMessage) -> None:
        self.heard.append(message)
        if isinstance(message, Welcome):
            if not message.resumed:
                self.party = Party(even=False)
            self.token = message.session
            received = message.received if message.resumed else 0
            link.carry(self.party.session, received, message.ping_interval, message.ping_timeout)
        elif isinstance(message, Goodbye):
            link.close(1000, "goodbye")

    def link_faulty(self, link: Link, code: int, fault: str) -> None:
        """What was raised says it."""

    def rate_limited_log(self, topic: str) -> int | None:
        return 0

    def link_broken(self, link: Link, error: ProtocolError) -> None:
        raise error

    def link_lost(self, link: Link, reason: str) -> None:
        self.lost.append(reason)

    # --- for scripts ---------------------------------------------------------------------------------------

    def connect(self) -> "Client":
        """A new link.  Whatever link there was stays as it is."""
        far = MemoryLink(self.stage.gateway, self.stage.clock, self.remote)
        self.wire = Wire(MemoryLink(self, self.stage.clock, "server"), far)
        self.stage.wires.append(self.wire)
        self.stage.talk()
        return self

    def restarted(self) -> "Client":
        """The same client's next process: it knows nothing of the session before."""
        return Client(self.stage, self.key, self.remote)

    def open(self, name: str | None = "demo", number: int = 1) -> "Client":
        """Ask for a name."""
        self.party.session.send_control(OpenTunnel(number, "http", name))
        self.stage.talk()
        return self

    def say(self, message: Any) -> None:
        """Say something about the session."""
        self.party.session.send_control(message)
        self.stage.talk()

    @property
    def session(self) -> ServerSession:
        """As the server has it."""
        assert self.token is not None
        return self.stage.gateway.sessions[self.token]

    @property
    def welcomes(self) -> list[bool]:
        """For each welcome, whether it was to the session before."""
        return [each.resumed for each in self.heard if isinstance(each, Welcome)]

    @property
    def names(self) -> list[str]:
        """Those it was given in this session."""
        return [each.name for each in self.party.messages if isinstance(each, TunnelReady)]

    @property
    def refusals(self) -> list[tuple[str, bool]]:
        """Word of each refusal, of a tunnel or of the client itself, and whether it is final."""
        told = [*self.heard, *self.party.messages]
        return [(each.word, each.final) for each in told if isinstance(each, Refused | TunnelRefused)]

    @property
    def goodbyes(self) -> list[str]:
        return [each.word for each in self.heard if isinstance(each, Goodbye)]

    @property
    def warnings(self) -> list[tuple[str, float]]:
        return [(each.word, each.seconds) for each in self.party.messages if isinstance(each, GoAway)]


class Server:
    """A gateway without an ingress."""

    def __init__(self, keys: KeyStore | None = None, **settings: Any) -> None:
        self.clock = SortedClock()
        self.settings = ServerSettings(**settings)
        self.registry: TunnelRegistry[Holder] = TunnelRegistry(
            hold_seconds=self.settings.resume_window,
            per_owner=self.settings.tunnels_per_owner,
            total=self.settings.tunnels,
        )
        self.zones = MemoryZones()
        self.gateway = Gateway(self.settings, self.registry, self.clock, Random(1), keys=keys, zones=self.zones)
        self.wires: list[Wire] = []

    def client(self, key: str | None = None, remote: str = "203.0.113.7") -> Client:
        return Client(self, key, remote)

    def talk(self) -> None:
        """Until nobody has anything to say.  Connections that were closed both ways, or dropped, end."""
        for _ in range(1000):
            self.gateway.turn.run()
            for wire in list(self.wires):
                client = wire.near.keeper
                assert isinstance(client, Client)
                client.party.flush()
                wire.talk()
                if not wire.dead and (wire.near.gone or wire.far.gone):
                    self.wires.remove(wire)
                    for end in (wire.near, wire.far):
                        end.lose()
            if not any(wire.near.sent or wire.far.sent or self._wanted(wire) for wire in self.wires):
                return

    def _wanted(self, wire: Wire) -> bool:
        client = wire.near.keeper
        assert isinstance(client, Client)
        return client.party.wanted

    def cut(self, client: Client) -> None:
        """A client's connection is reset."""
        self.wires.remove(client.wire)
        client.wire.cut()
        self.talk()

    def wait(self, seconds: float, step: float = 0.5) -> None:
        """Time passes."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(min(step, end - self.clock.seconds()))
            self.talk()


class GatewayCase(SynchronousTestCase):
    """A test with a `Server`; when it is over, the registry must be in order."""

    settings: dict[str, Any] = {}

    def setUp(self) -> None:
        self.server = Server(**self.settings)
        self.gateway = self.server.gateway

    def tearDown(self) -> None:
        self.server.registry.check_invariants()

    def logged(self) -> list[str]:
        """What is logged from now on, as text."""
        return log_lines(self)
