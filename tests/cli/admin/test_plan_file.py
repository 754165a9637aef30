"""Files of plans: what they say, and what is wrong with them, by line and column."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.admin.plan_file import read_plan_file
from sellia.errors import SettingsError

FILE = """
limits:
  team: {clients: 20, bytes_per_month: 1000000}
accounts:
  acme:
    limits: team
    note: The people from acme
    names: [app, '*.app', tcp/20000]
    domains: [www.example.com]
  other: {}
"""


class FileTests(SynchronousTestCase):
    def write(self, text: str) -> str:
        path = self.mktemp()
        Path(path).write_text(text, "utf-8")
        return path

    def test_a_file(self) -> None:
        wanted = read_plan_file(self.write(FILE))
        self.assertEqual(wanted.limits["team"]["clients"], 20)
        self.assertEqual(wanted.limits["team"]["tunnels"], None)
        self.assertEqual(wanted.accounts["acme"].names, ["app", "*.app", "tcp/20000"])
        self.assertEqual((wanted.accounts["other"].names, wanted.accounts["other"].limits), (None, None))

    def test_an_empty_file(self) -> None:
        wanted = read_plan_file(self.write(""))
        self.assertEqual((wanted.limits, wanted.accounts), ({}, {}))

    def test_what_is_wrong(self) -> None:
        for text, line in (
            ("account: {}\n", ":1:1: account is not a setting"),
            ("accounts:\n  acme: {name: [app]}\n", ":2:10: accounts.acme.name is not a setting"),
            ("accounts:\n  acme: {names: app}\n", ":2:17: accounts.acme.names: must be a valid list"),
            ("limits:\n  team: {clients: many}\n", ":2:19: limits.team.clients: must be a valid integer"),
            ("accounts: [\n", "is not valid YAML"),
        ):
            error = self.assertRaises(SettingsError, read_plan_file, self.write(text))
            self.assertIn(line, str(error))
        self.assertRaises(SettingsError, read_plan_file, "/nonexistent/file")
