"""``sellia auth logout``."""

import os

from sellia.cli.exits import Exit
from sellia.credentials import credentials
from tests.cli.case import CommandCase


class LogoutTests(CommandCase):
    def test_logout(self) -> None:
        store = credentials(os.environ)
        for server in ("https://a.example", "https://b.example"):
            store.save(server, "k")
        shown = self.invoke("auth", "logout", status=Exit.SETTINGS)
        self.assertIn("Keys are stored for https://a.example, https://b.example", shown)
        self.assertIn("deleted for https://a.example.", self.invoke("auth", "logout", "--server", "https://a.example"))
        self.assertIn("No key was stored for", self.invoke("auth", "logout", "--server", "https://a.example"))
        self.assertIn("deleted for https://b.example.", self.invoke("auth", "logout", "--all"))
        self.assertEqual(self.invoke("auth", "logout", "--all"), "No key was stored.\n")
