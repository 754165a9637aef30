"""``sellia auth login`` up to the server, which ``tests.e2e.test_auth`` asks."""

import os
from pathlib import Path

from sellia.cli.exits import Exit
from tests.cli.case import CommandCase

SERVER = "https://sellia.example"


class LoginTests(CommandCase):
    def login(self, *arguments: str, status: int = Exit.SETTINGS) -> str:
        return self.invoke("auth", "login", "--server", SERVER, *arguments, status=status)

    def test_what_can_be_no_key(self) -> None:
        for key, what in (
            ("", "there is no key"),
            ("two words\x1b[31m", "no line break, no control character"),
            (" secret-word", "no space around it"),
            ("secret\nsecond", "no line break"),
            ("s" * 5000, "at most 4096 characters"),
        ):
            shown = self.login("--key", key)
            self.assertIn(what, shown)
            self.assertIn("Hint: ", shown)
            self.assertNotIn("secret", shown)

    def test_files_that_have_none(self) -> None:
        path = Path(self.mktemp())
        self.assertIn("--key-file: cannot read", self.login("--key-file", str(path)))
        path.write_text("\n")
        self.assertIn("--key-file: there is no key", self.login("--key-file", str(path)))
        path.write_bytes(b"\xff\xfe")
        self.assertIn("--key-file: ", self.login("--key-file", str(path)))

    def test_nothing_on_standard_input(self) -> None:
        self.assertIn("standard input: there is no key", self.login())

    def test_two_keys(self) -> None:
        self.login("--key", "a", "--key-file", "b", status=Exit.USAGE)

    def test_which_server(self) -> None:
        shown = self.invoke("auth", "login", "--key", "k", status=Exit.SETTINGS)
        self.assertIn("it is not said which server is meant", shown)
        shown = self.invoke("auth", "login", "--server", "sellia.example", "--key", "k", status=Exit.SETTINGS)
        self.assertIn("Write it as https://sellia.example.", shown)

    def test_plain_http_to_another_machine(self) -> None:
        shown = self.invoke("auth", "login", "--server", "http://a.example", "--key", "k", status=Exit.SETTINGS)
        self.assertIn("everybody on the way to http://a.example could read the key", shown)
        self.assertIn("--allow-http", shown)

    def test_who_is_asked_in_a_cloned_repository(self) -> None:
        """Not the server that the repository names: it would be shown the key."""
        project = Path(self.mktemp()).absolute()
        (project / ".git").mkdir(parents=True)
        (project / "sellia.yaml").write_text("server: https://evil.example\n")
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(project)
        shown = self.invoke("auth", "login", "--key", "k", status=Exit.SETTINGS)
        self.assertIn("it is not said which server is meant", shown)
