"""Original clients at the gateway: keys, names, and how it ends; each as the original's own server would say it."""

from sellia.relay.limits.limit_log import LINES
from sellia.transports.link.control_limit import CONTROL_RATE
from sellia.transports.original.link import GARBAGE
from sellia.transports.original.server_side.bridge import TRIES, WISHES
from tests.logs import log_lines
from tests.server.clients import GatewayCase
from tests.server.originals import Original
from tests.server.support import UPGRADE, answers
from tests.transports.support import CLOSE, close, frame


class OriginalCase(GatewayCase):
    def original(self, host: str = "198.51.100.1") -> Original:
        return Original(self.server, host)

    def logged(self) -> list[str]:
        """What is logged from now on, as text."""
        return log_lines(self)


class TunnelTests(OriginalCase):
    def test_ready(self) -> None:
        client = self.original()
        client.say("tunnel_open", tunnel_type="http", local_port=13001, subdomain="rechttp")
        [ready] = client.heard()
        self.assertEqual(list(ready), ["type", "tunnel_id", "url", "subdomain"])
        self.assertEqual((ready["url"], ready["subdomain"]), ("http://rechttp.localhost:3000", "rechttp"))
        self.assertRegex(ready["tunnel_id"], "^[0-9a-f]{32}$")

    def test_a_name_of_the_servers_choice(self) -> None:
        client = self.original().open(None)
        [name] = client.tunnels
        self.assertIn(name, self.server.gateway.registry.by_name)

    def test_an_unknown_type_counts_as_http(self) -> None:
        client = self.original()
        client.say("tunnel_open", tunnel_type="carrier pigeon", local_port=1, subdomain="demo")
        self.assertEqual([each["type"] for each in client.heard()], ["tunnel_ready"])

    def test_a_password(self) -> None:
        self.original().open(auth="ann:s3cret")
        self.assertEqual(answers(self.server.visit().take()), [(401, "unauthorized")])

    def test_several_on_one_link(self) -> None:
        """Each request is for the one that was asked for; one may be closed alone."""
        client = self.original().open("first").open("second")
        for name in ("first", "second"):
            self.server.visit(b"GET / HTTP/1.1\r\nHost: %b.localhost\r\n\r\n" % name.encode())
            start, _, _ = client.asked()
            self.assertEqual(start["tunnel_id"], client.tunnels[name])
            client.answer(start["request_id"])
        client.say("tunnel_close", tunnel_id=client.tunnels["first"], reason="enough")
        client.say("tunnel_close", tunnel_id="of nobody")
        self.assertEqual(list(self.server.gateway.registry.by_name), ["second"])
        self.assertEqual(client.heard(), [])

    def test_refused(self) -> None:
        """In words that say whether trying again can help: "not available" is final for an original client."""
        self.original("192.0.2.9").open("taken")
        client = self.original()
        self.assertEqual(client.refused(subdomain="taken"), "Subdomain 'taken' is not available")
        self.assertEqual(client.refused(subdomain="admin"), "Subdomain 'admin' is reserved")
        self.assertEqual(client.refused(subdomain="ab"), "Subdomain must be at least 3 characters")
        for name in ("-demo", "dem o", "x" * 64, "ex--ample"):
            self.assertNotIn("not available", client.refused(subdomain=name))
        self.assertIn("USER:PASSWORD", client.refused(subdomain="demo", auth="nocolon"))
        client.open("demo")

    def test_tcp(self) -> None:
        """This server has none, and says so, with the end by which the client knows that it is final."""
        reason = self.original().refused(tunnel_type="tcp", subdomain=None)
        self.assertTrue(reason.startswith("This server has no tcp tunnels: "), reason)
        self.assertTrue(reason.endswith("is not available"), reason)

    def test_while_the_server_drains(self) -> None:
        client = self.original().open("first")
        self.server.gateway.draining = True
        self.addCleanup(setattr, self.server.gateway, "draining", False)
        self.assertNotIn("not available", client.refused(subdomain="second"))
        late = self.original()
        self.assertIn("shutting down", late.refused(subdomain="third"))
        self.assertEqual(late.closed, close(1012, "server-draining"))
        keyed = self.original().say("auth", api_key="whatever")
        self.assertEqual(keyed.heard(), [])
        self.assertEqual(keyed.closed, close(1012, "server-draining"))

    def test_answers_come_in_the_order_of_the_wishes(self) -> None:
        """They name no wish: one that is in doubt holds up those behind it."""
        ghost = self.original().open("demo")
        ghost.silent = True
        client = self.original()
        for name in ("demo", "other", "ab"):
            client.say("tunnel_open", tunnel_type="http", local_port=1, subdomain=name)
        self.assertEqual(client.heard(), [])
        self.server.wait(4)
        heard = [each.get("subdomain") or each["reason"] for each in client.heard()]
        self.assertEqual(heard, ["demo", "other", "Subdomain must be at least 3 characters"])
        ghost.wire.lose()

    def test_wishes_that_wait_are_bounded(self) -> None:
        ghost = self.original().open("demo")
        ghost.silent = True
        client = self.original()
        for _ in range(WISHES):
            client.say("tunnel_open", tunnel_type="http", local_port=1, subdomain="demo")
        client.heard()
        self.assertIsNone(client.closed)
        client.say("tunnel_open", tunnel_type="http", local_port=1)
        client.heard()
        assert client.closed is not None
        self.assertEqual(client.closed[1][:2], (1008).to_bytes(2, "big"))

    def test_told_once_what_does_not_hold(self) -> None:
        lines = self.logged()
        self.original().open("first").open("second")
        told = [line for line in lines if "original dialect" in line]
        self.assertEqual(len(told), 1)
        self.assertTrue(told[0].endswith("peer=198.51.100.1 suppressed=0"))

    def test_told_of_some_of_many(self) -> None:
        """Nobody fills the log with links that say what every one of them does."""
        lines = self.logged()
        for _ in range(LINES.burst + 3):
            self.original().open(None).say("response_end", request_id="x").say("auth", api_key="x")
        for said in ("original dialect", "says nothing"):
            told = [line for line in lines if said in line]
            self.assertEqual(len(told), LINES.burst, said)
        self.server.wait(round(1 / LINES.per_second))
        self.original().open(None).say("response_end", request_id="x").say("auth", api_key="x")
        for said in ("original dialect", "says nothing"):
            told = [line for line in lines if said in line]
            self.assertEqual(told[LINES.burst :], [told[-1]])
            self.assertTrue(told[-1].endswith("suppressed=3"), told[-1])
        self.assertEqual(self.server.gateway.health()["limits"], {})


class OpenServerTests(OriginalCase):
    def test_a_key_that_nobody_asks_for(self) -> None:
        """It is good."""
        client = self.original().say("auth", api_key="whatever")
        [ok] = client.heard()
        self.assertEqual(list(ok), ["type", "account_id", "limits"])
        self.assertEqual(ok["limits"], {"max_tunnels": 100, "max_connections": 20_000})
        client.open()

    def test_auth_when_it_is_too_late(self) -> None:
        client = self.original().open().say("auth", api_key="whatever")
        self.assertEqual(client.heard(), [])

    def test_who_says_nothing_is_dropped(self) -> None:
        client = self.original()
        client.say("pong", timestamp=1).say("response_end", request_id="x").say("ping", timestamp=1)
        self.server.wait(10)
        client.heard()
        self.assertEqual(client.closed, close(1008, "no hello came in time"))
        client.wire.lose()

    def test_what_only_a_server_says(self) -> None:
        """It says nothing to us."""
        client = self.original().open()
        client.say("tunnel_ready", tunnel_id="x", url="http://x", subdomain="x").say(
            "auth_ok", account_id="", limits={"max_tunnels": 1, "max_connections": 1}
        )
        client.say("request_start", request_id="x", tunnel_id="x", method="GET", path="/", headers={})
        client.say("tcp_data", connection_id="x", data=b"x").say("tcp_open_error", connection_id="x", message="")
        self.assertEqual(client.heard(), [])
        self.assertIsNone(client.closed)

    def test_a_flood_of_what_means_nothing_to_a_server(self) -> None:
        """At the limits the link stays, beyond them it is closed."""
        for limit, type, fields in (
            (GARBAGE.burst, "auth_error", {"error": "x"}),
            (GARBAGE.burst, "auth", {"api_key": "x"}),
            (CONTROL_RATE.burst, "pong", {"timestamp": 1}),
        ):
            client = self.original("192.0.2.9").open(None)
            for _ in range(int(limit)):
                client.say(type, **fields)
            client.heard()
            self.assertIsNone(client.closed)
            client.say(type, **fields)
            client.heard()
            assert client.closed is not None
            self.assertEqual(client.closed[1][:2], (1008).to_bytes(2, "big"))


class KeyTests(OriginalCase):
    settings = {"require_auth": True, "master_key": "the right key"}

    def test_right(self) -> None:
        client = self.original().say("auth", api_key="the right key")
        self.assertEqual([each["type"] for each in client.heard()], ["auth_ok"])
        client.open()

    def test_wrong(self) -> None:
        for key in ("wrong", "", "the right key ", "\0", "x" * 10_000):
            client = self.original().say("auth", api_key=key)
            self.assertEqual(client.heard(), [{"type": "auth_error", "error": "Invalid API key"}])
            self.assertEqual(client.closed, close(1000, "Authentication failed"))
        self.assertEqual(self.server.gateway.sessions, {})

    def test_missing(self) -> None:
        """The connection stays, and a key may still come; but no longer than anybody is waited for."""
        client = self.original()
        client.say("tunnel_open", tunnel_type="http", local_port=1, subdomain="demo")
        self.assertEqual(client.heard(), [{"type": "auth_error", "error": "Not authenticated"}])
        self.assertIsNone(client.closed)
        client.say("auth", api_key="the right key")
        self.assertEqual([each["type"] for each in client.heard()], ["auth_ok"])
        client.open("demo")
        self.server.wait(11)
        client.heard()
        self.assertIsNone(client.closed)

    def test_missing_for_ever(self) -> None:
        client = self.original()
        for _ in range(TRIES - 1):
            client.say("tunnel_open", tunnel_type="http", local_port=1)
            self.server.wait(1)
        client.heard()
        self.assertIsNone(client.closed)
        self.server.wait(10)
        client.heard()
        self.assertEqual(client.closed, close(1008, "no hello came in time"))
        client.wire.lose()

    def test_missing_too_often(self) -> None:
        """Who asks without reading the answers is not answered for ever."""
        client = self.original()
        for _ in range(TRIES + 5):
            client.say("tunnel_open", tunnel_type="http", local_port=1)
        self.assertEqual(len(client.heard()), TRIES)
        assert client.closed is not None
        self.assertEqual(client.closed[1][:2], (1008).to_bytes(2, "big"))


class ExchangeTests(OriginalCase):
    def test_one_that_is_no_answer(self) -> None:
        """Each counts, and tells its visitor; some of many have a line."""
        lines = self.logged()
        client = self.original().open()
        for _ in range(LINES.burst + 4):
            visitor = self.server.visit()
            start, _, _ = client.asked()
            client.answer(start["request_id"], X=["a\r\nb"])
            self.assertEqual(answers(visitor.take()), [(502, "bad-service-response")])
        self.assertEqual(self.server.gateway.health()["limits"], {"original_exchanges": LINES.burst + 4})
        told = [line for line in lines if " failed: bad-service-response: " in line]
        self.assertEqual([line[-31:] for line in told], [" peer=198.51.100.1 suppressed=0"] * LINES.burst)


class EndTests(OriginalCase):
    def test_goodbye(self) -> None:
        """A close frame of the client's: its visitors are told, and its names are free."""
        client = self.original().open()
        visitor = self.server.visit()
        client.octets(frame(CLOSE))
        client.heard()
        self.assertIsNotNone(client.closed)
        self.assertEqual(answers(visitor.take()), [(502, "client-gone")])
        self.assertFalse(self.server.gateway.registry.is_held("demo", self.server.reactor.seconds()))
        client.wire.lose()
        self.assertEqual(self.server.gateway.sessions, {})

    def test_lost(self) -> None:
        """Its visitors are told at once, because nothing of it can go on; its name is held for it."""
        lines = self.logged()
        client = self.original().open()
        visitor = self.server.visit()
        socket = self.server.visit(UPGRADE)
        client.wire.lose()
        for each in (visitor, socket):
            self.assertEqual(answers(each.take()), [(502, "session-expired")])
        self.assertEqual(self.server.gateway.sessions, {})
        self.assertEqual(answers(self.server.visit().take()), [(502, "client-gone")])
        self.assertEqual(self.server.gateway.health()["links_lost"], 1)
        self.assertTrue(any(line.startswith("session ended: ") and "link was lost" in line for line in lines), lines)

    def test_lost_in_the_middle_of_an_answer(self) -> None:
        """It never looks complete."""
        client = self.original().open()
        visitor = self.server.visit()
        start, _, _ = client.asked()
        client.answer(start["request_id"], b"half", end=False)
        client.wire.lose()
        self.assertFalse(visitor.take().endswith(b"0\r\n\r\n"))
        self.assertTrue(visitor.closed)

    def test_back(self) -> None:
        """After its three seconds it gets its name again, and nobody else had it meanwhile."""
        self.original().open().wire.lose()
        self.server.wait(3)
        self.assertEqual(self.original("192.0.2.9").refused(subdomain="demo"), "Subdomain 'demo' is not available")
        client = self.original().open("demo")
        visitor = self.server.visit()
        start, _, _ = client.asked()
        client.answer(start["request_id"], Content_Length=["0"])
        self.assertEqual(answers(visitor.take()), [(200, None)])

    def test_back_before_the_loss_was_noticed(self) -> None:
        """The link that is dead does not answer, and its session ends."""
        ghost = self.original().open()
        ghost.silent = True
        client = self.original()
        client.say("tunnel_open", tunnel_type="http", local_port=1, subdomain="demo")
        self.server.wait(4)
        self.assertEqual([each["type"] for each in client.heard()], ["tunnel_ready"])
        ghost.wire.lose()

    def test_two_clients_of_one_owner(self) -> None:
        """The one that has the name answers, and keeps it."""
        first = self.original().open()
        second = self.original()
        second.say("tunnel_open", tunnel_type="http", local_port=1, subdomain="demo")
        self.server.wait(1)
        first.heard()
        self.server.wait(3)
        self.assertEqual([each["reason"] for each in second.heard()], ["Subdomain 'demo' is not available"])

    def test_last_words(self) -> None:
        """What a visitor said just before the server stops reaches the service before its WebSocket is closed."""
        client = self.original().open()
        self.server.visit(UPGRADE)
        request_id = client.upgraded()
        [session] = self.server.gateway.sessions.values()
        [stream] = session.mux.streams.values()
        stream.send_frame(0x81, b"last words")
        self.server.gateway.stop()
        self.assertEqual(
            client.heard(),
            [
                {"type": "ws_frame", "request_id": request_id, "opcode": 1, "payload": b"last words", "fin": True},
                {"type": "ws_close", "request_id": request_id},
            ],
        )

    def test_the_server_stops(self) -> None:
        """What was answered in time arrives, before the link is closed."""
        client = self.original().open()
        visitor = self.server.visit()
        start, _, _ = client.asked()
        self.server.service.stopService()
        self.server.wait(1)
        client.answer(start["request_id"], b"ok", Content_Length=["2"])
        self.assertTrue(visitor.take().endswith(b"ok"))
        self.server.wait(1)
        client.heard()
        self.assertIsNotNone(client.closed)
