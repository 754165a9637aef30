"""The inspector's HTTP: what every answer carries, what is refused, and what is bounded."""

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from sellia.client.inspector.web import CONNECTIONS, STRANGER_LIMIT
from tests.client.inspector.stage import BEARER, COOKIE, SiteCase, Told, request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class AnswerTests(SiteCase):
    def test_every_answer_is_guarded(self) -> None:
        """Answers with a right and a wrong token, of the page, the API, and what is not there."""
        answers = [self.ask(path) for path in ("/", "/api/status", "/api/nothing", "/nothing.js")]
        answers.append(self.ask("/api/status", headers={}))
        for told in answers:
            self.assertEqual(told.headers["content-security-policy"], POLICY)
            self.assertEqual(told.headers["x-content-type-options"], "nosniff")
            self.assertEqual(told.headers["cross-origin-resource-policy"], "same-origin")
            self.assertNotIn("access-control-allow-origin", told.headers)
        self.assertEqual([told.status for told in answers], [200, 200, 404, 404, 401])

    def test_problems(self) -> None:
        told = self.ask("/api/nothing")
        self.assertEqual(told.headers["content-type"], "application/problem+json")
        self.assertEqual((told.json["status"], told.error), (404, "no-such-path"))
        told = self.ask("/api/status", "POST", {})
        self.assertEqual((told.status, told.error), (405, "no-such-method"))

    def test_a_preflight_gets_nothing(self) -> None:
        """So no page of another origin can send JSON, or a token of its own."""
        told = self.ask("/api/exchanges", "OPTIONS", headers={"Origin": "http://evil.example", **BEARER})
        self.assertEqual(told.status, 403)
        self.assertFalse([name for name in told.headers if name.startswith("access-control")])

    def test_head(self) -> None:
        told = self.ask("/api/status", "HEAD")
        self.assertEqual((told.status, told.body), (200, b""))

    def test_without_a_token(self) -> None:
        told = self.ask("/", headers={})
        self.assertEqual((told.status, told.error), (401, "no-token"))
        self.assertEqual(told.headers["www-authenticate"], "Bearer")


class TokenTests(SiteCase):
    def test_the_token_in_the_address_becomes_a_cookie(self) -> None:
        told = self.ask("/?token=t0ken&filter=a", headers={})
        self.assertEqual((told.status, told.headers["location"]), (303, "/?filter=a"))
        self.assertEqual(told.headers["set-cookie"], "sellia_inspector_4040=t0ken; Path=/; HttpOnly; SameSite=Strict")

    def test_behind_a_link_from_another_site(self) -> None:
        """A strict cookie is not sent behind a redirection that another site began."""
        fetch = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        told = self.ask("/?token=t0ken&filter=%22a%22", headers=fetch)
        self.assertEqual(told.status, 200)
        self.assertIn(b'content="0;url=/?filter=%22a%22"', told.body)

    def test_it_leads_nowhere_else(self) -> None:
        for path in ("//evil.example/", "/\\evil.example/", "/%2F/evil.example"):
            told = self.ask(f"{path}?token=t0ken", headers={})
            self.assertFalse(told.headers.get("location", "/").startswith(("//", "/\\", "http")), path)

    def test_a_wrong_one_gets_no_cookie(self) -> None:
        told = self.ask("/?token=wrong", headers={})
        self.assertEqual(told.status, 401)
        self.assertNotIn("set-cookie", told.headers)

    def test_it_is_said_nowhere(self) -> None:
        for path in ("/api/status", "/api/openapi.json", "/api/nothing?token=t0ken", "/api/exchanges?filter=t0ken"):
            self.assertNotIn(b"t0ken", self.ask(path).body)


class BoundTests(SiteCase):
    def test_connections(self) -> None:
        open_now = [self.connect()[0] for _ in range(CONNECTIONS)]
        self.assertIsNone(self.factory.buildProtocol(None))
        open_now[0].connectionLost(Failure(ConnectionDone()))
        self.assertIsNotNone(self.factory.buildProtocol(None))

    def test_a_long_body_of_a_stranger_is_not_kept(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(request("/api/exchanges", "POST", b"x" * (STRANGER_LIMIT + 1), {}))
        self.assertEqual(Told(transport.value()).status, 401)

    def test_a_long_body_of_who_shows_the_token_late(self) -> None:
        told = self.ask("/api/exchanges?token=t0ken", "POST", b"x" * (STRANGER_LIMIT + 1), headers={})
        self.assertEqual((told.status, told.error), (413, "long-body"))

    def test_a_long_head(self) -> None:
        told = self.raw(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n")
        self.assertTrue(not told or told.startswith(b"HTTP/1.1 400 "))

    def test_nonsense(self) -> None:
        for data in (
            b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\n",
        ):
            told = self.raw(data)
            self.assertTrue(not told or told.startswith((b"HTTP/1.1 4", b"HTTP/9.9 4", b"HTTP/2.0 4")), (data, told))
        self.flushLoggedErrors()

    def test_pipelined(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(request("/api/status", "GET", None, BEARER) + request("/api/status", "GET", None, COOKIE))
        self.assertEqual(transport.value().count(b"HTTP/1.1 200"), 2)
