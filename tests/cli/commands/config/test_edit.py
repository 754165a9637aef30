"""``sellia config edit``: with the user's editor, and a check behind it."""

import os
import stat

from sellia.cli.exits import Exit
from tests.cli.commands.config.case import ConfigCase


class EditTests(ConfigCase):
    def editor(self, text: str) -> None:
        """An editor that adds a line."""
        path = self.write(f"{self.root}/editor", f"#!/bin/sh\nprintf '%s\\n' '{text}' >> \"$1\"\n")
        os.chmod(path, 0o700)
        os.environ["VISUAL"] = path

    def test_a_new_file(self) -> None:
        self.editor("server: https://t.example")
        self.assertEqual(self.invoke("config", "edit"), f"Nothing is wrong in {self.user}.\n")
        self.assertEqual(stat.S_IMODE(os.stat(self.user).st_mode), 0o600)
        with open(self.user) as file:
            lines = file.read().splitlines()
        self.assertEqual(lines[0], "# yaml-language-server: $schema=sellia.schema.json")
        self.assertEqual(lines[-1], "server: https://t.example")
        self.assertTrue(os.path.exists(os.path.join(os.path.dirname(self.user), "sellia.schema.json")))

    def test_a_file_that_is_there(self) -> None:
        self.write(self.project, "tunnels: {web: {target: 1}}\n")
        self.editor("log: {level: debug}")
        self.invoke("config", "edit", "project")
        with open(self.project) as file:
            self.assertEqual(file.read(), "tunnels: {web: {target: 1}}\nlog: {level: debug}\n")

    def test_faults(self) -> None:
        self.editor("sever: x")
        self.assertIn("Did you mean server?", self.invoke("config", "edit", status=Exit.SETTINGS))

    def test_what_cannot_be(self) -> None:
        self.invoke("config", "edit", "project", "--for", "server", status=Exit.USAGE)
        self.write(os.path.join(self.root, "home", ".config"), "a file, not a directory")
        self.assertIn("cannot write", self.invoke("config", "edit", status=Exit.FAILED))

    def test_no_editor(self) -> None:
        """The user is told which variable is meant, and where the file is."""
        self.write(self.project, "tunnels: {web: {target: 1}}\n")
        for editor, said in (
            ("/nowhere/ed", "could not be run, or failed"),
            ("'", "is no command"),
            ("false", "failed"),
        ):
            os.environ["VISUAL"] = editor
            shown = self.invoke("config", "edit", "project", status=Exit.FAILED)
            self.assertIn(said, shown)
            self.assertIn("VISUAL and EDITOR name the editor", shown)
            self.assertNotIn("Errno", shown)

    def test_server(self) -> None:
        self.editor("domain: localhost")
        self.invoke("config", "edit", "--for", "server")
        self.assertTrue(os.path.exists(os.path.join(os.path.dirname(self.user), "server.yaml")))
