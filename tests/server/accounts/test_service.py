"""Accounts at a whole gateway: who is let in, what ends sessions, what is kept, and what happens without a database."""

from datetime import timedelta
from typing import Any

import msgspec

from sellia.problems import CONFLICT, DATABASE_AWAY
from sellia.protocol.messages import Hello, HttpRequest, OpenTunnel, TunnelRefused
from sellia.storage.memory import MemoryStorage
from tests.logs import log_lines
from tests.server.accounts.stage import BY, AccountsCase, AccountsServer, away, done
from tests.server.gateways import Client

MASTER = "m" * 32
REQUEST = HttpRequest(1, b"GET", b"/", [])


def refusal(client: Client) -> str:
    """The sentence of a client's last refused tunnel."""
    return [each.message for each in client.party.messages if isinstance(each, TunnelRefused)][-1]


class AdmissionTests(AccountsCase):
    def test_a_key_of_an_account(self) -> None:
        client = self.server.with_key(self.server.new_key()).open()
        self.assertEqual((client.names, client.refusals), (["demo"], []))

    def test_all_others(self) -> None:
        """Unknown and revoked ones, and those of closed accounts, in the same words."""
        key, other = self.server.new_key(), self.server.new_key("other")
        done(self.operations.revoke_key(key.key.id, by=BY))
        done(self.operations.update_account("other", closed=True, by=BY))
        expired = self.server.new_key("third", expires_at=self.server.today() + timedelta(seconds=5))
        self.server.wait(6)
        told: list[Any] = []
        for secret in ("sl_live_" + "x" * 47, key.secret, other.secret, expired.secret, "x"):
            client = self.server.client(secret, f"203.0.113.{len(told)}").connect()
            self.assertEqual(client.refusals, [("wrong-key", True)])
            told.append(msgspec.structs.replace(client.heard[-1], id=""))  # which tells the refusals of one log apart
        self.assertEqual(told, told[:1] * 5)
        self.assertEqual(self.server.client(None).connect().refusals, [("key-required", True)])

    def test_networks(self) -> None:
        key = self.server.new_key(networks=["192.0.2.0/24"])
        self.assertEqual(self.server.with_key(key, "198.51.100.1").refusals, [("forbidden", True)])
        client = self.server.with_key(key, "192.0.2.9").open()
        self.assertEqual(client.names, ["demo"])
        self.server.cut(client)
        client.remote = "198.51.100.1"
        client.connect()
        self.assertEqual(client.refusals, [("forbidden", True)])
        client.remote = "192.0.2.10"
        client.connect()
        self.assertEqual(client.welcomes, [False, True])

    def test_scopes_and_names(self) -> None:
        client = self.server.with_key(self.server.new_key(names=["app-*"], scopes=["http", "tcp"])).open("demo")
        self.assertIn("app-*", refusal(client))
        client.open(None, 2)
        self.assertIn("by name", refusal(client))
        self.assertEqual(client.open("app-one", 3).names, ["app-one"])
        client.open("app-one.other", 4)
        self.assertEqual(client.names, ["app-one"])
        other = self.server.with_key(self.server.new_key(scopes=["admin:read"])).open("mine")
        self.assertIn("admin:read", refusal(other))

    def test_the_master_key(self) -> None:
        """It is an admin key that no storage has, and its owner is the same after the key was changed."""
        server = AccountsServer(master_key=MASTER)
        client = server.client(MASTER).connect().open()
        self.assertEqual(client.names, ["demo"])
        owner = client.session.owner
        server.accounts.set_settings(server.settings.model_copy(update={"master_key": _secret("n" * 32)}))
        self.assertEqual(server.client("n" * 32).connect().session.owner, owner)
        self.assertEqual(server.client(MASTER, "192.0.2.1").connect().refusals, [("wrong-key", True)])

    def test_an_open_server(self) -> None:
        """A text that somebody made up is a name, and what looks like a key of an account is not."""
        server = AccountsServer(require_auth=None)
        self.assertEqual(server.client("made up").connect().open("one").names, ["one"])
        self.assertEqual(server.client(None).connect().open("two").names, ["two"])
        self.assertEqual(server.client("sl_live_made_up").connect().refusals, [("wrong-key", True)])
        self.assertEqual(server.with_key(server.new_key()).open("three").names, ["three"])

    def test_guesses_are_limited(self) -> None:
        words = [self.server.client(f"sl_live_{each}").connect().refusals[-1][0] for each in range(12)]
        self.assertEqual(words, ["wrong-key"] * 10 + ["too-many-attempts"] * 2)
        self.assertEqual(self.server.with_key(self.server.new_key()).refusals, [("too-many-attempts", False)])


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)


class EndTests(AccountsCase):
    def test_a_revoked_key(self) -> None:
        key, other = self.server.new_key(), self.server.new_key()
        client, others = self.server.with_key(key).open(), self.server.with_key(other).open("other")
        done(self.operations.revoke_key(key.key.id, reason="It was found in a repository.", by=BY))
        self.server.talk()
        self.assertIn("found in a repository", self.assert_closed(client, "key-revoked"))
        self.assertEqual((client.session if client.token in self.server.gateway.sessions else None), None)
        self.assertEqual(others.goodbyes, [])
        again = self.server.client(key.secret, "192.0.2.1")
        again.token = client.token
        again.connect()
        self.assertEqual(again.refusals, [("wrong-key", True)])

    def test_one_that_is_away(self) -> None:
        key = self.server.new_key()
        client = self.server.with_key(key).open()
        self.server.cut(client)
        done(self.operations.revoke_key(key.key.id, by=BY))
        self.assertEqual(self.server.gateway.sessions, {})

    def test_an_expired_key(self) -> None:
        key = self.server.new_key(expires_at=self.server.today() + timedelta(seconds=30))
        client = self.server.with_key(key).open()
        self.server.wait(29)
        self.assertEqual(client.goodbyes, [])
        self.server.wait(2)
        self.assert_closed(client, "key-expired")
        self.assertEqual([each.subject for each in self.server.events("key.expired")], [key.key.id])

    def test_a_rotated_key(self) -> None:
        key = self.server.new_key()
        client = self.server.with_key(key).open()
        new = done(self.operations.rotate_key(key.key.id, overlap_seconds=60, by=BY))
        self.assertEqual(self.server.with_key(new).open("second").names, ["second"])
        self.server.wait(59)
        self.assertEqual(client.goodbyes, [])
        self.server.wait(2)
        self.assert_closed(client, "key-expired")

    def test_a_closed_and_a_deleted_account(self) -> None:
        for name in ("one", "two"):
            client = self.server.with_key(self.server.new_key(name)).open(f"name-{name}")
            if name == "one":
                done(self.operations.update_account(name, closed=True, by=BY))
            else:
                done(self.operations.delete_account(name, by=BY))
            self.server.talk()
            self.assert_closed(client, "key-revoked")

    def test_resuming_is_checked_again(self) -> None:
        """Also where another server has revoked the key, and this one does not know yet that it ended the session."""
        key = self.server.new_key()
        client = self.server.with_key(key).open()
        self.server.cut(client)
        live = self.server.accounts.parts.live
        from dataclasses import replace

        from sellia.storage.interface import Update

        live.apply([Update(replace(key.key, revoked_at=self.server.today()))])
        client.connect()
        self.assertEqual(client.refusals, [("key-revoked", True)])

    def test_another_server_on_the_same_database(self) -> None:
        key = self.server.new_key()
        client = self.server.with_key(key).open()
        other = AccountsServer(self.storage)
        done(other.operations.revoke_key(key.key.id, by=BY))
        self.server.wait(6)
        self.assert_closed(client, "key-revoked")

    def test_kicked(self) -> None:
        client = self.server.with_key(self.server.new_key()).open()
        shown = self.operations.sessions()[0]
        self.assertEqual([each.name for each in shown.tunnels], ["demo"])
        self.operations.kick(shown.id, reason="Too loud.", by=BY)
        self.server.talk()
        self.assertIn("Too loud.", self.assert_closed(client, "kicked"))
        self.assertEqual(len(self.server.events("session.kicked")), 1)


class NameTests(AccountsCase):
    def test_a_reserved_name(self) -> None:
        mine, theirs = self.server.new_key("mine"), self.server.new_key("theirs")
        done(self.operations.reserve_name("mine", "demo", by=BY))
        stranger = self.server.with_key(theirs).open()
        self.assertEqual(stranger.refusals, [("name-taken", False)])
        for name in ("api.demo", "*.demo"):
            stranger.open(name, 2)
        self.assertEqual(stranger.names, [])
        client = self.server.with_key(mine).open()
        self.assertEqual(client.names, ["demo"])
        client.wire.near.say(_goodbye())
        self.server.talk()
        self.server.wait(200_000, 1000)
        self.assertEqual(self.server.with_key(theirs).open().refusals, [("name-taken", False)])

    def test_a_name_that_somebody_used_yesterday(self) -> None:
        mine, theirs = self.server.new_key("mine"), self.server.new_key("theirs")
        client = self.server.with_key(mine).open()
        client.wire.near.say(_goodbye())
        self.server.talk()
        self.assertEqual(self.server.with_key(theirs).open().refusals, [("name-taken", False)])
        self.server.wait(80_000, 1000)
        second = self.server.with_key(self.server.new_key("mine")).open()
        self.assertEqual(second.names, ["demo"], "another key of the same account")
        second.wire.near.say(_goodbye())
        self.server.talk()
        self.server.wait(80_000, 1000)
        self.assertEqual(self.server.with_key(theirs).open().names, [])
        self.server.wait(10_000, 1000)
        self.assertEqual(self.server.with_key(theirs).open().names, ["demo"])

    def test_names_outlive_the_server(self) -> None:
        mine, theirs = self.server.new_key("mine"), self.server.new_key("theirs")
        self.server.with_key(mine).open("kept-one")
        done(self.operations.reserve_name("mine", "reserved-one", by=BY))
        self.server.wait(2)
        done(self.server.accounts.stopService())
        server = AccountsServer(self.storage)
        stranger = server.client(theirs.secret).connect()
        self.assertEqual(stranger.open("kept-one").open("reserved-one", 2).names, [])
        self.assertEqual(server.client(mine.secret).connect().open("kept-one").names, ["kept-one"])

    def test_a_stranger_on_an_open_server(self) -> None:
        """Whoever shows the same made-up key; by address alone, nothing is kept."""
        server = AccountsServer(require_auth=None)
        for key, kept in (("made up", True), (None, False)):
            name = "demo" if kept else "other"
            client = server.client(key).connect().open(name)
            client.wire.near.say(_goodbye())
            server.talk()
            server.wait(300)
            stranger = server.client("another", "192.0.2.7").connect().open(name)
            self.assertEqual(stranger.names, [] if kept else [name])
        self.assertEqual(server.client("made up", "192.0.2.8").connect().open().names, ["demo"])


def _goodbye() -> Any:
    from sellia.protocol.messages import Goodbye

    return Goodbye("client-gone", "")


class LimitTests(AccountsCase):
    def limit(self, **figures: Any) -> None:
        done(self.operations.set_limits("small", figures, by=BY))
        done(self.operations.create_account("team", limits="small", by=BY))

    def test_clients(self) -> None:
        self.limit(clients=2)
        key = self.server.new_key()
        first, second, third = (self.server.with_key(key) for _ in range(3))
        self.assertEqual(third.refusals, [("too-many-links", False)])
        self.assertIn("'team' has 2 clients", third.heard[-1].message)  # type: ignore[union-attr]
        self.operations.kick(self.operations.sessions()[0].id, by=BY)
        self.server.talk()
        self.assertEqual(self.server.with_key(key).welcomes, [False])

    def test_tunnels(self) -> None:
        self.limit(tunnels=2)
        client = self.server.with_key(self.server.new_key()).open("one-name").open("two-names", 2)
        client.open("three-names", 3)
        self.assertEqual(client.refusals, [("too-many-tunnels", True)])
        self.assertIn("2 tunnels", refusal(client))
        self.server.cut(client)
        client.connect()
        self.assertEqual(client.welcomes, [False, True])

    def test_a_class_that_changes(self) -> None:
        self.limit(tunnels=1)
        client = self.server.with_key(self.server.new_key()).open("one-name").open("two-names", 2)
        self.assertEqual(client.names, ["one-name"])
        done(self.operations.set_limits("small", {"tunnels": 2}, by=BY))
        self.assertEqual(client.open("two-names", 3).names, ["one-name", "two-names"])

    def test_a_key_with_limits_of_its_own(self) -> None:
        self.limit(tunnels=10)
        done(self.operations.set_limits("tiny", {"tunnels": 1}, by=BY))
        client = self.server.with_key(self.server.new_key(limits="tiny")).open("one-name").open("two-names", 2)
        self.assertEqual(client.names, ["one-name"])
        self.assertEqual(self.server.with_key(self.server.new_key()).open("two-names").names, ["two-names"])

    def test_a_key_whose_limits_change(self) -> None:
        """They count for what is there already, and are gone when they are taken away."""
        key = self.server.new_key()
        client = self.server.with_key(key).open("one-name").open("two-names", 2)
        done(self.operations.update_key(key.key.id, limits={"tunnels": 2, "streams": 1, "clients": 1}, by=BY))
        client.open("three-names", 3)
        self.assertEqual(client.refusals, [("too-many-tunnels", True)])
        self.assertIn(f"{key.key.prefix}... has 2 tunnels open", refusal(client))
        self.assertEqual(self.server.with_key(key).refusals, [("too-many-links", False)])
        meter = self.server.accounts.parts.meters.find(key.key.id)
        assert meter is not None
        self.assertEqual((meter.sessions, meter.tunnels), (1, 2))
        done(self.operations.update_key(key.key.id, limits=None, by=BY))
        self.assertEqual((meter.sessions, meter.tunnels, meter.limits.tunnels), (0, 0, None))
        client.open("three-names", 4)
        self.assertEqual(client.names, ["one-name", "two-names", "three-names"])
        self.server.cut(client)
        self.server.wait(600)
        account = self.server.accounts.parts.meters.find(key.key.account_id)
        self.assertEqual((account.sessions, account.tunnels) if account is not None else (0, 0), (0, 0))

    def test_exchanges(self) -> None:
        """Open streams, requests a second and bytes of a month, each with its word and figure; others go on."""
        for figures, word, figure in (
            ({"streams": 1}, "overloaded", "has 1 exchanges under way"),
            ({"requests_per_second": 1}, "rate-limited", "takes 1 requests a second"),
            ({"bytes_per_month": 10}, "quota-used-up", "has carried 10 bytes this month"),
        ):
            for of_key in (False, True):
                server = self.server = AccountsServer()
                self.operations = server.operations
                self.limit(**({} if of_key else figures))
                key = server.new_key(limits=figures if of_key else None)
                client = server.with_key(key).open("one-name")
                server.with_key(server.new_key("other"), "192.0.2.1").open("other-name")
                tunnel, other = (server.gateway.registry.by_name[each] for each in ("one-name", "other-name"))
                allowance = server.visitors.allowance
                self.assertIsNone(allowance(tunnel, "198.51.100.1"))
                observer = server.visitors.observe(tunnel) if server.visitors.observe is not None else None
                assert observer is not None
                observer.request(2, REQUEST)
                observer.body(2, True, b"0123456789")
                server.accounts.parts.meters.check()
                refused = allowance(tunnel, "198.51.100.1")
                assert refused is not None
                who = f"The key {key.key.prefix}..." if of_key else "The account 'team'"
                self.assertEqual(refused.problem.code, word)
                self.assertIn(f"{who} {figure}", str(refused))
                self.assertIsNone(allowance(other, "198.51.100.1"))
                self.assertEqual(client.goodbyes, [])


class AwayTests(AccountsCase):
    """The database is away: what runs goes on, what is in memory counts, and nothing is lost that was promised."""

    def setUp(self) -> None:
        super().setUp()
        self.key = self.server.new_key()
        self.logged = log_lines(self)

    def test_what_runs_goes_on(self) -> None:
        client = self.server.with_key(self.key).open()
        self.server.wait(2)
        self.storage.fault = away()
        self.assertEqual(self.server.with_key(self.key).open("second").names, ["second"])
        self.assertEqual(client.open("third", 3).names, ["demo", "third"])
        self.server.wait(60)
        self.assert_refused(DATABASE_AWAY, self.operations.create_key("team", by=BY))
        self.assertEqual(len([line for line in self.logged if "the database is away" in line]), 1, self.logged)
        self.storage.fault = None
        self.server.wait(10)
        self.assertEqual(len([line for line in self.logged if "the database is back" in line]), 1)
        opened = [each.subject for each in self.server.events("tunnel.opened")]
        self.assertEqual(opened, ["demo", "second", "third"])
        done(self.operations.create_key("team", by=BY))

    def test_a_write_that_fails_changes_nothing(self) -> None:
        self.storage.fault = away()
        self.assert_refused(DATABASE_AWAY, self.operations.revoke_key(self.key.key.id, by=BY))
        self.assertEqual(self.server.with_key(self.key).welcomes, [False])
        self.storage.fault = None
        done(self.operations.revoke_key(self.key.key.id, by=BY))

    def test_a_write_whose_answer_was_lost(self) -> None:
        """It was done: the directory is read again before the next change, and at the next look."""
        client = self.server.with_key(self.key)
        write = self.storage.write

        def lost(changes: Any) -> None:
            write(changes)
            raise away("The connection was lost.")

        self.storage.write = lost
        self.assert_refused(DATABASE_AWAY, self.operations.revoke_key(self.key.key.id, by=BY))
        self.storage.write = write
        self.server.wait(6)
        self.assert_closed(client, "key-revoked")
        self.assert_refused(CONFLICT, self.operations.rotate_key(self.key.key.id, by=BY))

    def test_at_the_start(self) -> None:
        """Keys of accounts cannot be checked: their clients are told to try again, and are let in when it is there."""
        storage: Any = MemoryStorage()
        server = AccountsServer(self.storage, start=False)
        self.storage.fault = away()
        server.accounts.startService()
        client = server.client(self.key.secret).connect()
        self.assertEqual(client.refusals, [("database-away", False)])
        self.assertEqual(server.client(None).connect().refusals, [("key-required", True)])
        self.storage.fault = None
        server.wait(3)
        self.assertEqual(server.client(self.key.secret).connect().open().names, ["demo"])
        del storage

    def test_while_it_is_read(self) -> None:
        """A client waits for the answer, and gets it."""
        server = AccountsServer(self.storage, start=False)
        server.threads.holding = True
        server.accounts.startService()
        client = server.client(self.key.secret).connect()
        self.assertEqual(client.heard, [])
        while server.threads.held:
            server.threads.let()
        server.talk()
        self.assertEqual(client.welcomes, [False])

    def test_a_slow_one(self) -> None:
        self.server.threads.holding = True
        asked = self.operations.create_key("team", by=BY)
        self.server.wait(5)
        self.assertEqual(self.server.with_key(self.key).welcomes, [False], "no login waits for it")
        self.assertEqual(len([line for line in self.logged if "the database is slow" in line]), 1, self.logged)
        self.server.wait(6)
        self.assert_refused(DATABASE_AWAY, asked)
        self.server.threads.holding = False
        while self.server.threads.held:
            self.server.threads.let()
        self.server.wait(6)
        self.assertEqual(len(self.operations.keys("team")), 2, "it was made all the same, and memory knows")
        self.assertTrue([line for line in self.logged if "the database is back" in line])


class RecordTests(AccountsCase):
    def test_events_of_a_session(self) -> None:
        key = self.server.new_key()
        client = self.server.with_key(key).open()
        self.server.client("sl_live_wrong", "192.0.2.66").connect()
        client.wire.near.say(_goodbye())
        self.server.talk()
        events = self.server.events()
        kinds = [each.kind for each in events]
        expected = ["session.opened", "tunnel.opened", "client.refused", "tunnel.closed", "session.closed"]
        self.assertEqual([each for each in kinds if each in expected], expected)
        opened = next(each for each in events if each.kind == "session.opened")
        self.assertEqual((opened.key_prefix, opened.address), (key.key.prefix, "203.0.113.7"))
        self.assertEqual(opened.account_id, key.key.account_id)
        refused = next(each for each in events if each.kind == "client.refused")
        self.assertEqual((refused.address, refused.detail["word"]), ("192.0.2.66", "wrong-key"))
        self.assertNotIn(key.secret, repr(events))

    def test_the_last_use_of_a_key(self) -> None:
        """Once a minute at most."""
        key = self.server.new_key()
        self.server.with_key(key)
        self.server.wait(2)
        used = self.storage.directory().keys[0].last_used_at
        self.assertIsNotNone(used)
        self.server.with_key(key)
        self.server.wait(2)
        self.assertEqual(self.storage.directory().keys[0].last_used_at, used)
        self.server.wait(60)
        self.server.with_key(key)
        self.server.wait(2)
        self.assertGreater(self.storage.directory().keys[0].last_used_at, used)

    def test_refusals_are_few(self) -> None:
        for number in range(1000):
            self.server.client("sl_live_wrong", f"198.51.{number // 250}.{number % 250}").connect()
        refused = self.server.events("client.refused")
        self.assertLess(len(refused), 120)


class HelloTests(AccountsCase):
    def test_another_version_is_no_guess(self) -> None:
        client = self.server.client("x")
        client.link_opened = lambda link: link.say(Hello(99, "test", key="x"))  # type: ignore[method-assign]
        client.connect()
        self.assertEqual(client.refusals, [("unsupported-version", True)])

    def test_ports_that_are_not_offered(self) -> None:
        client = self.server.with_key(self.server.new_key(scopes=["tcp"]))
        client.say(OpenTunnel(1, "tcp"))
        self.assertEqual(client.refusals, [("forbidden", True)])
