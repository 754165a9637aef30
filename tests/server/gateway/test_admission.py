"""Which clients are let in, and whom they count for."""

from sellia.protocol.messages import Goodbye, Hello
from tests.server.gateways import Client, GatewayCase

ELSEWHERE = "198.51.100.9"


class AdmissionCase(GatewayCase):
    def connect(self, key: str | None = None, remote: str = "203.0.113.7") -> Client:
        return self.server.client(key, remote).connect()

    def told(self, key: str | None = None, remote: str = "203.0.113.7") -> str:
        """What a new client is told: the word of its refusal, or welcome."""
        client = self.connect(key, remote)
        return client.refusals[0][0] if client.refusals else "welcome"

    def assert_counted(self, **limits: int) -> None:
        self.assertEqual(self.gateway.guard.refusals.as_dict(), limits)


class GuessTests(AdmissionCase):
    """Who tries out keys."""

    settings = {"require_auth": True, "master_key": "right", "auth_failures_burst": 3, "auth_failures_rate": 0.1}

    def test_so_many_at_once(self) -> None:
        lines = self.logged()
        self.assertEqual([self.told(f"guess-{number}") for number in range(5)],
                         ["wrong-key"] * 3 + ["too-many-attempts"] * 2)  # fmt: skip
        self.assert_counted(failed_keys=2)
        self.assertIn("limit reached: limit=failed_keys peer=203.0.113.7 answer=1013 suppressed=0", lines)
        self.assertNotIn("guess-", "".join(lines))

    def test_the_right_one_is_not_told_from_wrong_ones(self) -> None:
        """As long as too many were wrong; it is not refused for good, and the close code says so, too."""
        for number in range(3):
            self.told(f"guess {number}")
        client = self.connect("right")
        self.assertEqual(client.refusals, [("too-many-attempts", False)])
        self.assertEqual(client.wire.far.closed, (1013, "too-many-attempts"))
        self.server.wait(10)
        self.assertEqual(self.told("right"), "welcome")

    def test_it_counts_by_address(self) -> None:
        for number in range(4):
            self.told(f"guess {number}")
        self.assertEqual(self.told("right", ELSEWHERE), "welcome")

    def test_of_ipv6_by_network(self) -> None:
        told = [self.told(f"guess {number}", f"2001:db8::{number}") for number in range(4)]
        self.assertEqual(told[-1], "too-many-attempts")
        self.assertEqual(self.told("right", "2001:db8:0:1::"), "welcome")

    def test_sessions_go_on_meanwhile(self) -> None:
        """Somebody behind the same address guesses: whoever has a session comes back to it."""
        client = self.connect("right")
        self.server.cut(client)
        for number in range(10):
            self.told(f"guess {number}")
        client.connect()
        self.assertEqual(client.welcomes, [False, True])

    def test_a_token_without_its_key_is_nothing(self) -> None:
        client = self.connect("right")
        thief = self.server.client("wrong")
        thief.token = client.token
        thief.connect()
        self.assertEqual(thief.refusals, [("wrong-key", True)])

    def test_no_key_is_no_guess(self) -> None:
        for _ in range(10):
            self.assertEqual(self.told(), "key-required")
        self.assertEqual(self.told("right"), "welcome")

    def test_another_version_is_no_guess(self) -> None:
        client = self.server.client("wrong")
        client.link_opened = lambda link: link.say(Hello(9, "test", key="wrong"))
        for _ in range(5):
            client.connect()
        self.assertEqual({word for word, _ in client.refusals}, {"unsupported-version"})


class LinkRateTests(AdmissionCase):
    """New sessions, one after the other."""

    settings = {"link_burst": 3, "link_rate": 0.5}

    def end(self) -> None:
        """Everybody leaves: it is how often they come that counts."""
        for wire in list(self.server.wires):
            client = wire.near.keeper
            assert isinstance(client, Client)
            wire.near.say(Goodbye("client-gone", ""))
            self.server.talk()

    def test_too_often(self) -> None:
        told = []
        for _ in range(5):
            told.append(self.told())
            self.end()
        self.assertEqual(told, ["welcome"] * 3 + ["rate-limited"] * 2)
        self.assert_counted(link_rate=2)
        self.server.wait(2)
        self.assertEqual(self.told(), "welcome")

    def test_it_is_told_when_to_come_back(self) -> None:
        for _ in range(3):
            self.told()
        client = self.connect()
        self.assertEqual(client.refusals, [("rate-limited", False)])
        self.assertEqual(client.heard[0].message, "Too many clients have come from there. Try again in 2 s.")
        self.assertEqual(client.wire.far.closed, (1013, "rate-limited"))

    def test_sessions_that_go_on_are_not_counted(self) -> None:
        clients = [self.connect() for _ in range(3)]
        for _ in range(5):
            for client in clients:
                self.server.cut(client)
            for client in clients:
                client.connect()
        self.assertEqual([client.welcomes for client in clients], [[False] + [True] * 5] * 3)

    def test_a_key_that_anybody_can_make_up_is_none(self) -> None:
        self.assertEqual([self.told(f"key {number}") for number in range(4)][-1], "rate-limited")

    def test_addresses_do_not_share(self) -> None:
        for _ in range(5):
            self.told()
        self.assertEqual(self.told(remote=ELSEWHERE), "welcome")


class OwnersRateTests(AdmissionCase):
    """New sessions where there is a master key."""

    settings = {"master_key": "right", "link_burst": 3, "link_rate": 0.5, "sessions_per_owner": 5}

    def test_strangers_do_not_keep_out_who_has_the_key(self) -> None:
        for key in (None, "wrong") * 4:
            self.told(key)
        told = [self.told("right", ELSEWHERE if number % 2 else "192.0.2.1") for number in range(4)]
        self.assertEqual(told, ["welcome"] * 3 + ["rate-limited"])

    def test_so_many_at_once(self) -> None:
        told = []
        for number in range(6):
            told.append(self.told("right", f"192.0.2.{number}"))
            self.server.wait(2)
        self.assertEqual(told, ["welcome"] * 5 + ["too-many-links"])


class DefaultTests(AdmissionCase):
    """A thousand clients behind one address, with a key or without."""

    def admitted(self, key: str | None = None) -> Client:
        """A client that is let in, and says nothing more: nobody listens to its link, which is among a thousand."""
        client = self.connect(key)
        self.assertEqual((client.refusals, client.welcomes), ([], [False]))
        self.server.wires.remove(client.wire)
        return client

    def test_they_come_back_after_a_restart(self) -> None:
        for number in range(1000):
            self.admitted(None if number % 2 else f"key {number}")
        self.assert_counted()

    def test_they_come_back_twice(self) -> None:
        """Killed and started again, within the resume window of the sessions that they had."""
        self.gateway.stop()
        for _ in range(2):
            for client in [self.admitted() for _ in range(1000)]:
                client.wire.cut()
        self.assertEqual(len(self.gateway.sessions), 2000)
        self.assertEqual(self.told(), "too-many-links")


class RoomTests(AdmissionCase):
    """Sessions, in all and of each."""

    settings = {"sessions_per_owner": 3, "sessions": 5}

    def test_of_one_address(self) -> None:
        clients = [self.connect() for _ in range(4)]
        self.assertEqual(clients[-1].refusals, [("too-many-links", False)])
        self.assertEqual(clients[-1].wire.far.closed, (1013, "too-many-links"))
        self.assert_counted(sessions_per_owner=1)
        self.assertEqual(self.told("made up"), "too-many-links")

    def test_in_all(self) -> None:
        told = [self.told(remote=f"192.0.2.{number}") for number in range(6)]
        self.assertEqual(told, ["welcome"] * 5 + ["overloaded"])
        self.assert_counted(sessions=1)

    def test_those_that_are_away_count(self) -> None:
        client = self.connect()
        self.connect()
        self.connect()
        self.server.cut(client)
        self.assertEqual(self.told(), "too-many-links")
        client.connect()
        self.assertEqual(client.welcomes, [False, True])
        self.server.cut(client)
        self.server.wait(120)
        self.assertEqual(self.told(), "welcome")

    def test_one_that_moves_counts_where_it_is(self) -> None:
        client = self.connect()
        self.connect()
        self.connect()
        self.server.cut(client)
        client.remote = ELSEWHERE
        client.connect()
        self.assertEqual((self.told(), self.told()), ("welcome", "too-many-links"))

    def test_nothing_is_left_behind(self) -> None:
        self.connect()
        self.connect("right", ELSEWHERE)
        self.gateway.stop()
        self.server.talk()
        self.assertEqual([self.told() for _ in range(4)], ["welcome"] * 3 + ["too-many-links"])


class HelloTests(AdmissionCase):
    """What a hello may say, and how much."""

    def say(self, hello: Hello) -> Client:
        client = self.server.client()
        client.link_opened = lambda link: link.say(hello)
        return client.connect()

    def test_capabilities_that_nobody_has_heard_of(self) -> None:
        client = self.say(Hello(1, "x", [f"capability {number}" for number in range(500)]))
        self.assertEqual(client.welcomes, [False])
