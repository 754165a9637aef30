"""What is taken along: snippets, tests and HAR files, redacted unless asked otherwise; HAR files that are read."""

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from sellia.inspector.model import Body
from tests.client.inspector.stage import BEARER, SiteCase, Told, request

HEADERS = [(b"Host", b"web.example"), (b"Authorization", b"Bearer s3cret"), (b"X-One", b"1")]


class TakingCase(SiteCase):
    def setUp(self) -> None:
        super().setUp()
        self.subject.tunnels = lambda: [{"name": "web", "url": "http://web.example"}]

    def one(self, **more: Any) -> str:
        """An exchange."""
        values = {"tunnel": "web", "method": b"POST", "target": b"/a?key=k3y", "request_headers": HEADERS, **more}
        made = self.exchange(**values)
        made.request_body = Body(b"body", 4)
        return str(made.id)

    def later(self, path: str, method: str = "GET", body: Any = None) -> Told:
        """What is answered to a request, which may take some turns."""
        channel, transport = self.connect()
        channel.dataReceived(request(path, method, body, BEARER))
        for _ in range(50):
            self.clock.advance(0)
        told = Told(transport.value())
        channel.connectionLost(Failure(ConnectionDone()))
        return told


class SnippetTests(TakingCase):
    def test_forms(self) -> None:
        """By the scheme and the host that the visitor has used."""
        id = self.one()
        told = self.ask(f"/api/exchanges/{id}/snippet?form=curl-bash")
        self.assertEqual((told.status, told.headers["content-type"]), (200, "text/plain; charset=utf-8"))
        self.assertIn("http://web.example/a", told.body.decode())
        self.assertIn("X-One: 1", told.body.decode())
        self.assertNotIn("s3cret", told.body.decode())
        self.assertNotIn("k3y", told.body.decode())

    def test_with_credentials(self) -> None:
        text = self.ask(f"/api/exchanges/{self.one()}/snippet?form=python&redact=0").body.decode()
        self.assertIn("s3cret", text)
        self.assertIn("k3y", text)

    def test_what_there_is_not(self) -> None:
        id = self.one()
        for query, status, code in (
            ("", 400, "bad-parameter"),
            ("?form=perl", 400, "bad-parameter"),
            ("?form=wscat", 409, "no-such-form"),
        ):
            told = self.ask(f"/api/exchanges/{id}/snippet{query}")
            self.assertEqual((told.status, told.error), (status, code))
        self.assertEqual(self.ask("/api/exchanges/99/snippet?form=fetch").status, 404)


class TestFileTests(TakingCase):
    def test_files(self) -> None:
        ids = f"{self.one()},{self.one(target=b'/b')}"
        self.assertIn("def test_2_", self.ask(f"/api/test?ids={ids}&form=pytest").body.decode())
        self.assertIn("node:test", self.ask(f"/api/test?ids={ids}&form=node").body.decode())
        self.assertNotIn("s3cret", self.ask(f"/api/test?ids={ids}&form=pytest").body.decode())

    def test_what_there_is_not(self) -> None:
        tcp = self.exchange(kind="tcp").id
        many = ",".join([self.one()] * 201)
        for query, status, code in (
            ("", 400, "bad-parameter"),
            ("?ids=1&form=junit", 400, "bad-parameter"),
            ("?ids=99&form=node", 404, "no-such-exchange"),
            (f"?ids={tcp}&form=node", 409, "nothing-to-test"),
            (f"?ids={many}&form=node", 400, "bad-parameter"),
        ):
            told = self.ask(f"/api/test{query}")
            self.assertEqual((told.status, told.error), (status, code), query)


class HarTests(TakingCase):
    def test_some_and_all(self) -> None:
        first, second = self.one(), self.one(target=b"/b", status=500)
        self.exchange(kind="tcp")
        for query, targets in (
            ("", ["/a", "/b"]),
            (f"?ids={second},{first}", ["/b", "/a"]),
            ("?filter=status:500", ["/b"]),
            ("?filter=status:404", []),
        ):
            told = self.later(f"/api/har{query}")
            self.assertEqual(told.headers["content-disposition"], 'attachment; filename="sellia.har"')
            urls = [each["request"]["url"].partition("?")[0] for each in told.json["log"]["entries"]]
            self.assertEqual(urls, [f"http://web.example{each}" for each in targets])

    def test_redacted(self) -> None:
        self.one()
        self.assertNotIn("s3cret", self.later("/api/har").body.decode())
        self.assertIn("s3cret", self.later("/api/har?redact=0").body.decode())

    def test_in_slices(self) -> None:
        """A long file is made in several turns of the reactor, so that the relay goes on meanwhile."""
        for _ in range(4):
            self.exchange().response_body = Body(b"x" * 300_000, 300_000)
        turns: list[float] = []

        class Counting:
            def callLater(self, delay: float, function: Any, *given: Any) -> Any:
                turns.append(delay)
                return clock.callLater(delay, function, *given)

        clock, self.subject.clock = self.clock, Counting()
        self.assertEqual(len(self.later("/api/har").json["log"]["entries"]), 4)
        self.assertEqual(turns, [0, 0, 0, 0])

    def test_there_and_back(self) -> None:
        self.one()
        file = self.later("/api/har?redact=0").json
        self.ask("/api/exchanges", "DELETE")
        told = self.ask("/api/har", "POST", file)
        self.assertEqual((told.status, told.json["imported"], told.json["wrong"]), (201, 1, []))
        (kept,) = self.ask("/api/exchanges").json["exchanges"]
        self.assertEqual((kept["id"], kept["origin"], kept["target"]), (told.json["ids"][0], "import", "/a?key=k3y"))

    def test_what_is_no_har(self) -> None:
        for body in (b"{}", b'{"log": {}}', b"[]", b'{"log": {"entries": 1}}', b"<har>"):
            told = self.ask("/api/har", "POST", body)
            self.assertEqual((told.status, told.error), (422, "no-har"))
        told = self.ask("/api/har", "POST", b"{}", Content_Type="text/plain")
        self.assertEqual((told.status, told.error), (415, "not-json"))
