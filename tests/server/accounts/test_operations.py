"""What an operator can ask of accounts, keys, names and limits; what is refused, and what is written down."""

from datetime import timedelta
from typing import Any

from sellia.problems import (
    ALREADY_EXISTS,
    CONFLICT,
    INVALID_VALUE,
    NAME_INVALID,
    NAME_RESERVED,
    NO_SUCH_THING,
    STILL_IN_USE,
    TOO_MANY_ATTEMPTS,
    TOO_MANY_NAMES,
    WRONG_KEY,
)
from sellia.server.accounts.grants import SCOPES
from sellia.server.accounts.parts import Actor
from sellia.storage.records import NameKind
from tests.server.accounts.stage import BY, AccountsCase, AccountsServer, done


class AccountTests(AccountsCase):
    def test_from_first_to_last(self) -> None:
        account = done(self.operations.create_account("Team Ä", note="since 2030", by=BY))
        self.assertEqual(self.operations.account("Team Ä"), account)
        self.assertEqual(self.operations.account(account.id), account)
        changed = done(self.operations.update_account("Team Ä", name="team", note="", by=BY))
        self.assertEqual((changed.name, changed.note, self.operations.accounts()), ("team", "", [changed]))
        self.assertEqual(done(self.operations.update_account("team", by=BY)), changed)
        closed = done(self.operations.update_account("team", closed=True, by=BY))
        self.assertEqual(closed.closed_at, self.server.today())
        self.assert_refused(CONFLICT, self.operations.create_key("team", by=BY))
        done(self.operations.update_account("team", closed=False, by=BY))
        done(self.operations.create_key("team", by=BY))
        done(self.operations.reserve_name("team", "demo", by=BY))
        done(self.operations.delete_account("team", by=BY))
        self.assertEqual((self.operations.accounts(), self.operations.keys(), self.operations.names()), ([], [], []))
        kinds = [each.kind for each in self.server.events("account")]
        self.assertEqual(kinds, ["account.created", *["account.updated"] * 3, "account.deleted"])
        self.assertEqual(self.server.events("account")[0].key_prefix, BY.key_prefix)

    def test_what_cannot_be(self) -> None:
        done(self.operations.create_account("team", by=BY))
        self.assertIn("'team'", self.assert_refused(ALREADY_EXISTS, self.operations.create_account("team", by=BY)))
        for name in ("", " team", "te\x1bam", "x" * 101, "acc_team", "\ud800"):
            self.assert_refused(INVALID_VALUE, self.operations.create_account(name, by=BY))
        self.assert_refused(INVALID_VALUE, self.operations.create_account("other", limits="none", by=BY))
        self.assert_refused(NO_SUCH_THING, self.operations.update_account("other", by=BY))
        self.assert_refused(NO_SUCH_THING, lambda: self.operations.account("'; DROP TABLE accounts; --"))

    def test_two_at_once(self) -> None:
        """Who asks while the first is written finds it there."""
        self.server.threads.holding = True
        first = self.operations.create_account("team", by=BY)
        second = self.operations.create_account("team", by=BY)
        while self.server.threads.held:
            self.server.threads.let()
        done(first)
        self.assert_refused(ALREADY_EXISTS, second)


class LimitsTests(AccountsCase):
    def test_classes(self) -> None:
        small = done(self.operations.set_limits("small", {"clients": 1, "requests_per_second": 0.5}, by=BY))
        self.assertEqual([each.name for each in self.operations.limits()], ["default", "small"])
        self.assertEqual((small.clients, small.requests_per_second, small.tunnels), (1, 0.5, None))
        small = done(self.operations.set_limits("small", {"tunnels": 2}, by=BY))
        self.assertEqual((small.clients, small.tunnels), (None, 2))
        done(self.operations.create_account("team", limits="small", by=BY))
        self.assertIn("team", self.assert_refused(STILL_IN_USE, self.operations.delete_limits("small", by=BY)))
        done(self.operations.update_account("team", limits="default", by=BY))
        done(self.operations.delete_limits("small", by=BY))
        self.assert_refused(NO_SUCH_THING, self.operations.delete_limits("small", by=BY))
        self.assert_refused(STILL_IN_USE, self.operations.delete_limits("default", by=BY))

    def test_what_cannot_be(self) -> None:
        wrong: tuple[dict[str, Any], ...] = (
            {"clients": -1},
            {"clients": 1.5},
            {"clients": True},
            {"clients": "1"},
            {"requests_per_second": -0.1},
            {"requests_per_second": float("nan")},
            {"requests_per_second": float("inf")},
            {"clents": 1},
            {"bytes_per_month": 2**63},
        )
        for figures in wrong:
            self.assert_refused(INVALID_VALUE, self.operations.set_limits("small", figures, by=BY))


class KeyTests(AccountsCase):
    def test_a_new_one(self) -> None:
        new = self.server.new_key(name="ci", scopes=["tcp", "http"], names=["APP-*"], networks=["10.0.0.0/8"])
        self.assertEqual(
            (new.key.scopes, new.key.names, new.key.prefix), (("http", "tcp"), ("app-*",), new.secret[:12])
        )
        self.assertNotIn(new.secret, repr(new))
        self.assertNotIn(new.secret, repr(self.operations.keys()))
        [event] = self.server.events("key")
        self.assertEqual((event.kind, event.subject), ("key.created", new.key.id))
        self.assertNotIn(new.secret, repr(event))

    def test_what_cannot_be(self) -> None:
        done(self.operations.create_account("team", by=BY))
        past = self.server.today() - timedelta(seconds=1)
        for wrong in (
            {"scopes": ["root"]},
            {"names": ["a b"]},
            {"networks": ["x"]},
            {"limits": "none"},
            {"limits": {"clients": -1}},
            {"limits": {"clents": 1}},
            {"expires_at": past},
            {"expires_at": past.replace(tzinfo=None)},
            {"name": "\x00"},
        ):
            self.assert_refused(INVALID_VALUE, self.operations.create_key("team", by=BY, **wrong))  # type: ignore[arg-type]
        self.assert_refused(NO_SUCH_THING, self.operations.create_key("none", by=BY))
        self.assertEqual(self.operations.keys(), [])

    def test_changes(self) -> None:
        new = self.server.new_key(expires_at=self.server.today() + timedelta(days=1))
        changed = done(self.operations.update_key(new.key.id, name="other", scopes=["udp"], by=BY))
        self.assertEqual((changed.name, changed.scopes, changed.expires_at), ("other", ("udp",), new.key.expires_at))
        self.assertIsNone(done(self.operations.update_key(new.key.id, expires_at=None, by=BY)).expires_at)

    def test_a_rotation(self) -> None:
        old = self.server.new_key(scopes=["http"], names=["app-*"])
        new = done(self.operations.rotate_key(old.key.id, by=BY))
        self.assertEqual((new.key.scopes, new.key.names, new.key.replaces), (("http",), ("app-*",), old.key.id))
        self.assertIsNotNone(self.operations.key(old.key.id).revoked_at)
        self.assert_refused(CONFLICT, self.operations.rotate_key(old.key.id, by=BY))
        newer = done(self.operations.rotate_key(new.key.id, overlap_seconds=60, by=BY))
        self.assertEqual(self.operations.key(new.key.id).expires_at, self.server.today() + timedelta(seconds=60))
        self.assert_refused(INVALID_VALUE, self.operations.rotate_key(newer.key.id, overlap_seconds=-1, by=BY))

    def test_a_revocation(self) -> None:
        key = self.server.new_key().key
        revoked = done(self.operations.revoke_key(key.id, reason="It leaked.", by=BY))
        self.assertEqual(done(self.operations.revoke_key(key.id, by=BY)), revoked)
        self.assertEqual(len(self.server.events("key.revoked")), 1)
        self.assert_refused(NO_SUCH_THING, self.operations.revoke_key("key_none", by=BY))

    def test_the_last_admin_key(self) -> None:
        """Nobody shuts everybody out by mistake; with a master key, nobody can."""
        key = self.server.new_key(scopes=["admin:write"]).key
        for asked in (
            self.operations.revoke_key(key.id, by=BY),
            self.operations.update_key(key.id, scopes=["http"], by=BY),
        ):
            self.assertIn("last one", self.assert_refused(CONFLICT, asked))
        self.server.new_key(scopes=["admin:write"])
        done(self.operations.revoke_key(key.id, by=BY))
        server = AccountsServer(master_key="m" * 20)
        done(server.operations.revoke_key(server.new_key(scopes=["admin:write"]).key.id, by=BY))


class NameTests(AccountsCase):
    settings = {"tcp_ports": "20000-20010"}

    def setUp(self) -> None:
        super().setUp()
        for name in ("mine", "theirs"):
            done(self.operations.create_account(name, by=BY))

    def reserve(self, name: str, kind: str = "subdomain", account: str | None = "mine", **more: Any) -> Any:
        return self.operations.reserve_name(account, name, kind=kind, by=BY, **more)

    def test_what_can_be_reserved(self) -> None:
        for kind, name, spelled in (
            ("subdomain", "Demo", "demo"),
            ("subdomain", "api.demo", "api.demo"),
            ("wildcard", "demo", "*.demo"),
            ("domain", "WWW.Example.com.", "www.example.com"),
            ("port", "tcp:20003", "tcp/20003"),
        ):
            record = done(self.reserve(name, kind))
            self.assertEqual((record.kind, record.name), (kind, spelled))
            self.assertEqual(done(self.reserve(name, kind)), record)
        self.assertEqual(len(self.operations.names("mine")), 5)
        self.assertEqual([each.name for each in self.operations.names(kind=NameKind.PORT)], ["tcp/20003"])
        self.assertTrue(next(each for each in self.operations.names() if each.kind == "domain").proof)

    def test_what_cannot(self) -> None:
        for kind, name, problem in (
            ("subdomain", "a", NAME_INVALID),
            ("subdomain", "admin", NAME_RESERVED),
            ("port", "tcp/19999", INVALID_VALUE),
            ("port", "udp/20000", INVALID_VALUE),
            ("port", "tcp/x", INVALID_VALUE),
            ("domain", "localhost", INVALID_VALUE),
            ("domain", "x.localhost", INVALID_VALUE),
            ("domain", "a b.example", INVALID_VALUE),
            ("thing", "demo", INVALID_VALUE),
        ):
            self.assert_refused(problem, self.reserve(name, kind))

    def test_another_accounts(self) -> None:
        done(self.reserve("demo"))
        done(self.reserve("api.other"))
        for name, kind in (
            ("demo", "subdomain"),
            ("demo", "wildcard"),
            ("x.demo", "subdomain"),
            ("other", "subdomain"),
        ):
            self.assert_refused(ALREADY_EXISTS, self.reserve(name, kind, "theirs"))

    def test_a_domain_is_whose_proof_is_seen_first(self) -> None:
        done(self.reserve("www.example.com", "domain"))
        record = done(self.reserve("www.example.com", "domain", "theirs"))
        done(self.operations.vouch_for("www.example.com", by=BY))
        self.assertNotEqual(self.operations.names("theirs")[0].proved_at, None)
        self.assert_refused(ALREADY_EXISTS, self.reserve("www.example.com", "domain"))
        self.assertTrue(record.proof)

    def test_one_that_is_in_use(self) -> None:
        self.server.with_key(self.server.new_key("theirs")).open()
        self.assertIn("in use", self.assert_refused(CONFLICT, self.reserve("demo")))
        done(self.reserve("demo", account="theirs"))

    def test_one_that_is_kept(self) -> None:
        client = self.server.with_key(self.server.new_key("theirs")).open()
        self.operations.kick(self.operations.sessions()[0].id, by=BY)
        self.server.talk()
        del client
        self.assertEqual(
            [(each.name, each.kind) for each in self.operations.kept_names("theirs")], [("demo", "subdomain")]
        )
        self.assertIn("kept until", self.assert_refused(CONFLICT, self.reserve("demo")))
        done(self.reserve("demo", force=True))
        self.server.wait(2)
        self.assertEqual(self.operations.kept_names(), [])
        self.assertEqual(
            [each.account_id for each in self.storage.directory().names], [self.operations.account("mine").id]
        )

    def test_release(self) -> None:
        done(self.reserve("demo", "wildcard"))
        self.assertEqual(len(self.operations.names()), 2)
        done(self.operations.release_name("demo", by=BY))
        self.assertEqual(self.operations.names(), [])
        self.assert_refused(NO_SUCH_THING, self.operations.release_name("demo", by=BY))

    def test_nobodys(self) -> None:
        done(self.reserve("blocked", account=None, note="phishing"))
        client = self.server.with_key(self.server.new_key("mine")).open("blocked")
        self.assertEqual(client.refusals, [("name-reserved", True)])
        self.assertEqual(self.operations.names()[0].note, "phishing")

    def test_so_many(self) -> None:
        done(self.operations.set_limits("small", {"names": 2}, by=BY))
        done(self.operations.update_account("mine", limits="small", by=BY))
        done(self.reserve("one-name"))
        self.assertIn("2 names", self.assert_refused(TOO_MANY_NAMES, self.reserve("two-names", "wildcard")))
        done(self.reserve("two-names"))
        self.assert_refused(TOO_MANY_NAMES, self.reserve("three-names"))

    def test_so_many_of_a_key(self) -> None:
        """What its account's other keys, and operators, have reserved does not count."""
        done(self.reserve("one-name"))
        key = self.server.new_key("mine", limits={"names": 1}).key
        mine = Actor(key.account_id, key.prefix, "", key.id)
        done(self.operations.reserve_name("mine", "two-names", by=mine))
        told = self.assert_refused(TOO_MANY_NAMES, self.operations.reserve_name("mine", "three-names", by=mine))
        self.assertIn(f"{key.prefix}... has 1 names reserved", told)
        done(self.reserve("three-names"))


class CallerTests(AccountsCase):
    def test_who_shows_a_key(self) -> None:
        new = self.server.new_key(scopes=["http", "admin:write"])
        caller = done(self.operations.authenticate(new.secret, "192.0.2.1"))
        self.assertEqual(caller.scopes, {"http", "admin:read", "admin:write"})
        self.assertEqual(caller.actor, (new.key.account_id, new.key.prefix, "192.0.2.1", new.key.id))
        server = AccountsServer(master_key="m" * 20)
        master = done(server.operations.authenticate("m" * 20, "192.0.2.1"))
        self.assertEqual((master.scopes, master.actor.key_prefix), (frozenset(SCOPES), "master"))

    def test_guesses_count_with_those_of_clients(self) -> None:
        for _ in range(10):
            self.assert_refused(WRONG_KEY, self.operations.authenticate("sl_live_x", "192.0.2.1"))
        self.assert_refused(TOO_MANY_ATTEMPTS, self.operations.authenticate("sl_live_x", "192.0.2.1"))
        self.assertEqual(
            self.server.client("sl_live_y", "192.0.2.1").connect().refusals, [("too-many-attempts", False)]
        )

    def test_strangers_of_an_open_server(self) -> None:
        server = AccountsServer(require_auth=None)
        self.assert_refused(WRONG_KEY, server.operations.authenticate("made up", "192.0.2.1"))
        self.assert_refused(WRONG_KEY, server.operations.authenticate(None, "192.0.2.1"))


class LiveTests(AccountsCase):
    def test_sessions(self) -> None:
        client = self.server.with_key(self.server.new_key("mine")).open()
        self.server.with_key(self.server.new_key("theirs"))
        [shown] = self.operations.sessions("mine")
        self.assertEqual(
            (shown.address, shown.agent, shown.state, shown.dialect), (client.remote, "test", "there", "native")
        )
        self.assertEqual(
            [(each.name, each.kind, each.url) for each in shown.tunnels],
            [("demo", "http", "http://demo.localhost:3000")],
        )
        self.assertEqual(self.operations.session(shown.id), shown)
        self.assertEqual(len(self.operations.sessions()), 2)
        self.assertNotIn(client.session.token.hex(), repr(shown))
        self.assert_refused(NO_SUCH_THING, lambda: self.operations.kick("ses_none", by=BY))

    def test_overview(self) -> None:
        self.server.with_key(self.server.new_key()).open()
        shown = self.operations.overview()
        self.assertEqual((shown["accounts"], shown["keys"], shown["database"]), (1, 1, "well"))

    def test_events_and_usage(self) -> None:
        self.server.with_key(self.server.new_key()).open()
        self.server.wait(15)
        events = done(self.operations.events(kind="tunnel"))
        self.assertEqual([each.subject for each in events], ["demo"])
        day = self.server.today().date()
        [row] = done(self.operations.usage(day, day))
        self.assertEqual((row.name, row.connected_seconds > 5), ("demo", True))
        self.assertEqual(len(done(self.operations.usage_sums(day, day))), 1)

    def test_a_backup_where_there_is_none(self) -> None:
        asked = self.operations.backup("/nowhere/x", by=BY)
        self.assertIn("Nothing is stored", self.assert_refused(CONFLICT, asked))
