"""The API over exchanges of a hostile visitor: nothing that it answers is taken for anything but data."""

import json

from sellia.inspector.capture import Capture
from tests.client.inspector.stage import SiteCase, Told
from tests.inspector import hostile

COUNT = 120


class HostileTests(SiteCase):
    def setUp(self) -> None:
        super().setUp()
        capture = Capture(self.store, self.clock.seconds, 1000.0, lambda _: hostile.text(0).decode())
        hostile.pass_through(capture.session(), COUNT)

    def check(self, told: Told, type: str) -> None:
        """The answer is data of its type, whatever a browser makes of it, and its head has nothing from outside."""
        self.assertEqual(told.headers["content-type"], type)
        self.assertEqual(told.headers["x-content-type-options"], "nosniff")
        self.assertIn("default-src 'none'", told.headers["content-security-policy"])
        self.assertNotIn("unsafe", told.headers["content-security-policy"])
        for value in told.headers.values():
            self.assertNotIn("hurt", value)
        self.assertNotIn("set-cookie", told.headers)

    def json(self, path: str) -> object:
        told = self.ask(path)
        self.assertEqual(told.status, 200, path)
        self.check(told, "application/json")
        found = json.loads(told.body.decode("utf-8"), parse_constant=self.fail)
        for each in hostile.strings(found):
            each.encode("utf-8")
        return found

    def test_exchanges(self) -> None:
        self.json("/api/exchanges?limit=10000")
        for exchange in self.store:
            self.json(f"/api/exchanges/{exchange.id}")
            self.json(f"/api/why/{exchange.id}")

    def test_messages(self) -> None:
        for exchange in self.store:
            if exchange.timeline is not None:
                self.json(f"/api/exchanges/{exchange.id}/messages")

    def test_bodies_are_attachments(self) -> None:
        paths = [f"/api/exchanges/{each.id}/{way}-body" for each in self.store for way in ("request", "response")]
        paths += [f"/api/exchanges/{each.id}/messages/0" for each in self.store if each.timeline is not None]
        for path in paths:
            told = self.ask(path)
            self.assertEqual(told.status, 200, path)
            self.check(told, "application/octet-stream")
            self.assertRegex(told.headers["content-disposition"], r'^attachment; filename="[a-z0-9.-]+"$')
            self.assertTrue(told.headers["content-security-policy"].startswith("sandbox;"))

    def test_names_from_outside_find_nothing(self) -> None:
        for each in hostile.TEXTS[:20]:
            name = "".join(f"%{byte:02x}" for byte in each)
            for path in (f"/api/exchanges/{name}", f"/api/why/{name}", f"/api/exchanges/3/messages/{name}"):
                told = self.ask(path)
                self.assertIn(told.status, (404, 400))
                self.check(told, "application/problem+json")
