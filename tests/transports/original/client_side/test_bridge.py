"""Our client and an original server: keys, tunnels, pings, and how a link ends."""

from pydantic import SecretStr
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import Connected, LinkLost, Problem, Refused
from sellia.client.tunnel import NAME_RETRY
from sellia.errors import RefusedError
from sellia.transports.original.client_side.bridge import ANSWER_WAIT, SILENCE, OriginalClientLink, refusal
from sellia.transports.original.link import GARBAGE, INTERVAL
from tests.client.originals import ID, TUNNEL, OriginalStage
from tests.logs import log_lines


class ClientCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines = log_lines(self)
        self.stage = OriginalStage()

    def with_key(self, key: str = "the key") -> OriginalStage:
        self.stage = OriginalStage(api_key=key)
        return self.stage.start()

    def tearDown(self) -> None:
        self.assertEqual(self.stage.stop(), [], "a timer was left behind")
        self.assertEqual(self.flushLoggedErrors(), [])


class HelloTests(ClientCase):
    def test_the_server_chooses_no_dialect(self) -> None:
        """The link has become one of the other kind."""
        self.stage.start()
        self.assertIsInstance(self.stage.link, OriginalClientLink)

    def test_without_a_key(self) -> None:
        """The tunnel is asked for as soon as the server has shown that it listens."""
        self.stage.start()
        self.assertEqual(
            [list(each.items()) for each in self.stage.heard()],
            [[("type", "tunnel_open"), ("tunnel_type", "http"), ("local_port", 80), ("subdomain", "demo")]],
        )

    def test_a_server_that_says_nothing_at_all(self) -> None:
        """Is not believed to be one: there was no welcome, so delays grow as for any server that is not there."""
        self.stage.answering = False
        self.stage.start()
        self.assertEqual(self.stage.heard(), [])
        self.stage.wait(12)
        self.assertTrue(self.stage.transport.aborted)

    def test_with_a_key(self) -> None:
        self.with_key()
        self.assertEqual(self.stage.heard(), [{"type": "auth", "api_key": "the key"}])
        limits = {"max_tunnels": 10, "max_connections": 100}
        self.stage.say("auth_ok", account_id="073306c5593acce1", limits=limits)
        self.assertEqual([each["type"] for each in self.stage.heard()], ["tunnel_open"])
        self.stage.say("auth_ok", account_id="073306c5593acce1", limits=limits)  # a second time says nothing
        self.assertEqual(self.stage.heard(), [])

    def test_a_wrong_key(self) -> None:
        """Is final, and the user is told what to do."""
        self.with_key()
        self.stage.say("auth_error", error="Invalid API key")
        self.assertIsInstance(self.stage.failure, RefusedError)
        self.assertEqual(self.stage.failure.word, "wrong-key")
        self.assertIn("Check the key", self.stage.failure.remedy)
        self.assertEqual(self.stage.closed, 1000)

    def test_a_missing_key(self) -> None:
        self.stage.start()
        self.stage.say("auth_error", error="Not authenticated")
        self.assertEqual(self.stage.failure.word, "key-required")

    def test_what_does_not_hold_is_said_once(self) -> None:
        self.stage.ready()
        self.stage.request().body(final=True)
        self.assertEqual(len([line for line in self.lines if "dialect of the original" in line]), 1)

    def test_the_user_is_told_once(self) -> None:
        """However often the link comes back."""
        self.stage.ready().lose()
        self.stage.connect()
        told = [each.message for each in self.stage.events if isinstance(each, Problem)]
        self.assertEqual(told, [OriginalClientLink.caveat])

    def test_no_secret_in_the_log(self) -> None:
        self.with_key("a secret key")
        self.stage.say("auth_error", error="no \x1b[2J")
        self.assertFalse([line for line in self.lines if "secret" in line or "\x1b" in line])


class TunnelTests(ClientCase):
    def test_ready(self) -> None:
        self.stage.ready()
        self.assertEqual(
            self.stage.events[1:], [Connected("demo", "http://demo.localhost:3000", "http://localhost:8080")]
        )

    def test_several_are_answered_in_order(self) -> None:
        """The server does not say which it means: it is the one that was asked for first."""
        self.stage = OriginalStage("one", "two", "three").start()
        self.assertEqual([each["subdomain"] for each in self.stage.heard()], ["one", "two", "three"])
        self.stage.say("tunnel_ready", tunnel_id=TUNNEL, url="http://one.x", subdomain="one")
        self.stage.say("tunnel_close", tunnel_id="", reason="Subdomain 'two' is reserved")
        self.stage.say("tunnel_ready", tunnel_id=ID, url="http://three.x", subdomain="three")
        kinds = [type(each) for each in self.stage.events[1:]]
        self.assertEqual(kinds, [Connected, Refused, Connected])
        self.assertEqual(self.stage.events[3], Connected("three", "http://three.x", "http://localhost:8080"))

    def test_altered_while_the_client_runs(self) -> None:
        """It is closed and asked for again in one breath, and its name is the same."""
        self.stage.ready()
        settings = self.stage.settings
        tunnel = settings.tunnels[0].model_copy(update={"auth": SecretStr("u:p")})
        self.stage.session.take(settings.model_copy(update={"tunnels": (tunnel,)}), rebuild=False)
        closed, asked = self.stage.heard()
        self.assertEqual((closed["type"], closed["tunnel_id"]), ("tunnel_close", TUNNEL))
        self.assertEqual((asked["type"], asked["subdomain"], asked["auth"]), ("tunnel_open", "demo", "u:p"))
        self.stage.say("tunnel_close", tunnel_id=TUNNEL)  # as some servers confirm it
        self.stage.say("tunnel_ready", tunnel_id=ID, url="http://demo.localhost:3000", subdomain="demo")
        self.assertEqual([type(each) for each in self.stage.events[1:]], [Connected, Connected])
        self.assertEqual(self.stage.heard(), [])

    def test_closed_before_the_server_has_answered(self) -> None:
        """What it grants then is given back."""
        self.stage = OriginalStage("one", "two").start()
        self.stage.heard()
        settings = self.stage.settings
        self.stage.session.take(settings.model_copy(update={"tunnels": settings.tunnels[:1]}), rebuild=False)
        self.stage.say("tunnel_ready", tunnel_id=TUNNEL, url="http://one.x", subdomain="one")
        self.stage.say("tunnel_ready", tunnel_id=ID, url="http://two.x", subdomain="two")
        self.assertEqual([(each["type"], each["tunnel_id"]) for each in self.stage.heard()], [("tunnel_close", ID)])
        self.assertEqual([each.tunnel for each in self.stage.events if isinstance(each, Connected)], ["one"])

    def test_a_name_that_is_taken(self) -> None:
        """Is final for who never had it."""
        self.stage.start().say("tunnel_close", tunnel_id="", reason="Subdomain 'demo' is not available")
        self.assertEqual((self.stage.failure.word, self.stage.closed), ("name-taken", 1000))
        self.assertEqual(self.stage.failure.message, "Subdomain 'demo' is not available.")

    def test_a_name_that_the_last_link_still_has(self) -> None:
        """Is asked for again: the server notices late that a link is gone."""
        self.stage.ready().lose()
        self.stage.connect()
        self.assertEqual([each["subdomain"] for each in self.stage.heard()], ["demo"])
        self.stage.say("tunnel_close", tunnel_id="", reason="Subdomain 'demo' is not available")
        self.assertIsNone(self.stage.failure)
        self.stage.wait(NAME_RETRY)
        self.assertEqual([each["subdomain"] for each in self.stage.heard()], ["demo"])

    def test_other_reasons(self) -> None:
        for reason, word in (
            ("Subdomain 'admin' is reserved", "name-reserved"),
            ("Subdomain must be at least 3 characters", "name-invalid"),
            ("Subdomain can only contain letters", "name-invalid"),
            ("Maximum number of tunnels reached", "too-many-tunnels"),
            ("because", "forbidden"),
            ("", "forbidden"),
        ):
            self.assertEqual(refusal(reason).code, word)

    def test_closed_by_the_server(self) -> None:
        self.stage.ready().say("tunnel_close", tunnel_id=TUNNEL, reason="enough")
        self.assertEqual(self.stage.events[-1], Problem("The server has closed the tunnel demo: enough.", "demo"))
        self.stage.request().body(final=True)
        start, *_ = self.stage.heard()
        self.assertEqual(start["status_code"], 404)

    def test_reasons_without_end(self) -> None:
        """They are cut to what can be shown."""
        self.stage.ready().say("tunnel_close", tunnel_id=TUNNEL, reason="x" * 100_000)
        self.assertIsNone(self.stage.closed)
        self.assertLess(len(self.stage.events[-1].message), 600)

    def test_a_name_that_is_none(self) -> None:
        """Is not shown, and not asked for again."""
        self.stage.start().say("tunnel_ready", tunnel_id=TUNNEL, url="http://\x1b[2J", subdomain="demo")
        self.assertEqual(self.stage.closed, 1002)

    def test_an_answer_to_nothing_says_nothing(self) -> None:
        self.stage.ready()
        self.stage.say("tunnel_close", tunnel_id="", reason="Subdomain 'demo' is not available")
        self.stage.say("tunnel_close", tunnel_id=ID)
        self.stage.say("tunnel_ready", tunnel_id=ID, url="http://x", subdomain="x")
        self.assertEqual(len(self.stage.events), 2)
        self.assertIsNone(self.stage.closed)

    def test_no_answer(self) -> None:
        """Whatever agrees to a WebSocket without a subprotocol looks like an original server until then."""
        self.stage.start()
        self.stage.wait(ANSWER_WAIT)
        self.assertTrue(self.stage.transport.aborted)
        self.stage.lose()
        self.assertIn("is the URL that of a Sellia server?", self.stage.events[-1].reason)

    def test_tcp_connections_are_refused(self) -> None:
        self.stage.ready().say("tcp_open", connection_id=ID, tunnel_id=TUNNEL, remote_addr="203.0.113.7")
        self.assertEqual(self.stage.heard()[0]["type"], "tcp_open_error")


class LivenessTests(ClientCase):
    def test_pings_are_answered(self) -> None:
        """Also before there is a session."""
        for stage in (self.stage.start(), self.stage):
            stage.heard()
            stage.say("ping", timestamp=1795372434047)
            self.assertEqual(stage.heard(), [{"type": "pong", "timestamp": 1795372434047}])

    def test_pings_of_the_websocket_are_answered(self) -> None:
        self.stage.ready().octets(b"ping", 0x89)
        self.assertEqual(self.stage.pongs, [b"ping"])

    def test_silence(self) -> None:
        """A server that says nothing for long enough is given up, and not before."""
        self.stage.ready()
        self.stage.answering = False
        self.stage.wait(SILENCE - 1, 1.0)
        self.assertFalse(self.stage.transport.aborted)
        self.stage.wait(2, 1.0)
        self.assertTrue(self.stage.transport.aborted)
        self.stage.lose()
        self.assertEqual(self.stage.events[-1], LinkLost("nothing came from the other side for 100 s"))

    def test_our_own_pings_are_the_websocket_s(self) -> None:
        """The dialect has none for clients."""
        self.stage.ready()
        before = len(self.stage.pings)
        self.stage.wait(INTERVAL + 1, 1.0)
        self.assertEqual(len(self.stage.pings), before + 1)
        self.assertEqual(self.stage.heard(), [])

    def test_garbage(self) -> None:
        """Is ignored, and too much of it ends the link."""
        self.stage.ready()
        for number in range(GARBAGE.burst):
            self.stage.octets(b"garbage" if number % 2 else b"\x81\xa4type\xa5never")
        self.assertIsNone(self.stage.closed)
        self.stage.octets(b"garbage")
        self.assertEqual(self.stage.closed, 1008)

    def test_a_server_that_asks_and_does_not_read(self) -> None:
        """It is closed when its answers would pile up; one that reads may ask for ever."""
        self.stage.ready()
        for _ in range(3000):
            self.stage.say("ping", timestamp=1)
        self.assertEqual(len(self.stage.heard()), 3000)
        self.stage.transport.full()
        asked = 0
        while self.stage.closed is None and asked < 20_000:
            self.stage.request(id=f"{asked:032x}", path="/nothing", method="POST", Transfer_Encoding="gzip")
            asked += 1
        self.assertEqual(self.stage.closed, 1008)
        self.assertLess(asked, 5000)

    def test_words_of_a_client_say_nothing_to_one(self) -> None:
        """So they count as garbage."""
        self.stage.ready().say("auth", api_key="x").say("pong", timestamp=1)
        self.assertEqual((self.stage.heard(), self.stage.closed), ([], None))
        for _ in range(GARBAGE.burst):
            self.stage.say("response_end", request_id=ID)
        self.assertEqual(self.stage.closed, 1008)


class EndTests(ClientCase):
    def test_a_lost_link_ends_what_is_under_way(self) -> None:
        """At once, and truthfully: nothing can be sent again."""
        self.stage.ready().request().body(final=True)
        service = self.stage.accept()
        self.stage.lose()
        self.assertFalse(service.open)
        self.assertIn(LinkLost, [type(each) for each in self.stage.events])
        problems = [each.message for each in self.stage.events[2:] if isinstance(each, Problem)]
        self.assertEqual(
            problems, ["1 connection was lost: the link was lost, and this server keeps nothing without one."]
        )

    def test_it_comes_back(self) -> None:
        """As often as it must, and asks for the name that it had."""
        self.stage = OriginalStage(None).start()
        [asked] = self.stage.heard()
        self.assertNotIn("subdomain", asked)
        self.stage.say("tunnel_ready", tunnel_id=TUNNEL, url="http://lucky.localhost", subdomain="lucky")
        for _ in range(12):
            self.stage.lose()
            self.stage.connect()
            [asked] = self.stage.heard()
            self.assertEqual(asked["subdomain"], "lucky")
            self.stage.say("tunnel_ready", tunnel_id=TUNNEL, url="http://lucky.localhost", subdomain="lucky")
        self.stage.request().body(final=True)
        self.stage.answer(self.stage.accept(), b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual([each["type"] for each in self.stage.heard()], ["response_start", "response_end"])

    def test_stopping(self) -> None:
        """Tunnels are closed first; what has been asked for is answered; then the link is closed."""
        self.stage.ready().request().body(final=True)
        service = self.stage.accept()
        self.stage.heard()
        finished = self.stage.session.finish_up(30)
        [close] = self.stage.heard()
        self.assertEqual((close["type"], close["tunnel_id"]), ("tunnel_close", TUNNEL))
        self.stage.answer(service, b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual([each["type"] for each in self.stage.heard()], ["response_start", "response_end"])
        self.stage.wait(0.5)
        self.assertTrue(self.successResultOf(finished))
        self.stage.session.stop()
        self.stage.talk()
        self.assertEqual(self.stage.closed, 1000)

    def test_stopping_at_once(self) -> None:
        """Who waits for an answer is told that the client has left."""
        self.stage.ready().request().body(final=True)
        self.stage.accept()
        self.stage.heard()
        self.stage.session.stop()
        start, *_ = self.stage.heard()
        self.assertEqual((start["status_code"], start["headers"]["Sellia-Error"]), (502, ["client-gone"]))
