"""``sellia start`` up to the client that it runs, which ``tests.e2e.test_start`` tries."""

import os
from typing import Any

from sellia.cli.commands import start
from sellia.cli.exits import Exit
from tests.cli.case import CommandCase

FILE = """\
server: http://localhost:3000
tunnels:
  web: {target: 5173, subdomain: myapp}
  api: {paths: {/: 8000, /v2: {target: 8002, strip: true}}}
  database: {kind: tcp, target: 5432}
"""


class StartTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.ran: list[tuple[list[str], bool]] = []
        self.patch(start, "run_client", self.run_client)
        directory = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(directory, ".git"))
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(directory)
        # The file of a project that names a server which the user has logged in to.
        keys = os.path.join(os.environ["XDG_CONFIG_HOME"], "sellia", "keys")
        os.makedirs(keys, 0o700)
        with open(os.open(os.path.join(keys, "http+localhost+3000"), os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write("k\n")
        self.write(FILE)

    def write(self, text: str) -> None:
        with open("sellia.yaml", "w") as file:
            file.write(text)

    def run_client(self, settings: Any, display: Any, persistence: Any, *, command: str, read: Any) -> int:
        self.assertEqual(command, "sellia start")
        self.read = read
        self.ran.append(([each.name for each in settings.tunnels], display.as_json))
        self.key = settings.api_key.get_secret_value()
        return 0

    def test_names(self) -> None:
        self.invoke("start", "web", "database", "--json")
        self.invoke("start", "--all")
        self.assertEqual(self.ran, [(["web", "database"], True), (["web", "api", "database"], False)])
        self.assertEqual(self.key, "k")

    def test_from_below(self) -> None:
        os.mkdir("src")
        os.chdir("src")
        self.invoke("start", "api")
        self.assertEqual(self.ran, [(["api"], False)])

    def test_listing(self) -> None:
        shown = self.invoke("start")
        self.assertEqual(
            shown.splitlines(),
            [
                "Tunnels in sellia.yaml:",
                "  web       myapp     http://localhost:5173",
                "  api       any name  /v2=http://localhost:8002, /=http://localhost:8000",
                "  database  port any  tcp://localhost:5432",
                "`sellia start web` opens one, `sellia start --all` all of them.",
            ],
        )
        self.assertEqual(self.ran, [])

    def test_those_that_start_by_themselves(self) -> None:
        """Standard output is for what the client says."""
        self.write(FILE.replace("subdomain: myapp", "autostart: true"))
        result = self.result("start")
        self.assertEqual(self.ran, [(["web"], False)])
        self.assertEqual(result.stdout, "")
        lines = result.stderr.splitlines()
        self.assertEqual(lines[1], "* web       any name  http://localhost:5173")
        told = "Those with * open now. `sellia start api` opens one, `sellia start --all` all of them."
        self.assertEqual(lines[-1], told)
        for flag in ("--json", "--quiet"):
            self.assertEqual(self.result("start", flag).output, "")

    def test_a_mistyped_name(self) -> None:
        shown = self.invoke("start", "wbe", status=Exit.USAGE)
        self.assertIn("Error: there is no tunnel wbe in the settings. Did you mean web?", shown)
        self.assertIn("leave out the names", self.invoke("start", "web", "--all", status=Exit.USAGE))

    def test_nothing_is_described(self) -> None:
        self.write("server: http://localhost:3000\n")
        shown = self.invoke("start", status=Exit.SETTINGS)
        self.assertIn("it is not said what to expose", shown)
        self.assertIn("tunnels: {web: {target: 8080}}", shown)

    def test_flags(self) -> None:
        self.assertIn("No such option", self.invoke("start", "web", "--subdomain", "x", status=Exit.USAGE))
        self.invoke("start", "web", "--server", "http://localhost:1", "--api-key", "typed")
        self.assertEqual(self.key, "typed")
