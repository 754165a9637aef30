"""A gateway, an ingress and clients in memory: what the tests of pools are written with.

Clients join a pool, visitors ask for its name, and a test says what the services behind the clients answer.
"""

from random import Random
from typing import Any

from sellia.problems import SERVICE_REFUSED, Problem
from sellia.protocol.messages import HttpRequest, OpenTunnel, ResponseHead, TunnelOptions
from sellia.relay.mux.stream import Stream
from sellia.server.ingress.ingress import Ingress
from sellia.server.listeners.factory import VisitorFactory
from tests.server.gateways import Client, GatewayCase, Server
from tests.server.support import VISITOR, LateTransport, Rooms, Visitor, answers

KEY = "k"


class Member(Client):
    """A client of a pool."""

    def join(self, name: str = "demo", number: int = 1, *, auth: str | None = None, **options: Any) -> "Member":
        """Ask for a place in the pool of that name."""
        self.party.session.send_control(
            OpenTunnel(number, "http", name, auth, TunnelOptions(**{"pool": True, **options}))
        )
        self.stage.talk()
        return self

    @property
    def asked(self) -> list[Any]:
        """The openings that have come, in order."""
        return [opening for _, opening, _ in self.party.openings]

    @property
    def streams(self) -> list[Stream]:
        """The streams that are open."""
        return list(self.party.session.streams.values())

    def answer(self, body: bytes = b"", *fields: tuple[bytes, bytes], status: int = 200) -> None:
        """Answer the oldest request that is open."""
        head = ResponseHead(status, b"OK", [(b"Content-Length", b"%d" % len(body)), *fields], body=body)
        self.streams[0].send_head(head, end=True)
        self.stage.talk()

    def refuse(self, problem: Problem = SERVICE_REFUSED, message: str = "localhost:1 refused the connection.") -> None:
        """Refuse the newest request that is open."""
        self.streams[-1].reset(problem, message)
        self.stage.talk()

    def say_health(self, message: Any) -> None:
        self.say(message)


class PoolServer(Server):
    """A gateway with an ingress."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        rooms: Any = Rooms()
        self.ingress = Ingress(self.settings, self.registry, rooms, self.clock, self.gateway.guard)
        self.factory = VisitorFactory(self.ingress)

    def member(self, key: str | None = KEY, remote: str = "203.0.113.7") -> Member:
        """A client that is connected."""
        client = Member(self, key, remote)
        client.connect()
        return client


class PoolCase(GatewayCase):
    """A test with a `PoolServer`."""

    def setUp(self) -> None:
        self.server: PoolServer = PoolServer(**self.settings)
        self.gateway = self.server.gateway
        self.random = Random(1)

    def visitor(self, *pieces: bytes, host: str = VISITOR) -> Visitor:
        """Somebody connects, and sends this."""
        stage: Any = self.server
        visitor = Visitor(stage, LateTransport(host))
        visitor.send(*pieces)
        return visitor

    def answers(self, visitor: Visitor) -> list[tuple[int, str | None]]:
        """What a visitor has been answered since the last time."""
        return answers(visitor.read())

    def pool(self, name: str = "demo") -> Any:
        """The pool of that name."""
        return self.server.registry.by_name[name].upstream

    def requests(self, *members: Member) -> list[int]:
        """How many requests each has been asked."""
        return [sum(isinstance(each, HttpRequest) for each in member.asked) for member in members]
