"""Names: who gets one, who does not, and that nobody is kept from a name by their own ghost."""

from typing import Any

from sellia.errors import ProtocolError
from sellia.protocol.messages import CloseTunnel, GoAway, Goodbye, OpenTunnel, TunnelOptions
from sellia.server.gateway.tunnels import GHOST_DEAD, GHOST_LEAST, GHOST_MOST
from tests.relay.scripts import GET, RecordingLeg
from tests.server.gateways import Client, GatewayCase

ELSEWHERE = "198.51.100.9"


class ClaimTests(GatewayCase):
    def test_a_name_and_its_url(self) -> None:
        client = self.server.client().connect().open("demo")
        [ready] = client.party.messages
        self.assertEqual((ready.tunnel, ready.name, ready.url), (1, "demo", "http://demo.localhost:3000"))

    def test_a_name_that_the_server_picks(self) -> None:
        client = self.server.client().connect().open(None)
        self.assertEqual(list(self.server.registry.by_name), client.names)

    def test_what_cannot_be(self) -> None:
        client = self.server.client().connect()
        for number, (kind, name, auth, word) in enumerate(
            (
                ("tcp", "demo", None, "forbidden"),
                ("http", "no_name", None, "name-invalid"),
                ("http", "www", None, "name-reserved"),
                ("http", "demo", "no colon", "forbidden"),
            )
        ):
            client.say(OpenTunnel(number, kind, name, auth))
            self.assertEqual(client.refusals[-1], (word, True))
        self.assertEqual(self.server.registry.by_name, {})

    def test_number_in_use(self) -> None:
        client = self.server.client().connect().open("demo")
        client.link_broken = lambda link, error: None
        client.open("other")
        self.assertEqual(self.gateway.sessions, {})

    def test_timeouts_that_are_none(self) -> None:
        for value in (-1.0, float("inf"), float("nan")):
            for name in ("request_timeout", "upgrade_timeout"):
                client = self.server.client().connect()
                client.link_broken = lambda link, error: None
                options: dict[str, Any] = {name: value}
                client.say(OpenTunnel(1, "http", options=TunnelOptions(**options)))
                self.assertEqual(self.gateway.sessions, {})

    def test_options_are_kept(self) -> None:
        client = self.server.client().connect()
        client.say(OpenTunnel(1, "http", "demo", options=TunnelOptions(request_timeout=1e300)))
        self.assertEqual(self.server.registry.by_name["demo"].options.request_timeout, 1e300)

    def test_bound(self) -> None:
        client = self.server.client().connect()
        for number in range(101):
            client.say(OpenTunnel(number, "http"))
        self.assertEqual(len(self.server.registry.by_name), 100)
        self.assertEqual(client.refusals, [("too-many-tunnels", True)])

    def test_given_up(self) -> None:
        """What is under way goes on; the name is anybody's."""
        client = self.server.client().connect().open("demo")
        visitor = RecordingLeg()
        client.session.mux.open(GET, visitor)
        client.say(CloseTunnel(1))
        self.assertEqual(visitor.events, [])
        self.assertEqual(self.server.client(remote=ELSEWHERE).connect().open("demo").names, ["demo"])


class NamesBelowTests(GatewayCase):
    """Names below names, and wildcards: they belong to whoever has the name."""

    def ask(self, client: Client, number: int, name: str | None, *, wildcard: bool = False) -> Client:
        client.say(OpenTunnel(number, "http", name, options=TunnelOptions(wildcard=wildcard)))
        return client

    def test_a_name_with_all_below_it(self) -> None:
        client = self.ask(self.server.client().connect(), 1, "myapp", wildcard=True)
        [ready] = client.party.messages
        self.assertEqual((ready.name, ready.url), ("myapp", "http://myapp.localhost:3000"))
        self.assertEqual(ready.more, ["http://*.myapp.localhost:3000"])
        found = self.server.registry.find("x.myapp")
        self.assertEqual(found and found.label, "myapp")

    def test_a_name_that_the_server_picks(self) -> None:
        client = self.ask(self.server.client().connect(), 1, None, wildcard=True)
        [name] = client.names
        self.assertEqual(list(self.server.registry.by_name), [name, f"*.{name}"])

    def test_each_by_itself(self) -> None:
        client = self.server.client().connect()
        for number, name in enumerate(("*.myapp", "myapp", "api.myapp")):
            self.ask(client, number, name, wildcard=name == "*.myapp")
        self.assertEqual(client.names, ["*.myapp", "myapp", "api.myapp"])
        self.assertEqual(self.server.registry.by_name["*.myapp"].names, ("*.myapp",))

    def test_somebody_elses(self) -> None:
        self.ask(self.server.client().connect(), 1, "myapp")
        thief = self.server.client(remote=ELSEWHERE).connect()
        for number, name in enumerate(("*.myapp", "api.myapp", "*.a.myapp", "myapp")):
            self.ask(thief, number, name)
        self.ask(thief, 9, "free", wildcard=True)
        self.assertEqual(thief.refusals, [("name-taken", False)] * 4)
        self.assertEqual(thief.names, ["free"])

    def test_closed(self) -> None:
        """All its names are anybody's."""
        client = self.ask(self.server.client().connect(), 1, "myapp", wildcard=True)
        client.say(CloseTunnel(1))
        self.assertEqual(self.server.registry.by_name, {})
        other = self.ask(self.server.client(remote=ELSEWHERE).connect(), 1, "*.myapp")
        self.assertEqual(other.names, ["*.myapp"])

    def test_left(self) -> None:
        """All its names are held until its client says goodbye."""
        client = self.ask(self.server.client().connect(), 1, "myapp", wildcard=True)
        client.say(GoAway("client-gone", "", 1.0))
        held = self.server.registry.is_held
        self.assertEqual([held(name, self.server.clock.seconds()) for name in ("myapp", "x.myapp")], [True, True])
        client.wire.near.say(Goodbye("client-gone", ""))
        self.server.talk()
        self.assertEqual([held(name, self.server.clock.seconds()) for name in ("myapp", "x.myapp")], [False, False])

    def test_the_ghost_of_a_wildcard(self) -> None:
        """Gives it up to its owner's new session, as it does a name."""
        ghost = self.ask(self.server.client("key").connect(), 1, "myapp", wildcard=True)
        ghost.wire.dead = True
        again = self.ask(self.server.client("key").connect(), 1, "*.myapp")
        self.server.wait(GHOST_MOST + 1)
        self.assertEqual((again.names, list(self.server.registry.by_name)), (["*.myapp"], ["*.myapp"]))

    def test_what_cannot_be(self) -> None:
        client = self.server.client().connect()
        for number, (name, word) in enumerate(
            (
                ("demo.localhost", "name-invalid"),
                ("*.demo.localhost", "name-invalid"),
                ("x.www", "name-reserved"),
                ("*.*.demo", "name-invalid"),
                ("*", "name-invalid"),
            )
        ):
            self.ask(client, number, name)
            self.assertEqual(client.refusals[-1], (word, True), name)
        client.say(OpenTunnel(9, "tcp", None, options=TunnelOptions(wildcard=True)))
        self.assertEqual(client.refusals[-1], ("forbidden", True))


class LongDomainTests(GatewayCase):
    settings = {"domain": "d" * 60 + "." + "e" * 60 + "." + "f" * 60}

    def test_too_long(self) -> None:
        """With the domain behind it, a name is a domain name as well."""
        client = self.server.client().connect()
        names = ["a" * 63, "bc." + "a" * 63, "b" * 10 + "." + "a" * 63]
        for number, name in enumerate(names):
            client.say(OpenTunnel(number, "http", name))
        self.assertEqual((client.names, client.refusals), (names[:2], [("name-invalid", True)]))


class DomainTests(GatewayCase):
    """Domains of owners' own, on a server with one key."""

    settings = {
        "master_key": "key",
        "domain": "tunnel.example.com",
        "https": True,
        "ping_interval": 500_000.0,
        "ping_timeout": 1_000_000.0,
    }

    def setUp(self) -> None:
        super().setUp()
        self.server.zones.aliases["shop.example.org"] = "tunnel.example.com"

    def ask(self, *domains: str, name: str | None = None, client: Client | None = None, **options: Any) -> Client:
        client = client or self.server.client("key").connect()
        number = len(client.party.messages) + 1
        client.say(OpenTunnel(number, "http", name, options=TunnelOptions(domains=list(domains), **options)))
        self.server.talk()
        return client

    def test_alone(self) -> None:
        """Without a name below the server's domain."""
        client = self.ask("Shop.Example.org")
        [ready] = client.party.messages
        self.assertEqual((ready.name, ready.url, ready.more), ("shop.example.org", "https://shop.example.org", []))
        self.assertEqual(list(self.server.registry.by_name), ["shop.example.org."])

    def test_besides_a_name(self) -> None:
        self.server.zones.aliases["*.example.org"] = "x.tunnel.example.com."
        client = self.ask("shop.example.org", "*.example.org", name="myapp", wildcard=True)
        [ready] = client.party.messages
        self.assertEqual(
            [ready.url, *ready.more],
            [
                "https://myapp.tunnel.example.com",
                "https://*.myapp.tunnel.example.com",
                "https://shop.example.org",
                "https://*.example.org",
            ],
        )
        found = self.server.registry.find("a.b.example.org.")
        self.assertEqual(found and found.label, "myapp")

    def test_not_proven(self) -> None:
        """Refused for good, all names of the tunnel with it; with a record, the next try is granted."""
        client = self.ask("other.example.org", name="myapp")
        self.assertEqual((client.refusals, self.server.registry.by_name), ([("domain-not-proven", True)], {}))
        self.server.zones.aliases["other.example.org"] = "tunnel.example.com"
        self.assertEqual(self.ask("other.example.org", name="myapp", client=client).names, ["myapp"])

    def test_no_answer(self) -> None:
        self.server.zones.broken = True
        self.assertEqual(self.ask("shop.example.org").refusals, [("dns-unavailable", False)])

    def test_a_client_that_comes_back(self) -> None:
        """Does not wait for the DNS."""
        self.ask("shop.example.org").say(CloseTunnel(1))
        self.server.zones.silent = True
        self.assertEqual(self.ask("shop.example.org").names, ["shop.example.org"])

    def test_while_the_dns_is_asked(self) -> None:
        """The number is in use, and what was closed meanwhile is not opened any more."""
        self.server.zones.silent = True
        client = self.ask("shop.example.org")
        self.assertEqual((client.names, client.refusals), ([], []))
        client.say(CloseTunnel(1))
        self.server.wait(11)
        self.assertEqual((client.refusals, self.server.registry.by_name), ([], {}))
        client = self.ask("shop.example.org")
        client.link_broken = lambda link, error: None  # type: ignore[method-assign]
        self.ask("shop.example.org", client=client)
        self.assertEqual(len(self.gateway.sessions), 1)

    def test_two_at_once(self) -> None:
        first, second = self.ask("shop.example.org"), self.ask("shop.example.org")
        self.server.wait(GHOST_MOST + 1)
        self.assertEqual((first.names, second.refusals), (["shop.example.org"], [("name-taken", False)]))

    def test_records_that_are_taken_away(self) -> None:
        """End the tunnel, and its clients are told what to do."""
        client = self.ask("shop.example.org", name="myapp")
        self.server.zones.clear()
        for _ in range(100):
            self.server.clock.advance(1800)
            self.gateway.domains.check(self.server.clock.seconds())
            self.server.talk()
            if not self.server.registry.by_name:
                break
        closed = client.party.messages[-1]
        self.assertIsInstance(closed, CloseTunnel)
        self.assertEqual((closed.tunnel, closed.word), (1, "domain-not-proven"))
        self.assertIn("shop.example.org CNAME tunnel.example.com", closed.message)

    def test_what_cannot_be(self) -> None:
        client = self.server.client("key").connect()
        for domain, word, said in (
            ("tunnel.example.com", "name-invalid", "this server's own"),
            ("a.b.tunnel.example.com", "name-invalid", "--subdomain a.b"),
            ("*.tunnel.example.com", "name-invalid", "--subdomain *"),
            ("*.example.com", "domain-not-proven", "_sellia.example.com TXT"),
            ("localhost", "name-invalid", "not a domain"),
            ("203.0.113.7", "name-invalid", "not a domain"),
            ("a\x1b[2J.org", "name-invalid", "not a domain"),
            ("", "name-invalid", "not a domain"),
        ):
            self.ask(domain, client=client)
            refused = client.party.messages[-1]
            self.assertEqual((refused.word, refused.final), (word, True), domain)
            self.assertIn(said, refused.message)
            self.assertNotIn("\x1b", refused.message)
        self.ask(*(f"{number}.example.org" for number in range(17)), client=client)
        self.assertIn("16 domains at most", client.party.messages[-1].message)
        client.say(OpenTunnel(99, "tcp", None, options=TunnelOptions(domains=["shop.example.org"])))
        self.assertEqual(client.refusals[-1][0], "forbidden")
        self.assertEqual(self.server.registry.by_name, {})


class OpenServerDomainTests(GatewayCase):
    def test_who_could_be_anybody(self) -> None:
        """Has no domains: neither an address nor a key that was made up says who it is tomorrow."""
        for key in (None, "made up"):
            client = self.server.client(key).connect()
            client.say(OpenTunnel(1, "http", None, options=TunnelOptions(domains=["shop.example.org"])))
            self.assertEqual(client.refusals, [("forbidden", True)])
        self.assertEqual(self.server.zones.asked, [])


class RateTests(GatewayCase):
    """A client that asks for names all the time."""

    settings = {"tunnel_burst": 3, "tunnel_rate": 0.5}

    def test_too_often(self) -> None:
        """It is told to try again, and has the names that it got."""
        lines = self.logged()
        client = self.server.client().connect()
        for number in range(100):
            client.open("demo", number)
            client.say(CloseTunnel(number))
        self.assertEqual(client.refusals, [("rate-limited", False)] * 97)
        self.assertEqual(self.gateway.guard.refusals.as_dict(), {"tunnel_rate": 97})
        self.assertLess(len(lines), 20)
        self.server.wait(2)
        client.open("demo", 100)
        self.assertEqual(client.names, ["demo"] * 4)

    def test_whatever_it_asks_for(self) -> None:
        """What can never be granted costs a token as well, and few lines in the log."""
        lines = self.logged()
        client = self.server.client().connect()
        for number in range(100):
            client.say(OpenTunnel(number, "tcp", "demo"))
        self.assertEqual(client.refusals, [("forbidden", True)] * 3 + [("rate-limited", False)] * 97)
        self.assertLess(len(lines), 20)

    def test_clients_do_not_share(self) -> None:
        for number in range(4):
            self.server.client().connect().open(f"name-{number}")
        self.assertEqual(len(self.server.registry.by_name), 4)


class FarewellTests(GatewayCase):
    """A client that says again and again that it will soon stop."""

    def test_it_is_told_once(self) -> None:
        """And again only where it has come to have names meanwhile."""
        lines = self.logged()
        client = self.server.client().connect()
        for _ in range(100):
            client.say(GoAway("client-gone", "", 1.0))
        self.assertEqual(len([line for line in lines if line.startswith("client stops: ")]), 1)
        client.open("demo")
        client.say(GoAway("client-gone", "", 1.0))
        self.assertEqual(len([line for line in lines if line.startswith("client stops: ")]), 2)

    def test_what_is_remembered_of_it(self) -> None:
        """No more names than are held for it at the time."""
        client = self.server.client().connect()
        for number in range(50):
            client.open(None, number)
            client.say(GoAway("client-gone", "", 1.0))
            self.server.wait(10)
        self.assertLessEqual(len(client.session.left), 12)


class NoRateLimitTests(GatewayCase):
    settings = {"tunnel_burst": 1, "link_burst": 1, "rate_limit": False}

    def test_as_often_as_anybody_likes(self) -> None:
        for client in (self.server.client().connect(), self.server.client().connect()):
            for number in range(50):
                client.open(None, number)
        self.assertEqual(len(self.server.registry.by_name), 100)


class BoundCase(GatewayCase):
    settings = {"tunnels_per_owner": 3, "tunnels": 5}

    def names(self, *clients: Client) -> list[list[tuple[str, bool]]]:
        """How many each got, as told by the refusals."""
        for client in clients:
            client.connect()
            for number in range(3):
                client.open(None, number)
        return [client.refusals for client in clients]


class BoundTests(BoundCase):
    """So many of one address, and so many in all."""

    def test_keys_that_anybody_can_make_up(self) -> None:
        """They are one address's all the same."""
        first, second = self.names(self.server.client("a"), self.server.client("b"))
        self.assertEqual((first, second), ([], [("too-many-tunnels", True)] * 3))

    def test_all_together(self) -> None:
        first, second = self.names(self.server.client(), self.server.client(remote=ELSEWHERE))
        self.assertEqual((first, second), ([], [("overloaded", False)]))
        self.assertEqual(self.gateway.guard.refusals.as_dict(), {"tunnels": 1})


class KeyBoundTests(BoundCase):
    """So many of one key."""

    settings = {**BoundCase.settings, "master_key": "right"}

    def test_one_key(self) -> None:
        first, second = self.names(self.server.client("right"), self.server.client("right", ELSEWHERE))
        self.assertEqual((first, second), ([], [("too-many-tunnels", True)] * 3))
        self.assertEqual(self.gateway.guard.refusals.as_dict(), {"tunnels_per_owner": 3})


class OthersTests(GatewayCase):
    """Somebody else's name."""

    def test_it_is_taken(self) -> None:
        """At once: there is no need to ask whether somebody else is still there."""
        first = self.server.client().connect().open("demo")
        second = self.server.client(remote=ELSEWHERE).connect().open("demo")
        self.assertEqual((second.names, second.refusals), ([], [("name-taken", False)]))
        self.assertEqual(first.wire.far.sent, [])

    def test_it_is_theirs_while_the_window_is_open(self) -> None:
        first = self.server.client().connect().open("demo")
        self.server.cut(first)
        second = self.server.client(remote=ELSEWHERE).connect()
        self.server.wait(60)
        self.assertEqual(second.open("demo").names, [])
        self.server.wait(61)
        self.assertEqual(second.open("demo").names, ["demo"])

    def test_it_is_theirs_until_they_have_stopped(self) -> None:
        first = self.server.client().connect().open("demo")
        first.say(GoAway("client-gone", "", 30.0))
        second = self.server.client(remote=ELSEWHERE).connect().open("demo")
        self.assertEqual(second.names, [])
        first.wire.near.say(Goodbye("client-gone", ""))
        self.server.talk()
        self.assertEqual(second.open("demo").names, ["demo"])


class GhostTests(GatewayCase):
    """One's own name, which a session has that may be dead."""

    def test_the_loss_was_noticed(self) -> None:
        """A restarted client has its name at once; the visitors of the one before are told what happened."""
        first = self.server.client().connect().open("demo")
        visitor = RecordingLeg()
        first.session.mux.open(GET, visitor, end=True)
        self.server.cut(first)
        second = first.restarted().connect().open("demo")
        self.assertEqual(second.names, ["demo"])
        self.assertEqual(visitor.events, [("reset", "client-gone", "its client was started again")])
        self.assertEqual(len(self.gateway.sessions), 1)

    def test_the_loss_was_not_noticed(self) -> None:
        """The old link is asked; when nothing comes, it is dead, and the name changes hands."""
        first = self.server.client().connect().open("demo")
        visitor = RecordingLeg()
        first.session.mux.open(GET, visitor, end=True)
        old = first.wire
        old.dead = True
        second = first.restarted().connect().open("demo")
        self.assertEqual((second.names, second.refusals), ([], []), "nothing is decided yet")
        self.server.wait(GHOST_LEAST)
        self.assertEqual((second.names, visitor.events, old.far.gone), (["demo"], [], False))
        self.server.wait(GHOST_DEAD)
        self.assertEqual(visitor.events, [("reset", "client-gone", "its client was started again")])
        self.assertTrue(old.far.gone)

    def test_a_client_that_was_busy(self) -> None:
        """It loses the name; what is under way goes on, and so does its session."""
        first = self.server.client().connect().open("demo")
        visitor = RecordingLeg()
        first.session.mux.open(GET, visitor, end=True)
        first.wire.dead = True
        second = first.restarted().connect().open("demo")
        self.server.wait(GHOST_LEAST + 0.3)
        self.assertEqual(second.names, ["demo"])
        first.wire.dead = False
        first.wire.near.ping()
        self.server.wait(GHOST_DEAD + 1)
        self.assertEqual((visitor.events, len(self.gateway.sessions)), ([], 2))

    def test_a_client_with_other_names(self) -> None:
        """A dead link costs it the name that was asked for, not the others."""
        first = self.server.client().connect().open("demo").open("other", number=2)
        first.wire.dead = True
        second = first.restarted().connect().open("demo")
        self.server.wait(GHOST_LEAST + GHOST_DEAD + 1)
        self.assertEqual(second.names, ["demo"])
        self.assertEqual(set(self.server.registry.by_name), {"demo", "other"})
        self.assertEqual(len(self.gateway.sessions), 2)

    def test_a_long_way_has_more_time(self) -> None:
        """As much as it is longer, up to a bound; and all of it where nothing is known of the way."""
        for trip, seconds in ((0.02, GHOST_LEAST), (0.1, 2.0), (0.4, GHOST_MOST), (None, GHOST_MOST)):
            self.setUp()
            first = self.server.client().connect().open("demo")
            link = first.wire.far
            assert link._pace is not None
            if trip is None:
                link._pace = None
            else:
                link._pace.shortest = trip
            first.wire.dead = True
            second = first.restarted().connect().open("demo")
            self.server.wait(seconds - 0.1)
            self.assertEqual(second.names, [], trip)
            self.server.wait(0.1)
            self.assertEqual(second.names, ["demo"], trip)

    def test_its_end_is_noticed_meanwhile(self) -> None:
        first = self.server.client().connect().open("demo")
        first.wire.dead = True
        second = first.restarted().connect().open("demo")
        self.server.wait(0.5)
        first.wire.far.lose("Connection was reset")
        self.server.wait(0.1)
        self.assertEqual(second.names, ["demo"])

    def test_it_lives(self) -> None:
        """There are two clients, and the name is taken.  The first notices nothing."""
        first = self.server.client().connect().open("demo")
        second = first.restarted().connect().open("demo")
        self.server.wait(0.1)
        self.assertEqual(second.refusals, [("name-taken", False)])
        self.assertEqual((first.names, first.goodbyes, first.lost), (["demo"], [], []))

    def test_any_octet_is_life(self) -> None:
        """A link that is busy with something large may answer late."""
        first = self.server.client().connect().open("demo")
        first.wire.dead = True
        second = first.restarted().connect().open("demo")
        self.server.wait(GHOST_LEAST - 0.1)
        first.wire.far.liveness.last = self.server.clock.seconds()
        self.server.wait(0.1)
        self.assertEqual(second.refusals, [("name-taken", False)])

    def test_who_asked_may_be_gone_before_the_answer(self) -> None:
        first = self.server.client().connect().open("demo")
        first.wire.dead = True
        second = first.restarted().connect().open("demo")
        second.wire.near.say(Goodbye("client-gone", ""))
        self.server.wait(GHOST_LEAST)
        self.assertIs(self.server.registry.by_name["demo"].upstream, first.session)

    def test_who_asked_may_have_lost_its_link(self) -> None:
        """The name waits with it, as if it had had it before."""
        first = self.server.client().connect().open("demo")
        first.wire.dead = True
        second = first.restarted().connect().open("demo")
        self.server.cut(second)
        self.server.wait(GHOST_LEAST)
        third = first.restarted().connect().open("demo")
        self.assertEqual(third.names, ["demo"])

    def test_who_asked_may_want_it_no_more(self) -> None:
        first = self.server.client().connect().open("demo")
        first.wire.dead = True
        second = first.restarted().connect().open("demo")
        second.say(CloseTunnel(1))
        self.server.wait(GHOST_LEAST)
        self.assertEqual((second.names, second.refusals), ([], []))

    def test_a_number_is_in_use_while_its_claim_is_in_doubt(self) -> None:
        first = self.server.client().connect().open("demo")
        first.wire.dead = True
        second = first.restarted().connect().open("demo")
        message = OpenTunnel(1, "http", "other")
        self.assertRaises(ProtocolError, self.gateway.session_message, second.session, message)


class LeavingTests(GatewayCase):
    """A client that will soon stop."""

    def test_new_visitors_are_told_and_old_ones_served(self) -> None:
        client = self.server.client().connect().open("demo")
        visitor = RecordingLeg()
        client.session.mux.open(GET, visitor, end=True)
        client.say(GoAway("client-gone", "", 30.0))
        self.assertEqual(self.server.registry.by_name, {})
        self.assertTrue(self.server.registry.is_held("demo", self.server.clock.seconds()))
        self.assertEqual(visitor.events, [])

    def test_the_next_process_has_the_name_at_once(self) -> None:
        """While the one before finishes what it has."""
        first = self.server.client().connect().open("demo")
        visitor = RecordingLeg()
        first.session.mux.open(GET, visitor, end=True)
        first.say(GoAway("client-gone", "", 30.0))
        second = first.restarted().connect().open("demo")
        self.assertEqual((second.names, visitor.events), (["demo"], []))
        first.wire.near.say(Goodbye("client-gone", ""))
        self.server.talk()
        self.assertEqual(list(self.server.registry.by_name), ["demo"], "it is the second's now")

    def test_its_address_may_change_meanwhile(self) -> None:
        """The names it had are free when it has stopped all the same."""
        client = self.server.client().connect().open("demo")
        client.say(GoAway("client-gone", "", 30.0))
        client.remote = "192.0.2.5"
        self.server.cut(client)
        client.connect()
        client.wire.near.say(Goodbye("client-gone", ""))
        self.server.talk()
        self.assertEqual(self.server.client(remote=ELSEWHERE).connect().open("demo").names, ["demo"])

    def test_it_may_lose_its_link_once_more(self) -> None:
        client = self.server.client().connect().open("demo")
        client.say(GoAway("client-gone", "", 30.0))
        self.server.cut(client)
        self.server.wait(121)
        self.assertEqual(self.gateway.sessions, {})
        self.assertEqual(self.server.client(remote=ELSEWHERE).connect().open("demo").names, ["demo"])


class DrainTests(GatewayCase):
    """A server that will soon stop."""

    def test_clients_are_told(self) -> None:
        client = self.server.client().connect().open("demo")
        self.gateway.drain(30.0)
        self.server.talk()
        self.assertEqual(client.warnings, [("server-draining", 30.0)])

    def test_nothing_new(self) -> None:
        client = self.server.client().connect().open("demo")
        self.gateway.drain(30.0)
        client.open("other", 2)
        self.assertEqual(client.refusals, [("server-draining", False)])
        late = self.server.client(remote=ELSEWHERE).connect()
        self.assertEqual((late.refusals, late.welcomes), ([("server-draining", False)], []))

    def test_a_lost_link_may_come_back(self) -> None:
        """Exchanges that are to finish need it; what was to be told is told then."""
        client = self.server.client().connect().open("demo")
        self.server.cut(client)
        self.gateway.drain(30.0)
        client.connect()
        self.assertEqual(client.welcomes, [False, True])
        self.assertEqual(client.warnings, [("server-draining", 30.0)])
