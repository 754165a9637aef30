"""``sellia auth status`` where no server is asked."""

import os

from sellia.cli.exits import Exit
from sellia.credentials import credentials
from tests.cli.case import CommandCase

SERVER = "https://sellia.example"


class StatusTests(CommandCase):
    def test_status_without_keys(self) -> None:
        self.assertIn("No key is stored", self.invoke("auth", "status", status=Exit.NOT_AUTHORISED))
        shown = self.invoke("auth", "status", "--server", SERVER, status=Exit.NOT_AUTHORISED)
        self.assertIn("no key is stored for this server", shown)
        self.assertEqual(self.invoke("auth", "status", "--json", status=Exit.NOT_AUTHORISED), '{"servers": []}\n')

    def test_a_key_that_others_can_read(self) -> None:
        path = credentials(os.environ).save(SERVER, "secret-key")
        os.chmod(path, 0o644)
        shown = self.invoke("auth", "status", status=Exit.SETTINGS)
        self.assertIn("other users of this machine may read or write it", shown)
        self.assertIn(f"chmod 600 {path}", shown)
        self.assertNotIn("secret", shown)
