"""The base domain's pages: what they say, to whom, and in which methods."""

import hashlib
import io
import json
import re
import zipfile
from html.parser import HTMLParser
from typing import Any

from sellia import __version__
from tests.logs import log_events
from tests.server.clients import GatewayCase, Wire
from tests.server.support import get


def page(data: bytes) -> tuple[int, str, dict[bytes, bytes], bytes]:
    """Status, reason, headers by lower-case name, and body of one response."""
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    _, status, reason = line.split(b" ", 2)
    fields = {name.lower(): value for name, _, value in (each.partition(b": ") for each in lines)}
    return int(status), reason.decode(), fields, body


class PageCase(GatewayCase):
    def get(self, path: bytes, *fields: bytes, method: bytes = b"GET") -> tuple[int, str, dict[bytes, bytes], bytes]:
        domain = self.server.service.settings.domain.encode()
        return page(self.server.visit(get(path, *fields, host=domain, method=method)).take())


class LandingTests(PageCase):
    def test_how_to_connect(self) -> None:
        status, reason, fields, body = self.get(b"/")
        self.assertEqual((status, reason), (200, "OK"))
        self.assertEqual(fields[b"content-type"], b"text/html; charset=utf-8")
        self.assertIn(b"sellia http 8080 -s myapp --server http://localhost:3000</pre>", body)
        self.assertIn(b"<code>http://myapp.localhost:3000</code>", body)
        HTMLParser().feed(body.decode())

    def test_query(self) -> None:
        self.assertEqual(self.get(b"/?a=b")[0], 200)

    def test_nobody_is_told_what_it_runs_on(self) -> None:
        for path in (b"/", b"/health", b"/nothing"):
            self.assertNotIn(b"server", self.get(path)[2])


class SecuredTests(PageCase):
    settings = {"https": True, "domain": "example.test", "require_auth": True, "master_key": "k" * 20}

    def test_how_to_connect(self) -> None:
        body = self.get(b"/")[3]
        login = b"\nsellia auth login --server https://example.test\nsellia http 8080 "
        self.assertIn(login + b"-s myapp --server https://example.test</pre>", body)
        self.assertNotIn(b"k" * 20, body)


class HealthTests(PageCase):
    """The counters are for programs on the machine itself and for who shows the master key."""

    settings = {"master_key": "right", "trust_proxy": ["127.0.0.9"], "auth_failures_burst": 3}

    def health(self, peer: str, *fields: bytes) -> dict[str, Any]:
        wire = Wire(self.server, peer)
        wire.send(get(b"/health?x", *fields, host=b"localhost"))
        status, _, headers, body = page(wire.take())
        self.assertEqual((status, headers[b"content-type"]), (200, b"application/json"))
        health: dict[str, Any] = json.loads(body)
        return health

    def test_numbers(self) -> None:
        self.assert_ready(self.server.client("right").open_tunnel("demo"))
        self.server.visit()
        expected = {"status": "ok", "version": __version__, "sessions": 1, "links": 1, "tunnels": 1, "streams": 1}
        for peer, fields in (("127.0.0.1", ()), ("::1", ()), ("203.0.113.7", (b"Authorization: Bearer right",))):
            health = self.health(peer, *fields)
            self.assertEqual({name: health[name] for name in expected}, expected)
        self.assertEqual(
            self.health("127.0.0.9", b"X-Forwarded-For: 1.2.3.4", b"authorization: bearer right")["links"], 1
        )

    def test_strangers(self) -> None:
        for peer, fields in (
            ("203.0.113.7", ()),
            ("203.0.113.7", (b"Authorization: Bearer wrong",)),
            ("203.0.113.7", (b"Authorization: Basic right",)),
            ("203.0.113.7", (b"Authorization: Bearer right", b"Authorization: Bearer right")),
            ("203.0.113.7", (b"X-Forwarded-For: 127.0.0.1",)),
            ("127.0.0.9", ()),  # a trusted proxy on loopback: its visitors come from anywhere
            ("127.0.0.9", (b"X-Forwarded-For: 127.0.0.1",)),
            ("127.0.0.1", (b"X-Forwarded-For: 203.0.113.7",)),  # one that nobody has named
            ("127.0.0.1", (b"Via: 1.1 cache",)),
            ("127.0.0.1", (b"Forwarded: for=203.0.113.7",)),
            ("", ()),  # a unix socket, on which proxies listen as well
        ):
            self.assertEqual(self.health(peer, *fields), {"status": "ok"}, (peer, fields))

    def test_guesses_are_counted(self) -> None:
        for _ in range(3):
            self.assertEqual(self.health("203.0.113.7", b"Authorization: Bearer wrong"), {"status": "ok"})
        self.assertEqual(self.health("203.0.113.7", b"Authorization: Bearer right"), {"status": "ok"})
        self.assertIn("sessions", self.health("203.0.113.8", b"Authorization: Bearer right"))

    def test_never_cached(self) -> None:
        self.assertEqual(self.get(b"/health")[2][b"cache-control"], b"no-store")

    def test_ready(self) -> None:
        self.assertEqual((self.get(b"/ready")[0], self.get(b"/ready")[3]), (200, b"ready\n"))


class ElsewhereTests(PageCase):
    """Everything that is not a page gets an answer of ours."""

    def test_no_such_page(self) -> None:
        for path in (
            b"/nothing",
            b"/health/",
            b"/healthy",
            b"//",
            b"//health",
            b"/health/x",
            b"/%68ealth",
            b"/ws/",
            b"/.",
        ):
            status, _, fields, body = self.get(path)
            self.assertEqual((status, fields[b"sellia-error"]), (404, b"no-such-page"), path)

    def test_in_the_form_that_is_asked_for(self) -> None:
        for accept, kind in (
            (b"application/json", b"application/json"),
            (b"text/html", b"text/html; charset=utf-8"),
            (b"*/*", b"text/plain; charset=utf-8"),
        ):
            self.assertEqual(self.get(b"/x", b"Accept: " + accept)[2][b"content-type"], kind)

    def test_the_gateway_without_an_upgrade(self) -> None:
        for method in (b"GET", b"POST", b"DELETE"):
            status, reason, fields, body = self.get(b"/ws?x", method=method)
            self.assertEqual((status, reason), (426, "Upgrade Required"))
            self.assertEqual(fields[b"sellia-error"], b"upgrade-required")
            self.assertEqual(fields[b"upgrade"], b"websocket")
            self.assertEqual(fields[b"sec-websocket-version"], b"13")
            self.assertIn(b"Upgrade", fields[b"connection"])

    def test_other_methods(self) -> None:
        for path in (b"/", b"/health"):
            for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PROPFIND", b"BREW"):
                status, reason, fields, body = self.get(path, method=method)
                self.assertEqual((status, reason), (405, "Method Not Allowed"))
                self.assertEqual((fields[b"allow"], fields[b"sellia-error"]), (b"GET, HEAD", b"method-not-allowed"))
                self.assertNotIn(b"<html>", body)

    def test_head(self) -> None:
        """No body and, from twisted.web, no line in the log: a stranger could cause any number of them."""
        logged = log_events(self)
        for path, status in ((b"/", 200), (b"/health", 200), (b"/nothing", 404), (b"/ws", 426)):
            found, _, fields, body = self.get(path, method=b"HEAD")
            self.assertEqual((found, body), (status, b""))
            if path != b"/health":
                self.assertEqual(int(fields[b"content-length"]), len(self.get(path)[3]))
        self.assertEqual([event for event in logged if "twisted.web" in event.get("log_namespace", "")], [])


class PathTests(PageCase):
    settings = {"gateway_path": "/tunnels/connect"}

    def test_gateway_elsewhere(self) -> None:
        self.assertEqual(self.get(b"/tunnels/connect")[0], 426)
        for path in (b"/ws", b"/tunnels", b"/connect"):
            self.assertEqual(self.get(path)[0], 404)


class ClientTests(PageCase):
    """The client that the server offers."""

    def wheel(self) -> tuple[bytes, str]:
        """The path of the wheel, and the digest that the page says."""
        body = self.get(b"/client/")[3].decode()
        name, digest = re.findall(r'href="([^"]+[.]whl)".*\s.*SHA-256 is\s+<code>([0-9a-f]{64})', body)[0]
        self.assertIn(f"<pre>pipx install http://localhost:3000/client/{name}</pre>", body)
        return b"/client/" + name.encode(), digest

    def test_download(self) -> None:
        path, digest = self.wheel()
        _, _, fields, body = self.get(path)
        self.assertEqual(fields[b"content-type"], b"application/zip")
        self.assertEqual(int(fields[b"content-length"]), len(body))
        self.assertEqual(hashlib.sha256(body).hexdigest(), digest)
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            self.assertIsNone(archive.testzip())
            self.assertIn("sellia/cli/main.py", archive.namelist())

    def test_head(self) -> None:
        path, _ = self.wheel()
        status, _, fields, body = self.get(path, method=b"HEAD")
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(fields[b"content-length"]), 100_000)

    def test_at_the_pace_of_the_visitor(self) -> None:
        """Who takes nothing is sent nothing more, whatever the size of the wheel."""
        path, _ = self.wheel()
        wire = Wire(self.server, "203.0.113.7")
        wire.protocol.dataReceived(get(path, host=b"localhost"))
        wire.protocol.pauseProducing()
        self.server.talk()
        self.server.wait(3)
        first = wire.take()
        self.assertLess(len(first), (1 << 17) + 1000)
        wire.protocol.resumeProducing()
        self.server.talk()
        _, _, fields, body = page(first + wire.take())
        self.assertEqual(int(fields[b"content-length"]), len(body))

    def test_landing_page(self) -> None:
        path, _ = self.wheel()
        self.assertIn(b"pipx install http://localhost:3000" + path + b"\nsellia http 8080", self.get(b"/")[3])

    def test_nothing_else(self) -> None:
        for path in (b"/client", b"/client/x.whl", b"/client/../client/", b"/client/sellia"):
            self.assertEqual(self.get(path)[0], 404)


class NoClientTests(PageCase):
    settings = {"offer_client": False}

    def test_not_offered(self) -> None:
        self.assertEqual(self.get(b"/client/")[0], 404)
        body = self.get(b"/")[3]
        self.assertNotIn(b"pip", body)
        self.assertIn(b"ask whoever runs this server for it", body)
