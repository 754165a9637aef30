"""Who may join a pool, and what becomes of its name."""

from typing import Any

from sellia.protocol.messages import CloseTunnel, GoAway, Goodbye, OpenTunnel, TunnelOptions, TunnelRefused, Welcome
from sellia.server.gateway.pool import MEMBERS, Pool
from sellia.server.gateway.tunnels import GHOST_DEAD, GHOST_MOST
from tests.server.gateways import Client
from tests.server.pools import PoolCase
from tests.server.support import GET


def told(client: Client) -> str:
    """What a client was last refused with."""
    return next(each.message for each in reversed(client.party.messages) if isinstance(each, TunnelRefused))


class JoinTests(PoolCase):
    def test_the_first_and_others(self) -> None:
        clients = [self.server.member(remote=f"198.51.100.{number}").join() for number in range(3)]
        self.assertEqual([client.names for client in clients], [["demo"]] * 3)
        self.assertEqual(len(self.pool().members), 3)
        self.assertEqual(self.server.registry.count, 1)

    def test_the_capability_is_said(self) -> None:
        [welcome] = [each for each in self.server.member().heard if isinstance(each, Welcome)]
        self.assertIn("pool", welcome.capabilities)

    def test_a_name_that_the_server_picks(self) -> None:
        client = self.server.member()
        client.say(OpenTunnel(1, "http", None, options=TunnelOptions(pool=True)))
        [name] = client.names
        self.assertEqual(self.server.member().join(name).names, [name])

    def test_without_a_key(self) -> None:
        """An address is no key: neighbours have it as well."""
        client = self.server.member(key=None).join()
        self.assertEqual(client.refusals, [("forbidden", True)])
        self.assertIn("A pool needs an API key", told(client))

    def test_another_key(self) -> None:
        self.server.member().join()
        stranger = self.server.member("other").join()
        self.assertEqual((stranger.names, told(stranger)), ([], "The name 'demo' is in use."))

    def test_one_of_them_without_pool(self) -> None:
        """Either way round the message says what to type."""
        self.server.member().join("one")
        second = self.server.member().open("one")
        self.server.wait(GHOST_MOST + 1)
        self.assertEqual(told(second), "The name 'one' is in use by a pool of yours: join it with --pool.")
        self.server.member().open("two")
        third = self.server.member().join("two")
        self.server.wait(GHOST_MOST + 1)
        self.assertEqual(told(third), "The name 'two' is in use by a client of yours that was started without --pool.")
        self.assertEqual(third.refusals, [("name-taken", False)])

    def test_what_differs_is_named(self) -> None:
        self.server.member().join(auth="a:b", request_timeout=5.0)
        cases: tuple[tuple[str | None, dict[str, Any], str], ...] = (
            ("a:c", {"request_timeout": 5.0}, "auth"),
            (None, {"request_timeout": 5.0}, "auth"),
            ("a:b", {"request_timeout": 6.0, "allow": ["10.0.0.0/8"]}, "request_timeout, allow"),
            ("a:b", {"request_timeout": 5.0, "sticky": "cookie"}, "sticky"),
        )
        for auth, options, differ in cases:
            client = self.server.member().join(auth=auth, **options)
            self.server.wait(GHOST_MOST + 1)
            self.assertIn(f"started with another {differ}.", told(client))
        self.assertEqual(self.server.member().join(auth="a:b", request_timeout=5.0, slot="x").names, ["demo"])

    def test_what_no_pool_can_be(self) -> None:
        client = self.server.member()
        cases: tuple[tuple[str, dict[str, Any]], ...] = (
            *(("http", {"pool": True, "sticky": "moon"}), ("http", {"sticky": "cookie"}), ("tls", {"pool": True})),
        )
        for number, (kind, options) in enumerate(cases):
            client.say(OpenTunnel(number, kind, "demo", options=TunnelOptions(**options)))
        self.assertEqual(client.refusals, [("forbidden", True)] * 3)

    def test_bound(self) -> None:
        self.gateway.guard.exchanges.tunnel_streams = 1
        client = self.server.member()
        for number in range(MEMBERS):
            client.join(number=number)
        late = self.server.member().join()
        self.assertEqual((len(self.pool().members), late.refusals), (MEMBERS, [("too-many-tunnels", True)]))

    def test_places_count_as_tunnels(self) -> None:
        client = self.server.member()
        for number in range(101):
            client.join(f"name-{number % 40}", number)
        self.assertEqual(client.refusals, [("too-many-tunnels", True)])

    def test_a_number_twice(self) -> None:
        client = self.server.member().join()
        client.link_broken = lambda link, error: None
        client.join("other")
        self.assertEqual(self.gateway.sessions, {})


class GhostTests(PoolCase):
    """What is left of clients that died keeps nobody from a name."""

    def test_all_are_away(self) -> None:
        cases: tuple[dict[str, Any], ...] = ({"sticky": "cookie"}, {"pool": False})
        for options in cases:
            old = self.server.member().join("demo")
            self.server.cut(old)
            new = self.server.member().join("demo", **options)
            self.assertEqual(new.names, ["demo"])
            self.assertNotIn(old.token, self.gateway.sessions)
            new.say(CloseTunnel(1))

    def test_all_are_silent(self) -> None:
        """Nothing comes over their links: the name is the new client's, and they end."""
        old = [self.server.member().join() for _ in range(2)]
        for each in old:
            self.server.wires.remove(each.wire)
        new = self.server.member().open()
        self.server.wait(GHOST_MOST + GHOST_DEAD + 1)
        self.assertEqual(new.names, ["demo"])
        self.assertEqual([each.token in self.gateway.sessions for each in old], [False, False])

    def test_one_of_them_lives(self) -> None:
        dead, _ = self.server.member().join(), self.server.member().join()
        self.server.wires.remove(dead.wire)
        new = self.server.member().open()
        self.server.wait(GHOST_MOST + 1)
        self.assertEqual(new.refusals, [("name-taken", False)])

    def test_a_client_that_was_started_again(self) -> None:
        """It joins beside what is left of itself, which gets nothing new."""
        old = self.server.member().join()
        self.server.cut(old)
        new = self.server.member().join()
        self.visitor(GET)
        self.assertEqual(self.requests(old, new), [0, 1])
        self.server.wait(121)
        self.assertEqual(len(self.pool().members), 1)

    def test_a_name_that_was_held(self) -> None:
        client = self.server.member().join()
        client.say(GoAway("client-gone", "", 5.0))
        self.assertIsInstance(self.server.member().join().stage.registry.by_name["demo"].upstream, Pool)


class AwayTests(PoolCase):
    def test_the_registry_knows(self) -> None:
        """Whether any of them can be reached, as they come and go."""
        first, second = self.server.member().join(), self.server.member().join()
        away = self.server.registry._away
        for cut, expected in ((first, False), (second, True)):
            self.server.cut(cut)
            self.assertEqual(self.pool() in away, expected)
        second.connect()
        self.assertNotIn(self.pool(), away)
        second.say(CloseTunnel(1))
        self.assertIn(self.pool(), away)

    def test_goodbye_of_all(self) -> None:
        clients = [self.server.member().join() for _ in range(2)]
        for client in clients:
            client.wire.near.say(Goodbye("client-gone", ""))
            self.server.talk()
        self.assertEqual(self.server.registry.by_name, {})
        problem = self.server.registry.why_free("demo", self.server.clock.seconds())
        self.assertEqual(problem and problem.code, "client-gone")

    def test_the_server_stops(self) -> None:
        for _ in range(3):
            self.server.member().join()
        visitors = [self.visitor(GET) for _ in range(5)]
        self.gateway.stop()
        self.server.talk()
        self.assertEqual([self.answers(each) for each in visitors], [[(503, "server-restarting")]] * 5)
        self.assertEqual(self.server.registry.by_name, {})

    def test_its_owner_moves(self) -> None:
        """On a server without a master key an account is an address: a lone client takes its pool along."""
        client = self.server.member().join()
        self.server.cut(client)
        client.remote = "198.51.100.9"
        client.connect()
        self.assertEqual(self.server.registry.by_name["demo"].account, "198.51.100.9")
