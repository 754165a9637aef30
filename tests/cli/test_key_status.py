"""What is shown of stored keys."""

import json

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.key_status import StoredKey, stored_keys, summary
from sellia.cli.server_choice import Way
from sellia.client.proxies import DIRECT
from sellia.credentials import Credentials
from sellia.errors import RefusedError, SelliaError, UnreachableError
from sellia.protocol.http_api import KeyLimits, KeyReport, KeyUse

KEY = "f3a9" + "0" * 40
REPORT = KeyReport(True, ["http", "tcp"], ["*"], None, KeyLimits(10, 20, 5), KeyUse(1, 2))


class StoredKeyTests(SynchronousTestCase):
    def entry(self, report: KeyReport | None = None, error: SelliaError | None = None) -> StoredKey:
        return StoredKey("https://a.example", KEY, "/keys/a", report, error)

    def test_accepted(self) -> None:
        entry = self.entry(REPORT)
        expected = (
            "https://a.example\n  key       f3a9…, in /keys/a\n  may open  http and tcp tunnels under any name\n"
            "  in use    2 of 20 tunnels, 1 of 10 clients"
        )
        self.assertEqual(entry.as_text(), expected)
        self.assertEqual(entry.as_json()["limits"], {"clients": 10, "tunnels": 20, "tunnels_per_client": 5})
        self.assertTrue(entry.as_json()["accepted"])

    def test_refused_or_not_reached(self) -> None:
        for error, accepted, code in (
            (RefusedError("wrong-key", "The server does not accept this API key."), False, "wrong-key"),
            (RefusedError("too-many-attempts", "Try again in 9 s."), None, "too-many-attempts"),
            (UnreachableError("a.example:443 refused the connection", "Check the URL."), None, None),
        ):
            entry = self.entry(error=error)
            self.assertIs(entry.accepted, accepted)
            self.assertEqual(entry.as_json()["error"]["code"], code)
            self.assertIn("  problem   ", entry.as_text())
            self.assertNotIn(KEY, entry.as_text() + json.dumps(entry.as_json()))

    def test_limited_keys(self) -> None:
        report = KeyReport(False, ["http"], ["app-*", "demo\x1b[31m"], "2027-01-01T00:00:00Z")
        shown = summary(report)
        self.assertIn("http tunnels under the names app-*, demo", shown)
        self.assertIn("expires   2027-01-01T00:00:00Z", shown)
        self.assertIn("requires no key", shown)
        self.assertNotIn("\x1b", shown)
        self.assertIn("and 90 more", summary(KeyReport(True, ["http"], [f"n{number}" for number in range(100)])))
        self.assertIn("no tunnels under no name", summary(KeyReport(True)))

    def test_without_a_key(self) -> None:
        """Nobody is asked then."""
        (entry,) = stored_keys(["https://a.example"], Credentials(self.mktemp()), Way(None, None, DIRECT))
        self.assertEqual((entry.accepted, entry.as_json()["error"]["code"]), (False, "key-required"))
