"""The ``sellia`` command: its commands are found without importing them, and what is mistyped gets a suggestion."""

import os
import subprocess
import sys
import tempfile
from importlib import import_module

import click
from twisted.trial.unittest import SynchronousTestCase

import sellia
from sellia.cli.exits import Exit
from sellia.cli.main import COMMANDS, nearest
from tests.cli.case import CommandCase
from tests.processes import start_server

#: What must not be imported before a command that needs it runs.
HEAVY = ("twisted", "autobahn", "pydantic", "rich", "yaml", "msgspec", "OpenSSL")


class GroupTests(CommandCase):
    def test_help_lists_every_command(self) -> None:
        shown = self.invoke("--help")
        for name, line in COMMANDS.items():
            self.assertRegex(shown, rf"(?m)^  {name} +{line}$")
        self.assertEqual(self.invoke("-h"), shown)

    def test_lines_of_help_are_those_of_the_commands(self) -> None:
        for name, line in COMMANDS.items():
            command: click.Command = import_module(f"sellia.cli.commands.{name}").command
            self.assertEqual((command.help or "").partition("\n")[0], line, name)

    def test_version(self) -> None:
        self.assertEqual(self.invoke("--version"), f"sellia {sellia.__version__}\n")
        self.assertEqual(self.invoke("-V"), f"sellia {sellia.__version__}\n")

    def test_mistyped(self) -> None:
        shown = self.invoke("htp", "8080", status=Exit.USAGE)
        self.assertIn("No such command: htp. Did you mean http?", shown)
        self.assertIn("'--server'", self.invoke("http", "80", "--sever", "x", status=Exit.USAGE))
        self.assertNotIn("Did you mean", self.invoke("xyzzy", status=Exit.USAGE))
        self.assertEqual(nearest("name-takn", ("wrong-key", "name-taken")), " Did you mean name-taken?")

    def imported(self, *arguments: str, **environment: str) -> set[str]:
        """What of the heavy libraries a command has imported when it ends."""
        script = (
            "import sys, atexit\n"
            "atexit.register(lambda: print(*sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr))\n"
            "from sellia.cli.main import main\n"
            "main()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            timeout=60,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return set(done.stderr.split()) & set(HEAVY)

    def test_help_and_completion_import_little(self) -> None:
        self.assertEqual(self.imported("--help"), set())
        self.assertEqual(self.imported("help", "name-taken"), set())
        self.assertEqual(self.imported("version"), set())
        self.assertEqual(self.imported("status"), set())
        self.assertEqual(self.imported("config", "--help"), set())
        self.assertEqual(self.imported("config", "show", "--help"), set())
        words = {"_SELLIA_COMPLETE": "bash_complete", "COMP_WORDS": "sellia ht", "COMP_CWORD": "1"}
        self.assertEqual(self.imported(**words), set())
        self.assertIn("twisted", self.imported("http", "--help"))


class IdleTests(SynchronousTestCase):
    """What a client without a terminal holds in memory for as long as it runs."""

    #: Modules that are imported when they are used: each is some 0.5 to 3 MiB with what it imports.
    UNUSED = (
        "alembic",
        "jsonschema",
        "rich",
        "segno",
        "sellia.cli.admin",
        "sellia.cli.detach",
        "sellia.cli.importers",
        "sellia.cli.screen.screen",
        "sellia.client.inspector.api",
        "sellia.client.inspector.web",
        "sellia.client.local.static",
        "sellia.client.local.terminator",
        "sellia.inspector.decode",
        "sellia.inspector.har",
        "sellia.inspector.recording",
        "sellia.relay.http.policy",
        "sellia.server",
        "sellia.storage",
        "sellia.transports.original",
        "sellia.ui",
        "sqlalchemy",
        "sqlite3",
        "twisted.web",
        "treq",
        "jinja2",
        "yaml",
        "zstandard",
    )

    def test_imports_what_it_uses(self) -> None:
        script = (
            "import sys, atexit\n"
            "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
            "from sellia.cli.main import main\n"
            "main()\n"
        )
        with start_server() as server, tempfile.TemporaryDirectory() as home:
            kept = {name: value for name, value in os.environ.items() if not name.startswith(("SELLIA", "XDG"))}
            kept.pop("FORCE_COLOR", None)
            with subprocess.Popen(
                [sys.executable, "-c", script, "http", "9", "--server", f"http://127.0.0.1:{server.port}"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**kept, "HOME": home},
            ) as client:
                assert client.stdout is not None
                url = client.stdout.readline()
                client.terminate()
                _, errors = client.communicate(timeout=60)
        self.assertTrue(url.startswith("http://"), errors)
        modules = set(errors.splitlines()[-1].split())
        self.assertIn("sellia.client.service", modules)
        self.assertEqual(modules & set(self.UNUSED), set())
