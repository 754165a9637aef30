"""Clients at the gateway: who is let in, which session they get, which names, and how it ends."""

from sellia.protocol import native
from sellia.protocol.limits import CONTROL_LIMIT
from sellia.protocol.messages import (
    CloseTunnel,
    Goodbye,
    Hello,
    OpenTunnel,
    Ping,
    Refused,
    TunnelReady,
    Welcome,
)
from sellia.transports.link.base import CLOSE_WAIT
from sellia.transports.link.intake import UNGREETED
from tests.relay.scripts import OK, parcel
from tests.server.clients import Client, GatewayCase, Wire
from tests.server.support import UPGRADE, answers
from tests.transports.support import BINARY, TEXT, close, frame


class HelloTests(GatewayCase):
    def test_welcome(self) -> None:
        client = self.server.client()
        welcome = client.welcomed
        self.assertEqual((welcome.version, welcome.resumed, welcome.received), (1, False, 0))
        self.assertEqual(len(welcome.session), 16)
        self.assertEqual((welcome.ping_interval, welcome.ping_timeout, welcome.resume_window), (5.0, 15.0, 120.0))
        self.assertEqual(self.server.gateway.link_count, 1)

    def test_sessions_have_tokens_of_their_own(self) -> None:
        tokens = {self.server.client().welcomed.session for _ in range(10)}
        self.assertEqual(len(tokens), 10)

    def test_who_says_nothing_is_dropped(self) -> None:
        """It is told so, and has a time for its answer; a hello that comes then is too late."""
        client = Client(self.server).dial()
        self.server.wait(9)
        self.assertEqual(client.closes, [])
        self.server.wait(1)
        self.assertEqual(client.closes, [close(1008, "no hello came in time")])
        self.assertEqual(self.server.gateway.health()["limits"], {"hello_time": 1})
        client.hello()
        self.assertEqual((client.heard, self.server.gateway.sessions), ([], {}))
        self.server.wait(int(CLOSE_WAIT))
        self.assertTrue(client.wire.transport.aborted)
        client.wire.lose()

    def test_who_says_something_else_is_dropped_too(self) -> None:
        """Pings, text and nonsense of other kinds are no hello: text at once, a message if another follows."""
        for octets in (frame(TEXT, b"hello"), frame(BINARY, native.encode_link(Ping())) + frame(BINARY, b"\x07")):
            client = Client(self.server).dial()
            client.octets(octets)
            self.assertEqual(client.closes, [close(1002, UNGREETED)])
        client = Client(self.server).dial()
        client.octets(frame(BINARY, b"\x07"))
        self.server.wait(10)
        self.assertEqual(client.closes, [close(1008, "no hello came in time")])

    def test_twice(self) -> None:
        client = self.server.client().hello()
        self.assertEqual(client.closes, [close(1002, "a second hello on one link")])
        self.assertEqual(self.server.gateway.sessions, {})

    def test_another_version(self) -> None:
        client = Client(self.server).dial().hello(version=2)
        [refused] = client.heard
        assert isinstance(refused, Refused)
        self.assertEqual((refused.word, refused.final), ("unsupported-version", True))
        self.assertEqual(client.closes, [close(1002, "unsupported-version")])

    def test_goodbye_before_hello(self) -> None:
        client = Client(self.server).dial()
        client.say(Goodbye("client-gone", ""))
        self.assertEqual(client.closes, [close(1000, "goodbye")])

    def test_what_only_a_server_says(self) -> None:
        client = self.server.client()
        client.say(Welcome(1, "me", b"t" * 16, True))
        self.assertEqual(client.closes, [close(1002, "a link message that only a server sends")])

    def test_more_than_a_hello_may_say(self) -> None:
        """Nothing of it is acted on, whatever it is that is too long."""
        limit = CONTROL_LIMIT
        for hello in (Hello(1, "x" * limit), Hello(1, "x", ["y"] * limit), Hello(1, "x", [], "k" * limit)):
            client = Client(self.server).dial()
            client.say(hello)
            self.assertEqual(client.closes, [close(1002, UNGREETED)])
        self.assertEqual(self.server.gateway.sessions, {})

    def test_hostile_names_are_escaped_in_the_log(self) -> None:
        client = Client(self.server).dial()
        client.say(Hello(1, "\x1b[2J" * 1000))
        self.assertEqual(len(self.server.gateway.sessions), 1)


class KeyTests(GatewayCase):
    settings = {"require_auth": True, "master_key": "the right key"}

    def refused(self, key: str | None, word: str) -> None:
        client = Client(self.server).connect(key)
        [refused] = client.heard
        assert isinstance(refused, Refused)
        self.assertEqual((refused.word, refused.final), (word, True))
        self.assertEqual(client.closes, [close(1008, word)])
        self.assertEqual(self.server.gateway.sessions, {})

    def test_without(self) -> None:
        self.refused(None, "key-required")
        self.refused("", "key-required")

    def test_wrong(self) -> None:
        for key in (
            "wrong",
            "the right key ",
            "the right ke",
            "the right key\0",
            "THE RIGHT KEY",
            "x" * 10_000,
            "\ud7ff",
        ):
            self.refused(key, "wrong-key")

    def test_right(self) -> None:
        client = self.server.client("the right key")
        self.assertFalse(client.welcomed.resumed)
        self.assert_ready(client.open_tunnel())

    def test_the_token_is_no_key(self) -> None:
        """Who has seen a token and no key gets nothing of the session."""
        client = self.server.client("the right key")
        thief = Client(self.server)
        thief.token = client.token
        thief.connect("wrong")
        self.assertIsInstance(thief.heard[0], Refused)
        self.assertEqual(self.server.gateway.link_count, 1)


class NoMasterKeyTests(GatewayCase):
    def test_anybody_is_let_in(self) -> None:
        for key in (None, "a key", "another"):
            self.server.client(key)
        self.assertEqual(self.server.gateway.link_count, 3)

    def test_who_has_no_key_is_not_everybody_without_one(self) -> None:
        client = self.server.client()
        self.assert_ready(client.open_tunnel("demo"))
        client.wire.lose()
        other = self.server.client(host="198.51.100.2")
        self.assert_refused(other.open_tunnel("demo"), "name-taken", final=False)
        client.host = "192.0.2.99"
        client.connect()
        self.assertTrue(client.welcomed.resumed)

    def test_a_session_is_for_the_same_key(self) -> None:
        client = self.server.client("a key")
        other = Client(self.server)
        other.token = client.token
        other.connect("another")
        self.assertFalse(other.welcomed.resumed)
        self.assertNotEqual(other.token, client.token)


class ResumeTests(GatewayCase):
    def test_where_it_was(self) -> None:
        client = self.server.client()
        self.assert_ready(client.open_tunnel("demo"))
        client.wire.lose()
        visitor = self.server.visit()
        self.assertEqual(visitor.take(), b"")
        client.connect()
        self.assertTrue(client.welcomed.resumed)
        [stream] = client.party.streams.values()
        stream.send_head(OK)
        stream.send_data(b"hello", True)
        self.server.talk()
        self.assertIn(b"hello", visitor.take())

    def test_from_another_address(self) -> None:
        """A laptop changes networks; its token says who it is."""
        client = self.server.client()
        self.assert_ready(client.open_tunnel("demo"))
        client.wire.lose()
        client.host = "192.0.2.99"
        client.connect()
        self.assertTrue(client.welcomed.resumed)
        self.assertIn("demo", self.server.gateway.registry.by_name)

    def test_while_the_old_link_seems_to_be_alive(self) -> None:
        client = self.server.client()
        old = client.wire
        client.connect()
        self.assertTrue(client.welcomed.resumed)
        self.assertEqual(self.server.gateway.link_count, 1)
        self.assertIn(b"another link has taken over", old.take())
        old.lose()
        self.assertEqual((len(self.server.gateway.sessions), self.server.gateway.link_count), (1, 1))

    def test_what_the_old_link_still_says_is_not_heard(self) -> None:
        client = self.server.client()
        old = client.wire
        client.connect()
        old.send(frame(BINARY, native.encode_link(Goodbye("x", ""))) + frame(BINARY, parcel()))
        self.assertEqual(self.server.gateway.link_count, 1)

    def test_tokens_that_nobody_has(self) -> None:
        for token in (b"", b"x" * 16, b"x" * 1000):
            client = Client(self.server)
            client.token = token
            client.connect()
            self.assertFalse(client.welcomed.resumed)
            self.assertNotEqual(client.token, token)

    def test_more_than_was_ever_sent(self) -> None:
        client = self.server.client()
        client.dial().say(Hello(1, "x", session=client.token, received=1000))
        self.assertEqual(client.closes[0][1][:2], (1002).to_bytes(2, "big"))
        self.assertEqual(self.server.gateway.sessions, {})

    def test_expiry(self) -> None:
        client = self.server.client()
        self.assert_ready(client.open_tunnel("demo"))
        client.wire.lose()
        visitor = self.server.visit()
        self.server.wait(25)
        self.assertEqual(visitor.take(), b"")
        upgrade = self.server.visit(UPGRADE)
        self.server.wait(94)
        self.assertEqual(len(self.server.gateway.sessions), 1)
        self.server.wait(2)
        self.assertEqual((self.server.gateway.sessions, self.server.gateway.registry.by_name), ({}, {}))
        for wire in (visitor, upgrade):
            [(status, _)] = answers(wire.take())
            self.assertIn(status, (502, 504))
        client.connect()
        self.assertFalse(client.welcomed.resumed)
        self.assert_ready(client.open_tunnel("demo"))


class NameTests(GatewayCase):
    def test_wanted(self) -> None:
        client = self.server.client()
        ready = client.open_tunnel("Demo")
        assert isinstance(ready, TunnelReady)
        self.assertEqual((ready.tunnel, ready.name, ready.url), (1, "demo", "http://demo.localhost:3000"))

    def test_none_wanted(self) -> None:
        client = self.server.client()
        names = {self.assert_ready(client.open_tunnel(None, number=number)) for number in range(1, 6)}
        self.assertEqual(len(names), 5)
        self.assertEqual(set(self.server.gateway.registry.by_name), names)

    def test_taken(self) -> None:
        self.assert_ready(self.server.client().open_tunnel("demo"))
        for other in (self.server.client(host="198.51.100.2"), self.server.client(host="198.51.100.3")):
            message = self.assert_refused(other.open_tunnel("DEMO"), "name-taken", final=False)
            self.assertIn("'demo'", message)
            self.assertEqual(other.closes, [], "a refused name is no reason to end the link")

    def test_away_is_taken_too(self) -> None:
        client = self.server.client()
        self.assert_ready(client.open_tunnel("demo"))
        client.wire.lose()
        other = self.server.client(host="198.51.100.2")
        self.assert_refused(other.open_tunnel("demo"), "name-taken", final=False)

    def test_only_one_wins(self) -> None:
        clients = [self.server.client(host=f"198.51.100.{number}") for number in range(1, 50)]
        replies = [client.open_tunnel("demo") for client in clients]
        self.assertEqual(sum(isinstance(reply, TunnelReady) for reply in replies), 1)

    def test_names_that_are_none(self) -> None:
        client = self.server.client()
        for number, (name, word) in enumerate(
            (
                ("admin", "name-reserved"),
                ("WWW", "name-reserved"),
                ("ab", "name-invalid"),
                ("a" * 64, "name-invalid"),
                ("-demo", "name-invalid"),
                ("de_mo", "name-invalid"),
                ("démo", "name-invalid"),
                ("demo.localhost", "name-invalid"),
                ("x\r\nA: b", "name-invalid"),
                ("\x1b[2J" * 1000, "name-invalid"),
            ),
            1,
        ):
            self.assert_refused(client.open_tunnel(name, number=number), word, final=True)
        self.assertEqual(self.server.gateway.registry.by_name, {})

    def test_passwords(self) -> None:
        client = self.server.client()
        self.assert_ready(client.open_tunnel("demo", "ann:s3cret"))
        self.assertEqual(answers(self.server.visit().take()), [(401, "unauthorized")])
        self.assert_refused(client.open_tunnel("other", "nocolon", 2), "forbidden", final=True)

    def test_other_kinds(self) -> None:
        client = self.server.client()
        client.tell(OpenTunnel(1, "tcp"))
        self.assert_refused(client.party.messages[-1], "forbidden", final=True)

    def test_too_many(self) -> None:
        client = self.server.client()
        for number in range(100):
            self.assert_ready(client.open_tunnel(None, number=number))
        self.assert_refused(client.open_tunnel(None, number=100), "too-many-tunnels", final=True)

    def test_one_number_twice(self) -> None:
        client = self.server.client()
        self.assert_ready(client.open_tunnel("demo"))
        client.tell(OpenTunnel(1, "http", "other"))
        self.assertEqual(client.closes, [close(1002, "a tunnel was opened twice")])

    def test_given_up(self) -> None:
        client = self.server.client()
        self.assert_ready(client.open_tunnel("demo"))
        client.tell(CloseTunnel(1))
        client.tell(CloseTunnel(7))
        self.assertEqual(self.server.gateway.registry.by_name, {})
        self.assert_ready(self.server.client(host="198.51.100.2").open_tunnel("demo"))


class HttpsTests(GatewayCase):
    settings = {"https": True, "domain": "example.test"}

    def test_urls_are_those_of_the_proxy_in_front(self) -> None:
        client = self.server.client()
        ready = client.open_tunnel("demo")
        assert isinstance(ready, TunnelReady)
        self.assertEqual(ready.url, "https://demo.example.test")


class EndTests(GatewayCase):
    def serving(self) -> tuple[Client, Wire]:
        client = self.server.client()
        self.assert_ready(client.open_tunnel("demo"))
        return client, self.server.visit()

    def test_goodbye(self) -> None:
        client, visitor = self.serving()
        client.say(Goodbye("client-gone", "I was stopped"))
        self.assertEqual(client.closes, [close(1000, "client-gone")])
        self.assertEqual((self.server.gateway.sessions, self.server.gateway.registry.by_name), ({}, {}))
        self.assertEqual(answers(visitor.take()), [(502, "client-gone")])
        self.assertEqual(answers(self.server.visit().take()), [(502, "client-gone")])

    def test_lost_link(self) -> None:
        client, visitor = self.serving()
        client.wire.lose()
        self.assertEqual((len(self.server.gateway.sessions), self.server.gateway.link_count), (1, 0))
        self.assertEqual(visitor.take(), b"")

    def test_silent_link(self) -> None:
        client, visitor = self.serving()
        client.silent = True
        self.server.wait(16)
        self.assertTrue(client.wire.transport.aborted)
        client.wire.lose()
        self.assertEqual((len(self.server.gateway.sessions), self.server.gateway.link_count), (1, 0))

    def test_a_client_that_answers_is_kept(self) -> None:
        client, visitor = self.serving()
        self.server.wait(29)
        self.assertFalse(client.wire.closed)

    def test_the_server_stops(self) -> None:
        client, visitor = self.serving()
        self.server.check()
        self.assertEqual(client.heard[-1], Goodbye("server-restarting", "The tunnel server is restarting."))
        self.assertIn(answers(visitor.take())[0][1], ("server-restarting", "server-draining"))

    def test_health(self) -> None:
        self.serving()
        health = self.server.gateway.health()
        found = {name: health[name] for name in ("sessions", "links", "tunnels", "streams")}
        self.assertEqual(found, {"sessions": 1, "links": 1, "tunnels": 1, "streams": 1})
