"""``sellia config path``: which files are read, and which are not and why."""

import os

from sellia.cli.exits import Exit
from tests.cli.commands.config.case import ConfigCase


class PathTests(ConfigCase):
    def test_all(self) -> None:
        self.write(self.project, "")
        os.chmod(self.project, 0o666)
        system, user, project = self.invoke("config", "path").splitlines()
        self.assertRegex(system, r"^system   /etc/sellia/sellia\.yaml +(read|there is none)$")
        self.assertRegex(user, rf"^user     {self.user} +there is none$")
        self.assertRegex(project, rf"^project  {self.project} +not read: it can be written to by every user$")
        os.chmod(self.project, 0o600)
        self.assertRegex(self.invoke("config", "path").splitlines()[2], " read$")

    def test_one(self) -> None:
        self.assertEqual(self.invoke("config", "path", "user"), f"{self.user}\n")
        server = self.invoke("config", "path", "user", "--for", "server")
        self.assertEqual(server, f"{os.path.dirname(self.user)}/server.yaml\n")
        self.invoke("config", "path", "project", "--for", "server", status=Exit.FAILED)
