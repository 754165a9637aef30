"""``sellia config check``: everything that is wrong, each with its place."""

import json

from sellia.cli.exits import Exit
from tests.cli.commands.config.case import ConfigCase

WRONG = """\
server: https://t.example
tunnles: {}
tunnels:
  web: {target: 8080, request_timeout: soon}
  api:
    target: 8000
    api_key: SECRET
    auth: [[SECRET]]
log: {levle: debug}
"""


class CheckTests(ConfigCase):
    def test_everything_at_once(self) -> None:
        path = self.write(self.user, WRONG)
        shown = self.invoke("config", "check", status=Exit.SETTINGS)
        self.assertEqual(
            [line for line in shown.splitlines() if not line.startswith("    ")],
            [
                f"{path}:2:1: tunnles is not a setting",
                f"{path}:4:40: tunnels.web.request_timeout: must be a time such as 30, 30s, 2m or 1h30m, not soon",
                f"{path}:7:5: tunnels.api.api_key is not a setting",
                f"{path}:8:5: tunnels.api.auth: must be text",
                f"{path}:9:7: log.levle is not a setting",
                "5 faults.",
            ],
        )
        self.assertIn("Did you mean tunnels?", shown)
        self.assertIn("Did you mean log.level?", shown)
        self.assertNotIn("SECRET", shown)

    def test_for_programs(self) -> None:
        path = self.write(self.user, "server: 5\n")
        found = json.loads(self.invoke("config", "check", "--json", status=Exit.SETTINGS))
        [fault] = found["faults"]
        self.assertEqual((fault["file"], fault["line"], fault["column"]), (path, 1, 9))
        self.assertIn("must be text", fault["message"])

    def test_nothing_wrong(self) -> None:
        user = self.write(self.user, "server: https://t.example\n")
        project = self.write(self.project, "tunnels: {web: {target: 8080}}\n")
        self.assertEqual(self.invoke("config", "check"), f"Nothing is wrong in {user}, {project}.\n")
        self.write(self.user, "")
        self.assertEqual(self.invoke("config", "check"), f"Nothing is wrong in {project}.\n")

    def test_one_file(self) -> None:
        self.write(self.project, "nonsense: 1\n")
        path = self.write(f"{self.root}/x.yaml", "server: https://t.example\n")
        self.assertEqual(self.invoke("config", "check", path), f"Nothing is wrong in {path}.\n")
        self.assertEqual(self.invoke("config", "check", "--config", path), f"Nothing is wrong in {path}.\n")
        self.invoke("config", "check", path, "--config", path, status=Exit.USAGE)
        self.assertIn("cannot read", self.invoke("config", "check", "/nowhere", status=Exit.SETTINGS))

    def test_not_yaml(self) -> None:
        path = self.write(self.user, "server: 'x\n")
        self.assertIn(f"{path}:1:9: is not valid YAML", self.invoke("config", "check", status=Exit.SETTINGS))

    def test_server(self) -> None:
        path = self.write(f"{self.root}/server.yaml", "domain: t.example\nopen: true\nlimits: {tunels: 5}\n")
        for arguments in ((path,), ("--for", "server", "--config", path)):
            shown = self.invoke("config", "check", *arguments, status=Exit.SETTINGS)
            self.assertIn(f"{path}:3:10: limits.tunels is not a setting", shown)
            self.assertIn("Did you mean limits.tunnels?", shown)
        self.invoke("config", "check", "--for", "server", "--profile", "x", status=Exit.USAGE)
