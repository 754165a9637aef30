"""The HTTP API of the command line: what it tells, to whom, and what guessers and other sites' pages get of it."""

import json
from typing import Any

from sellia import __version__
from sellia.errors import ProblemError
from sellia.problems import WRONG_KEY
from sellia.protocol import native
from sellia.protocol.messages import Hello
from sellia.server.base_domain.api import LOOKUP_TIME, LOOKUPS
from tests.logs import log_lines
from tests.server.base_domain.test_pages import page
from tests.server.clients import GatewayCase, Server, Wire
from tests.server.stores import SlowStore
from tests.server.support import get
from tests.transports.support import BINARY, frame

KEY = "right-" + "k" * 30


class ApiCase(GatewayCase):
    def ask(self, path: str, *fields: bytes, method: bytes = b"GET", peer: str = "203.0.113.7") -> Wire:
        wire = Wire(self.server, peer)
        wire.send(get(path.encode(), *fields, host=b"localhost", method=method))
        return wire

    def read(self, wire: Wire) -> tuple[int, dict[bytes, bytes], dict[str, Any]]:
        data = wire.take()
        status, _, fields, body = page(data)
        self.assertEqual(fields[b"content-type"], b"application/json")
        self.assertEqual((fields[b"cache-control"], fields[b"x-content-type-options"]), (b"no-store", b"nosniff"))
        self.assertEqual(int(fields[b"content-length"]), len(body))
        self.assertNotIn(KEY.encode(), data)
        told: dict[str, Any] = json.loads(body)
        return status, fields, told

    def told(self, path: str, *fields: bytes, **how: Any) -> tuple[int, dict[str, Any]]:
        status, _, told = self.read(self.ask(path, *fields, **how))
        return status, told

    def key(self, *shown: str, **how: Any) -> tuple[int, dict[str, Any]]:
        return self.told("/api/v1/key", *(b"Authorization: Bearer " + each.encode() for each in shown), **how)

    def word(self, *fields: bytes, **how: Any) -> tuple[int, str]:
        status, told = self.told("/api/v1/key", *fields, **how)
        return status, str(told["error"])


class VersionTests(ApiCase):
    def test_what_the_server_is(self) -> None:
        status, told = self.told("/api/v1/version")
        self.assertEqual(status, 200)
        self.assertEqual((told["version"], told["key_required"], told["kinds"]), (__version__, False, ["http"]))
        self.assertEqual(told["dialects"]["native"], {"subprotocol": "sellia.v1", "versions": [1]})
        self.assertEqual(told["dialects"]["original"], {"subprotocol": None, "versions": []})

    def test_query_and_head(self) -> None:
        self.assertEqual(self.told("/api/v1/version?x=1")[0], 200)
        status, _, fields, body = page(self.ask("/api/v1/version", method=b"HEAD").take())
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(fields[b"content-length"]), 50)

    def test_other_methods(self) -> None:
        for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"QUERY"):
            status, fields, told = self.read(self.ask("/api/v1/version", method=method))
            self.assertEqual((status, told["error"], fields[b"allow"]), (405, "method-not-allowed", b"GET, HEAD"))

    def test_other_paths(self) -> None:
        for path in ("/api/", "/api/v1", "/api/v1/", "/api/v1/key/", "/api/v2/version", "/api/v1//version", "/api/%76"):
            status, told = self.told(path)
            self.assertEqual((status, told["error"]), (404, "no-such-page"), path)
        self.assertEqual(page(self.ask("/api").take())[0], 404)


class OpenTests(ApiCase):
    """A server without a master key: everybody counts by address."""

    settings = {"tunnels_per_owner": 7, "sessions_per_owner": 5, "tunnels_per_client": 3}

    def test_without_a_key(self) -> None:
        self.assert_ready(self.server.client(host="203.0.113.7").open_tunnel("demo"))
        expected = {
            "key_required": False,
            "scopes": ["http"],
            "names": ["*"],
            "expires_at": None,
            "limits": {"clients": 5, "tunnels": 7, "tunnels_per_client": 3},
            "in_use": {"clients": 1, "tunnels": 1},
            "account": "",
            "prefix": "",
        }
        self.assertEqual(self.key(), (200, expected))
        self.assertEqual(self.key("whatever")[0], 200)
        self.assertEqual(self.key(peer="203.0.113.8")[1]["in_use"], {"clients": 0, "tunnels": 0})


class KeyTests(ApiCase):
    settings = {"master_key": KEY, "trust_proxy": ["127.0.0.9"], "auth_failures_burst": 3, "auth_failures_rate": 0.1}

    def test_the_right_one(self) -> None:
        self.assert_ready(self.server.client(KEY).open_tunnel("demo"))
        status, told = self.key(KEY)
        self.assertEqual((status, told["key_required"], told["scopes"]), (200, True, ["http"]))
        self.assertEqual(told["in_use"], {"clients": 1, "tunnels": 1})

    def test_none_and_wrong_ones(self) -> None:
        status, fields, told = self.read(self.ask("/api/v1/key"))
        self.assertEqual((status, told["error"]), (401, "key-required"))
        self.assertEqual(fields[b"www-authenticate"], b'Bearer realm="Sellia"')
        self.assertEqual(fields[b"sellia-error"], b"key-required")
        for wrong in (KEY + "x", KEY[:-1], "x"):
            self.assertEqual(self.key(wrong)[1]["error"], "wrong-key")

    def test_fields_that_are_no_key(self) -> None:
        """None of them is looked at as one, so none is a guess."""
        right = KEY.encode()
        for fields in (
            (b"Authorization: Bearer " + right,) * 2,
            (b"Authorization: Bearer " + right, b"Authorization: Bearer x"),
            (b"Authorization: Basic " + right,),
            (b"Authorization: " + right,),
            (b"Authorization: Bearer",),
            (b"Authorization: Bearer \xff\xfe",),
            (b"Authorization: ",),
        ):
            self.assertEqual(self.word(*fields), (401, "wrong-key"), fields)
        for fields in (
            (b"Proxy-Authorization: Bearer " + right,),
            (b"X-Api-Key: " + right,),
            (b"Cookie: key=" + right,),
        ):
            self.assertEqual(self.word(*fields), (401, "key-required"), fields)
        self.assertEqual(self.told(f"/api/v1/key?key={KEY}")[1]["error"], "key-required")
        self.assertEqual(self.told("/api/v1/key", b"authorization:  bearer   " + right + b" ")[0], 200)

    def test_very_long(self) -> None:
        self.assertEqual(self.word(b"Authorization: Bearer " + b"k" * 60_000), (401, "wrong-key"))

    def test_guesses_count_with_those_of_links(self) -> None:
        """Nobody is told that the right key is right after too many wrong ones, wherever these were shown."""
        self.key("guess 1")
        link = self.server.client("guess 2", host="203.0.113.7")
        self.assertIn("wrong-key", repr(link.heard))
        self.key("guess 3")
        wire = self.ask("/api/v1/key", b"Authorization: Bearer " + KEY.encode())
        status, fields, told = self.read(wire)
        self.assertEqual((status, told["error"], fields[b"retry-after"]), (429, "too-many-attempts", b"10"))
        self.assertEqual(self.key(KEY, peer="203.0.113.8")[0], 200)
        self.server.wait(11)
        self.assertEqual(self.key(KEY)[0], 200)

    def test_links_count_the_guesses_made_here(self) -> None:
        for number in range(3):
            self.key(f"guess {number}")
        client = self.server.client(host="203.0.113.7").dial()
        client.octets(frame(BINARY, native.encode_link(Hello(1, "test", key=KEY))))
        self.assertIn("too-many-attempts", repr(client.heard))

    def test_whose_guesses(self) -> None:
        """Behind a trusted proxy, the visitor's; others' word of themselves counts for nothing."""
        for _ in range(3):
            self.key("x", peer="127.0.0.9")
        for visitor in (b"198.51.100.1", b"198.51.100.2"):
            field = b"X-Forwarded-For: " + visitor
            self.assertEqual(self.told("/api/v1/key", field, b"Authorization: Bearer x", peer="127.0.0.9")[0], 401)
        for visitor in (b"198.51.100.1", b"198.51.100.2", b"198.51.100.3"):
            self.told("/api/v1/key", b"X-Forwarded-For: " + visitor, b"Authorization: Bearer x")
        self.assertEqual(self.key(KEY)[0], 429)

    def test_log(self) -> None:
        """Few lines, and no key in them, right or wrong."""
        lines = log_lines(self)
        for number in range(100):
            self.key(f"secret-guess-{number}", peer="203.0.113.9")
            self.key(KEY)
        self.assertNotIn("secret", "\n".join(lines))
        self.assertNotIn(KEY, "\n".join(lines))
        self.assertIn("word=wrong-key", lines[0])
        self.assertLess(len(lines), 20)

    def test_pages_of_other_sites(self) -> None:
        """They may send a request, and read nothing."""
        for method in (b"GET", b"OPTIONS"):
            for path in ("/api/v1/key", "/api/v1/version"):
                wire = self.ask(
                    path,
                    b"Origin: https://evil.example",
                    b"Access-Control-Request-Method: GET",
                    b"Access-Control-Request-Headers: authorization",
                    method=method,
                )
                self.assertNotIn(b"access-control", wire.take().lower())

    def test_below_other_names(self) -> None:
        for host in (b"demo.localhost", b"evil.example", b"api.localhost"):
            wire = Wire(self.server, "203.0.113.7")
            wire.send(get(b"/api/v1/version", host=host))
            self.assertNotIn(b"dialects", wire.take())

    def test_bodies(self) -> None:
        """Nobody reads them."""
        wire = Wire(self.server, "203.0.113.7")
        wire.send(get(b"/api/v1/key", b"Content-Length: 1000000", host=b"localhost", method=b"POST"))
        self.assertEqual(self.read(wire)[0], 405)

    def test_while_it_drains(self) -> None:
        self.server.gateway.draining = True
        self.assertEqual(page(self.ask("/api/v1/version").take())[0], 503)
        self.server.gateway.draining = False


class SlowStoreTests(ApiCase):
    def setUp(self) -> None:
        self.store = SlowStore()
        self.server = Server(self.store)

    def show(self, key: bytes = b"k") -> Wire:
        return self.ask("/api/v1/key", b"Authorization: Bearer " + key)

    def test_answered_later(self) -> None:
        wire = self.show()
        self.assertEqual(wire.take(), b"")
        self.store.answer()
        self.server.talk()
        status, _, told = self.read(wire)
        self.assertEqual((status, told["key_required"]), (200, True))
        self.assertEqual(self.store.asked, [("k", "203.0.113.7")])

    def test_refused_later(self) -> None:
        for error, status, word in (
            (ProblemError(WRONG_KEY), 401, "wrong-key"),
            (RuntimeError("the database has " + KEY), 500, "internal"),
        ):
            wire = self.show()
            self.store.answer(error=error)
            self.server.talk()
            found, _, told = self.read(wire)
            self.assertEqual((found, told["error"]), (status, word))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_too_late(self) -> None:
        wire = self.show()
        self.server.wait(int(LOOKUP_TIME))
        self.assertEqual(self.read(wire)[::2][0], 503)
        self.assertEqual(self.store.cancelled, ["k"])

    def test_gone_meanwhile(self) -> None:
        """Of a visitor who leaves nothing is left."""
        self.show().lose()
        self.assertEqual(self.store.cancelled, ["k"])
        for _ in range(LOOKUPS):
            self.show()
        self.assertEqual(len(self.store.asked), LOOKUPS + 1)

    def test_as_many_as_may_be(self) -> None:
        for _ in range(LOOKUPS):
            self.show()
        self.assertEqual(self.read(self.show())[0], 503)
        self.assertEqual(len(self.store.asked), LOOKUPS)
        self.store.answer(0)
        self.server.talk()
        self.assertEqual(self.show().take(), b"")
