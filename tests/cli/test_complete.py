"""What is offered for a word that is begun; with real shells in ``tests.e2e.test_completion``."""

import os
from pathlib import Path

from sellia.cli.complete import SHELLS, answer, candidates, names_in, script, settings_files
from sellia.cli.main import COMMANDS
from sellia.problems import PROBLEMS
from tests.cli.case import CommandCase

FILE = """\
server: https://tunnel.example.com
profiles:
  work: {server: https://work.example}
tunnels:
  # the page
  web:
    target: 5173
    headers:
      x: y
  "api-2": {target: 8000}
  docs.v1:
      target: ./docs
log:
  level: debug
  web2: no tunnel
"""


class CandidateTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        directory = Path(self.mktemp()).absolute()
        (directory / "below" / "further").mkdir(parents=True)
        (directory / ".git").mkdir()
        (directory / "sellia.yaml").write_text(FILE)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(directory / "below" / "further")
        self.patch(os, "environ", {**os.environ, "HOME": str(directory / "home")})
        self.directory = directory

    def offered(self, *words: str) -> list[str]:
        """The values for the last of the words."""
        return [item.value for item in candidates(list(words[:-1]), words[-1])]

    def test_commands(self) -> None:
        self.assertEqual(self.offered(""), list(COMMANDS))
        self.assertEqual(self.offered("ht"), ["http"])
        self.assertEqual(self.offered("auth", "log"), ["login", "logout"])
        self.assertEqual(self.offered("xyzzy"), [])
        (http,) = candidates([], "http")
        self.assertEqual(http.help, COMMANDS["http"])

    def test_options(self) -> None:
        self.assertEqual(self.offered("http", "--sub"), ["--subdomain"])
        self.assertEqual(self.offered("http", "8080", "--no-r"), ["--no-retry"])
        self.assertIn("--trust-proxy", self.offered("server", "--"))
        self.assertIn("--version", self.offered("--"))
        (target,) = candidates(["http", "--"], "--sub")
        self.assertEqual(target.type, "file", "behind -- there are no options")

    def test_values_of_options(self) -> None:
        self.assertEqual(self.offered("http", "--log-level", ""), ["info", "debug"])
        self.assertEqual(self.offered("http", "--auth-preflight", "p"), ["pass"])
        (item,) = candidates(["http", "--ca"], "/et")
        self.assertEqual((item.type, item.value), ("file", "/et"))
        self.assertEqual(self.offered("http", "-s", ""), [], "a name is the user's to choose")
        self.assertEqual(self.offered("http", "--subdomain=web", "--sub"), ["--subdomain"])

    def test_arguments(self) -> None:
        self.assertEqual(self.offered("completion", ""), list(SHELLS))
        self.assertEqual(self.offered("completion", "zsh", ""), [], "there is only one")
        self.assertEqual(self.offered("help", ""), list(PROBLEMS))
        (target,) = candidates(["http"], "./di")
        self.assertEqual(target.type, "file")

    def test_tunnels(self) -> None:
        """Those of the settings file above the working directory, or of the one that is named."""
        self.assertEqual(self.offered("stop", ""), ["web", "api-2", "docs.v1"])
        self.assertEqual(self.offered("stop", "d"), ["docs.v1"])

    def test_names(self) -> None:
        other = self.directory / "other.yaml"
        other.write_text("tunnels: {one: {target: {a: 1}}, 'two': 2}\nprofiles: {}\n")
        self.assertEqual(names_in([other], "tunnels"), ["one", "two"])
        self.assertEqual(names_in(settings_files(str(other)), "tunnels"), ["one", "two"])
        self.assertEqual(names_in(settings_files(), "profiles"), ["work"])
        for text in ("tunnels:\n", "tunnels: []\n", "\x00\xff", "- tunnels:\n", ""):
            other.write_bytes(text.encode("latin-1"))
            self.assertEqual(names_in([other, self.directory, Path("/nowhere")], "tunnels"), [])

    def test_a_project_ends_at_its_repository(self) -> None:
        inner = self.directory / "below" / ".git"
        inner.mkdir()
        self.assertEqual(self.offered("stop", ""), [])

    def test_powershell(self) -> None:
        """The words before the cursor are lines, and so is what is offered, with its help."""
        self.assertIn("Register-ArgumentCompleter -Native -CommandName sellia", script("powershell"))
        self.patch(os, "environ", {**os.environ, "COMP_WORDS": "http\n8080", "COMP_CWORD": "--sub"})
        self.assertTrue(answer("powershell_complete").startswith("--subdomain\tName to ask for"))
        self.patch(os, "environ", {**os.environ, "COMP_WORDS": "http\n--ca", "COMP_CWORD": "/e"})
        self.assertEqual(answer("powershell_complete"), "")

    def test_what_is_not_known(self) -> None:
        self.assertEqual(answer("tcsh_complete"), "")
