"""``sellia admin keys``: what is asked, and what is shown."""

from typing import Any

from sellia.cli.exits import Exit
from tests.cli.commands.admin.case import AdminCommandCase

KEY: dict[str, Any] = {
    "id": "key_1",
    "account": "acc_1",
    "name": "laptop",
    "prefix": "sl_live_abcd",
    "scopes": ["http", "tcp"],
    "names": ["app-*"],
    "networks": [],
    "limits": None,
    "state": "active",
    "created_at": "2027-01-31T12:34:56Z",
    "expires_at": None,
    "revoked_at": None,
    "revoked_reason": "",
    "replaces": None,
    "last_used_at": "2027-02-01T00:00:00Z",
    "last_used_from": "192.0.2.1",
}
MADE = {**KEY, "key": "sl_live_abcdSECRET"}


class KeyTests(AdminCommandCase):
    def test_list_and_show(self) -> None:
        self.answered({"GET keys": {"items": [KEY]}, "GET keys/key_1": KEY})
        row = self.admin("keys", "list").splitlines()[1].split()
        self.assertEqual(row[:6], ["key_1", "acc_1", "laptop", "sl_live_abcd", "http,", "tcp"])
        shown = self.admin("keys", "show", "key_1")
        self.assertIn("names           app-*\nnetworks        -\n", shown)

    def test_create(self) -> None:
        """The key alone is on standard output; the rest is on standard error."""
        api = self.answered({"POST keys": MADE})
        result = self.result("admin", "keys", "create", "acme")
        self.assertEqual(result.stdout, "sl_live_abcdSECRET\n")
        self.assertEqual(result.stderr, "This is the key key_1, which is not shown again.\n")
        options = ("--name", "x", "--scope", "tcp", "--may-have", "a-*", "--network", "10.0.0.0/8", "--limits", "team")
        self.admin("keys", "create", "acme", *options, "--expires", "2027-01-31T12:00:00Z")
        self.assertEqual(api.asked[0], ("POST keys", {"account": "acme"}))
        body = {"account": "acme", "name": "x", "scopes": ["tcp"], "names": ["a-*"], "networks": ["10.0.0.0/8"]}
        self.assertEqual(api.asked[1][1], {**body, "limits": "team", "expires_at": "2027-01-31T12:00:00Z"})
        self.assertEqual(self.json("keys", "create", "acme"), MADE)
        self.assertIn(
            "--expires must be a time", self.admin("keys", "create", "a", "--expires", "x", status=Exit.USAGE)
        )
        self.admin("keys", "create", "acme", "--scope", "ftp", status=Exit.USAGE)

    def test_rotate_and_revoke(self) -> None:
        api = self.answered({"POST keys/key_1/rotate": MADE, "DELETE keys/key_1": None})
        self.assertTrue(self.admin("keys", "rotate", "key_1", "--overlap", "24h").startswith("sl_live_abcdSECRET\n"))
        self.assertEqual(self.admin("keys", "revoke", "key_1"), "Revoked the key key_1.\n")
        self.assertEqual(api.asked[0], ("POST keys/key_1/rotate", {"overlap_seconds": 86_400}))
