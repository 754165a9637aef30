"""Tunnels of one client: asked for, refused, given to another client, and asked for again within bounds."""

from random import Random
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import Connected, Event, Problem, Refused
from sellia.client.settings import TunnelSettings
from sellia.client.tunnel import NAME_RETRY, TunnelState
from sellia.client.tunnels import TAKEN_RETRY_LIMIT, Tunnels
from sellia.errors import ProblemError, ProtocolError, RefusedError
from sellia.problems import SERVICE_REFUSED
from sellia.protocol.messages import (
    ACCESS,
    POOL,
    RULES,
    CloseTunnel,
    OpenTunnel,
    ServiceHealth,
    SessionMessage,
    TunnelReady,
    TunnelRefused,
)
from sellia.relay.mux.session import Session
from tests.client.stage import Stage, only


class TunnelsCase(SynchronousTestCase):
    """The tests are the owner of two tunnels, ``demo`` and one without a wanted name."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.said: list[Any] = []
        self.events: list[Event] = []
        self.over: list[RefusedError] = []
        self.session: Session | None = None
        service = Stage().service
        settings = (TunnelSettings(target=8080, subdomain="demo"), TunnelSettings(target=8080))
        self.tunnels = Tunnels(settings, lambda _: only(service), self, self.clock)

    def say(self, message: SessionMessage) -> None:
        self.said.append(message)

    def report(self, event: Event) -> None:
        self.events.append(event)

    def all_refused(self, error: RefusedError) -> None:
        self.over.append(error)

    def asked(self) -> list[tuple[int, str | None]]:
        """What was asked for since the last time."""
        said, self.said = self.said, []
        return [(each.tunnel, each.name) for each in said if isinstance(each, OpenTunnel)]

    def ready(self, number: int = 1, name: str = "demo") -> None:
        self.tunnels.ready(TunnelReady(number, name, f"http://{name}.localhost"))

    def refuse(self, word: str, *, final: bool = False, number: int = 1) -> None:
        self.tunnels.refused(TunnelRefused(number, word, "No.", final))

    def opened(self) -> None:
        self.tunnels.open_all()
        self.ready()
        self.ready(2, "given")
        self.asked()
        self.events.clear()


class AskTests(TunnelsCase):
    def test_all_at_once(self) -> None:
        self.tunnels.open_all()
        self.assertEqual(self.asked(), [(1, "demo"), (2, None)])
        self.ready()
        self.ready(2, "given")
        self.assertEqual([event.tunnel for event in self.events if isinstance(event, Connected)], ["demo", "given"])
        self.assertEqual({tunnel.state for tunnel in self.tunnels}, {TunnelState.OPEN})

    def test_the_name_that_was_given_is_asked_for_again(self) -> None:
        self.opened()
        self.tunnels.forget()
        self.tunnels.open_all()
        self.assertEqual(self.asked(), [(1, "demo"), (2, "given")])

    def test_the_kind_is_said(self) -> None:
        """And the port that is asked for."""
        service = Stage().service
        settings = TunnelSettings(kind="tcp", target=5432, remote_port=20017, proxy_protocol=2)
        Tunnels([settings], lambda _: only(service), self, self.clock).open_all()
        [said] = self.said
        assert isinstance(said, OpenTunnel)
        self.assertEqual((said.kind, said.name, len(said.options.slot)), ("tcp", "20017", 16))
        self.assertEqual(service.proxy_protocol, 2)

    def test_a_server_that_would_let_everybody_in(self) -> None:
        """Because it does not know what ``allow`` means: the tunnel is not opened."""
        for lists in ({"allow": ["10.0.0.0/8"]}, {"deny": ["10.0.0.0/8"]}):
            self.over.clear()
            tunnels = Tunnels([TunnelSettings(target=80, **lists)], lambda _: only(Stage().service), self, self.clock)
            tunnels.open_all(["meanwhile"])
            self.assertEqual((self.said, [error.word for error in self.over]), ([], ["forbidden"]))
            self.assertIn("too old to keep out visitors", str(self.over[0]))
            again = Tunnels([TunnelSettings(target=80, **lists)], lambda _: only(Stage().service), self, self.clock)
            again.open_all([ACCESS])
            self.assertEqual(self.asked(), [(1, None)])

    def test_a_server_without_pools(self) -> None:
        """It would refuse the second client, or give it the name alone: the tunnel is not opened."""
        settings = [TunnelSettings(target=80, pool=True)]
        Tunnels(settings, lambda _: only(Stage().service), self, self.clock).open_all([ACCESS])
        self.assertEqual((self.said, [error.word for error in self.over]), ([], ["forbidden"]))
        self.assertIn("too old to let several clients share a name", str(self.over[0]))
        Tunnels(settings, lambda _: only(Stage().service), self, self.clock).open_all([POOL])
        self.assertEqual(self.asked(), [(1, None)])

    def test_a_server_that_would_not_look(self) -> None:
        """Because it does not know what the rules of a tunnel mean: the tunnel is not opened."""
        for rule in ({"methods": "GET"}, {"max_body": 1}, {"visitor_rate": "1/s"}):
            self.over.clear()
            tunnels = Tunnels([TunnelSettings(target=80, **rule)], lambda _: only(Stage().service), self, self.clock)
            tunnels.open_all([ACCESS])
            self.assertEqual((self.said, [error.word for error in self.over]), ([], ["forbidden"]))
            self.assertIn("too old to look at what requests are", str(self.over[0]))
            again = Tunnels([TunnelSettings(target=80, **rule)], lambda _: only(Stage().service), self, self.clock)
            again.open_all([ACCESS, RULES])
            self.assertEqual(self.asked(), [(1, None)])

    def test_services_are_listed_once(self) -> None:
        self.assertEqual(len(self.tunnels.services), 1)

    def test_strangers(self) -> None:
        self.tunnels.open_all()
        for call, message in (
            (self.tunnels.ready, TunnelReady(9, "x", "http://x")),
            (self.tunnels.ready, TunnelReady(1, "x y\n", "http://x")),
            (self.tunnels.refused, TunnelRefused(9, "name-taken", "")),
        ):
            self.assertRaises(ProtocolError, call, message)
        self.tunnels.closed(CloseTunnel(9, "name-taken", "No."))
        self.assertEqual(self.events, [Problem("The server has closed a tunnel: No.")])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class RefusedTests(TunnelsCase):
    def test_for_good(self) -> None:
        """It is asked for in no session any more; when all are refused, the client ends."""
        self.tunnels.open_all()
        self.refuse("name-reserved", final=True)
        self.assertEqual((self.events, self.over), ([Refused("name-reserved", "No.", True, "demo")], []))
        self.asked()
        self.tunnels.open_all()
        self.assertEqual(self.asked(), [(2, None)])
        self.refuse("forbidden", final=True, number=2)
        self.assertEqual([error.word for error in self.over], ["forbidden"])

    def test_for_now(self) -> None:
        """Every two seconds, for as long as it takes."""
        self.tunnels.open_all()
        self.asked()
        for _ in range(20):
            self.refuse("overloaded")
            self.assertIs(self.tunnels[1].state, TunnelState.WAITING)
            self.clock.advance(NAME_RETRY)
            self.assertEqual(self.asked(), [(1, "demo")])

    def test_not_while_the_client_stops(self) -> None:
        self.opened()
        self.tunnels.stop()
        self.refuse("server-draining")
        self.tunnels.closed(CloseTunnel(2, "name-taken", "No."))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class TakenTests(TunnelsCase):
    """The server has given the name to another client of the same owner."""

    def setUp(self) -> None:
        super().setUp()
        self.opened()
        self.tunnels.closed(CloseTunnel(1, "name-taken", "another client asked for its name"))

    def test_it_is_told_and_asked_for_again(self) -> None:
        said = "The server has closed the tunnel demo: another client asked for its name. It is asked for again in 2 s."
        self.assertEqual(self.events, [Problem(said, "demo")])
        self.clock.advance(NAME_RETRY - 0.1)
        self.assertEqual(self.asked(), [])
        self.clock.advance(0.1)
        self.assertEqual(self.asked(), [(1, "demo")])
        self.ready()
        self.assertIsInstance(self.events[-1], Connected)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_less_and_less_often(self) -> None:
        """Each wait is twice the one before, a minute at most: an attacker who holds the name gains nothing by it."""
        waits = []
        for _ in range(8):
            start = self.clock.seconds()
            while not self.said:
                self.clock.advance(0.5)
            waits.append(self.clock.seconds() - start)
            self.assertEqual(self.asked(), [(1, "demo")])
            self.refuse("name-taken")
        self.assertEqual(waits, [2.0, 4.0, 8.0, 16.0, 32.0, TAKEN_RETRY_LIMIT, TAKEN_RETRY_LIMIT, TAKEN_RETRY_LIMIT])
        self.assertEqual({event.final for event in self.events if isinstance(event, Refused)}, {False})

    def test_a_name_that_is_had_again_is_as_good_as_new(self) -> None:
        for _ in range(4):
            self.clock.advance(TAKEN_RETRY_LIMIT)
            self.refuse("name-taken")
        self.ready()
        self.asked()
        self.tunnels.closed(CloseTunnel(1, "name-taken", "again"))
        self.clock.advance(NAME_RETRY)
        self.assertEqual(self.asked(), [(1, "demo")])

    def test_said_twice(self) -> None:
        """As a hostile server: there is one timer, and one question."""
        for _ in range(10):
            self.tunnels.closed(CloseTunnel(1, "name-taken", "No."))
        self.clock.advance(NAME_RETRY)
        self.assertEqual(self.asked(), [(1, "demo")])
        self.tunnels.closed(CloseTunnel(1, "name-taken", "No."))
        self.assertEqual(self.clock.getDelayedCalls(), [], "it has been asked for, and the answer is not here")

    def test_a_new_session_asks_at_once(self) -> None:
        self.tunnels.forget()
        self.tunnels.open_all()
        self.assertEqual(self.asked(), [(1, "demo"), (2, "given")])
        self.clock.advance(TAKEN_RETRY_LIMIT)
        self.assertEqual(self.asked(), [])

    def test_closed_for_another_reason(self) -> None:
        """It stays closed until the next session."""
        self.events.clear()
        self.tunnels.closed(CloseTunnel(2, "", "It was asked to."))
        self.assertEqual(self.events, [Problem("The server has closed the tunnel given: It was asked to.", "given")])
        self.clock.advance(NAME_RETRY)
        self.assertEqual(self.asked(), [(1, "demo")])
        self.tunnels.open_all()
        self.assertEqual(self.asked(), [(1, "demo"), (2, "given")])


class ScriptedServer:
    """A server that acts on claims in their order, some time after they were made, and holds clients to the rules."""

    def __init__(self) -> None:
        self.waiting: list[SessionMessage] = []
        self.open: dict[int, str | None] = {}

    def hear(self, message: SessionMessage) -> None:
        self.waiting.append(message)

    def act(self, tunnels: Tunnels, random: Random) -> None:
        """Act on some of what was said, and answer."""
        for _ in range(random.randint(0, len(self.waiting))):
            message = self.waiting.pop(0)
            if isinstance(message, CloseTunnel):
                self.open.pop(message.tunnel, None)
                continue
            assert isinstance(message, OpenTunnel)
            assert message.tunnel not in self.open, "a number that is in use"
            taken = message.name is not None and message.name in self.open.values()
            if taken or random.random() < 0.1:
                tunnels.refused(TunnelRefused(message.tunnel, "overloaded", "No.", False))
                continue
            self.open[message.tunnel] = message.name
            name = message.name or f"free{message.tunnel}"
            tunnels.ready(TunnelReady(message.tunnel, name, f"http://{name}.localhost"))


class WalkTests(SynchronousTestCase):
    """Settings that are read again and again, whatever the server has answered by then."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.events: list[Event] = []
        #: In a session, as far as tunnels look: it has no streams.
        self.session: Any = SimpleNamespace(streams={}, name="9f3a61c2")
        self.server = ScriptedServer()

    def say(self, message: SessionMessage) -> None:
        self.server.hear(message)

    def report(self, event: Event) -> None:
        self.events.append(event)

    def all_refused(self, error: RefusedError) -> None:
        raise AssertionError("nothing is refused for good")

    def settings(self, random: Random) -> list[TunnelSettings]:
        names = random.sample(("one", "two", "three", "four", "five"), random.randint(1, 5))
        public = random.sample(("abc", "def", "ghi", "jkl", "mno"), len(names))
        return [
            TunnelSettings(
                name=name,
                target=random.choice((8080, 8081)),
                subdomain=random.choice((label, label, None)),
                auth=random.choice(("u:p", None)),
            )
            for name, label in zip(names, public, strict=True)
        ]

    def test_there_are_those_that_are_wanted_in_the_end(self) -> None:
        for seed in range(60):
            self.setUp()
            random = Random(seed)
            tunnels = Tunnels(self.settings(random), lambda _: only(Stage().service), self, self.clock)
            tunnels.open_all()
            wanted = [tunnel.settings for tunnel in tunnels]
            for _ in range(random.randint(1, 12)):
                wanted = self.settings(random)
                tunnels.apply(wanted, 1.0)
                self.server.act(tunnels, random)
                self.clock.advance(random.choice((0.0, 0.5, NAME_RETRY)))
                tunnels.sweep()
            for _ in range(200):
                self.server.act(tunnels, random)
                self.clock.advance(0.5)
                tunnels.sweep()
            self.assertEqual([tunnel.settings for tunnel in tunnels], wanted, seed)
            self.assertEqual({tunnel.state for tunnel in tunnels}, {TunnelState.OPEN}, seed)
            self.assertEqual({tunnel.number for tunnel in tunnels}, set(self.server.open), seed)
            for tunnel, each in zip(tunnels, wanted, strict=True):
                if each.subdomain is not None:
                    self.assertEqual(tunnel.name, each.subdomain, seed)
            self.assertEqual(len(tunnels.services), len(wanted), "what was closed is let go")
            self.assertEqual(self.clock.getDelayedCalls(), [], seed)


class HealthTests(TunnelsCase):
    """A tunnel with a health check, whose service refuses connections."""

    def setUp(self) -> None:
        super().setUp()
        self.stage = Stage()
        self.stage.service.dial = lambda make: fail(ProblemError(SERVICE_REFUSED, self.why))  # type: ignore[method-assign]
        self.stage.service.clock = self.clock
        self.why = "localhost:8080 refused the connection."
        settings = TunnelSettings(target=8080, subdomain="demo", pool=True, health="/health")
        self.tunnels = Tunnels([settings], lambda _: only(self.stage.service), self, self.clock)
        self.tunnels.open_all([POOL])
        self.ready()

    def health(self) -> list[ServiceHealth]:
        return [each for each in self.said if isinstance(each, ServiceHealth)]

    def test_the_server_and_the_user_are_told(self) -> None:
        self.assertEqual(self.health(), [ServiceHealth(1, False, self.why)])
        told = f"{self.why} Visitors of demo go to other clients of its pool until that changes."
        self.assertEqual(self.events[-1], Problem(told, "demo"))
        self.clock.pump([1.0] * 25)
        self.assertEqual(len(self.health()), 1)
        self.tunnels.forget()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_in_a_new_session(self) -> None:
        """It is told anew."""
        self.tunnels.forget()
        self.tunnels.open_all([POOL])
        self.ready()
        self.assertEqual(self.health(), [ServiceHealth(1, False, self.why)] * 2)
        self.tunnels.forget()

    def test_a_check_that_is_taken_out(self) -> None:
        """While the client runs: the tunnel stays open, and its service counts as healthy."""
        self.tunnels.apply([TunnelSettings(target=8080, subdomain="demo", pool=True)], 1.0)
        self.assertEqual(self.health()[-1], ServiceHealth(1, True))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closed_by_the_server(self) -> None:
        self.tunnels.closed(CloseTunnel(1, "forbidden", "No."))
        self.assertEqual(self.clock.getDelayedCalls(), [])
