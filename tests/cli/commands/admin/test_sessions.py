"""``sellia admin sessions``, ``events`` and ``usage``: what is shown of a server that runs."""

import json
from typing import Any

from tests.cli.commands.admin.case import AdminCommandCase

SESSION: dict[str, Any] = {
    "id": "ses_1",
    "name": "5f0a61c2",
    "account": "acc_1",
    "address": "192.0.2.1",
    "client": "sellia/0.1.0",
    "state": "attached",
    "since": "2027-01-31T12:34:56Z",
    "rtt_seconds": 0.0213,
    "tunnels": [{"name": "app", "kind": "http", "streams": 1}],
    "streams": 1,
    "bytes_in": 2048,
    "bytes_out": 10,
}
EVENT: dict[str, Any] = {
    "id": 7,
    "at": "2027-01-31T12:34:56.789Z",
    "kind": "key.revoked",
    "account": None,
    "key_prefix": "master",
    "address": "192.0.2.1",
    "subject": "key_1",
    "detail": {"reason": "left\x1b[31m"},
}
USAGE: dict[str, Any] = {
    "day": "2027-01-31",
    "account": "acc_1",
    "name": "app",
    "requests": 1234,
    "messages": 0,
    "bytes_in": 2048,
    "bytes_out": 4096,
    "connected_seconds": 3700.0,
}


class SessionTests(AdminCommandCase):
    def test_sessions(self) -> None:
        self.answered({"GET sessions": {"items": [SESSION]}, "DELETE sessions/ses_1": None})
        shown = self.admin("sessions", "list")
        self.assertIn("ses_1  5f0a61c2  acc_1", shown)
        self.assertIn("21 ms  app      1        2.0 KiB / 10 B", shown)
        self.assertEqual(self.admin("sessions", "kick", "ses_1"), "Ended the session ses_1.\n")
        self.answered({"GET sessions": {"items": []}})
        self.assertEqual(self.admin("sessions", "list"), "No client is connected.\n")


class EventTests(AdminCommandCase):
    def test_the_newest(self) -> None:
        """They are shown in the order in which they happened, and nothing in them acts on the terminal."""
        older = {**EVENT, "id": 6, "kind": "key.created"}
        api = self.answered({"GET events": {"items": [EVENT, older], "after": 7}})
        first, second = self.admin("events").splitlines()
        self.assertIn("key.created", first)
        expected = "key.revoked         key=master  address=192.0.2.1  subject=key_1  reason=left\\x1b[31m"
        self.assertEqual(second, f"2027-01-31 12:34:56  {expected}")
        self.assertEqual(api.asked, [("GET events", {"limit": 50, "newest": True})])

    def test_chosen(self) -> None:
        api = self.answered({"GET events": {"items": [EVENT], "after": 7}})
        said = self.admin("events", "--after", "3", "--kind", "key", "--account", "acme", "--json")
        self.assertEqual([json.loads(each) for each in said.splitlines()], [EVENT])
        self.assertEqual(api.asked, [("GET events", {"account": "acme", "kind": "key", "after": 3, "limit": 500})])


class UsageTests(AdminCommandCase):
    def test_usage(self) -> None:
        api = self.answered({"GET usage": {"items": [USAGE]}})
        said = self.admin("usage", "--from", "2027-01-31", "--to", "2027-01-31", "--name", "app")
        self.assertIn("app   1,234     0         2.0 KiB  4.0 KiB  1 h 1 min", said)
        self.assertEqual(api.asked[0][1], {"from_": "2027-01-31", "to": "2027-01-31", "name": "app"})
