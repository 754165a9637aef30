"""``sellia config show``: what counts, and where it came from."""

import json
import os

from sellia.cli.exits import Exit
from tests.cli.commands.config.case import ConfigCase


class ShowTests(ConfigCase):
    def setUp(self) -> None:
        super().setUp()
        self.write(
            self.user,
            "server: https://t.example\nlog: {level: debug}\ntunnels:\n  web: {target: 1, auth: 'u:SECRET'}\n",
        )
        self.write(self.project, "tunnels:\n  web: {target: 8080}\n  api: {target: 9}\n")

    def test_merged(self) -> None:
        self.assertEqual(
            self.invoke("config", "show"),
            "server: https://t.example\ntunnels:\n  web:\n    target: 8080\n  api:\n    target: 9\n"
            "log:\n  level: debug\n",
        )

    def test_origins(self) -> None:
        os.environ["SELLIA_LOG_LEVEL"] = "info"
        shown = [line.split("# ")[-1] for line in self.invoke("config", "show", "--origin").splitlines() if "#" in line]
        self.assertEqual(
            shown, [f"{self.user}:1:9", f"{self.project}:2:17", f"{self.project}:3:17", "SELLIA_LOG_LEVEL"]
        )

    def test_secrets(self) -> None:
        os.environ["SELLIA_API_KEY"] = "SECRET"
        os.remove(self.project)
        for arguments in ((), ("--origin", "--defaults"), ("--json",)):
            shown = self.invoke("config", "show", *arguments)
            self.assertNotIn("SECRET", shown)
            self.assertEqual(shown.count("********"), 2)

    def test_for_programs(self) -> None:
        found = json.loads(self.invoke("config", "show", "--json"))
        self.assertEqual(
            found["server"], {"value": "https://t.example", "origin": f"{self.user}:1:9", "source": "user"}
        )

    def test_faults(self) -> None:
        self.write(self.project, "tunels: 1\n")
        self.assertIn("tunels is not a setting", self.invoke("config", "show", status=Exit.SETTINGS))

    def test_server(self) -> None:
        self.assertIn("port: 3000", self.invoke("config", "show", "--for", "server", "--defaults"))
