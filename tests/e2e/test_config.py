"""``sellia config`` and ``--check`` as processes, on pipes and on a terminal."""

import os
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import time

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.exits import Exit
from tests.processes import START_DEADLINE

_SELLIA = [sys.executable, "-c", "from sellia.cli.main import main; main()"]
_TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]


class ProcessCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = os.path.realpath(tempfile.mkdtemp(prefix="sellia-test-"))
        self.addCleanup(shutil.rmtree, self.home)
        self.user = self.write(".config/sellia/sellia.yaml", "server: https://t.example\napi_key: SECRET\n")
        rest = {name: value for name, value in os.environ.items() if not name.startswith(("SELLIA_", "XDG_", "COLOR"))}
        self.environment = {**rest, "HOME": self.home, "TERM": "xterm", "NO_COLOR": ""}

    def write(self, name: str, text: str, mode: int = 0o600) -> str:
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def run_it(self, command: list[str], *arguments: str) -> tuple[int, str, str]:
        """The status of a command on pipes, and what it writes."""
        done = subprocess.run(
            [*command, *arguments],
            cwd=self.home,
            env={**self.environment, "PYTHONPATH": os.getcwd()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_DEADLINE,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


class PipeTests(ProcessCase):
    def test_values_go_to_standard_output_and_faults_to_standard_error(self) -> None:
        status, out, errors = self.run_it(_SELLIA, "config", "show", "--origin")
        self.assertEqual((status, errors), (Exit.OK, ""))
        self.assertEqual(out.splitlines()[0].split(), ["server:", "https://t.example", "#", f"{self.user}:1:9"])
        self.assertNotIn("SECRET", out)
        path = self.write("sellia.yaml", "tunnels: {web: {target: nowhere, auth: 'SECRET'}}\nprt: 1\n")
        status, out, errors = self.run_it(_SELLIA, "config", "check")
        self.assertEqual((status, out), (Exit.SETTINGS, ""))
        self.assertIn(f"{path}:2:1: prt is not a setting\n    Did you mean port?\n", errors)
        self.assertEqual(errors.count(f"{path}:1:"), 2)
        self.assertNotIn("SECRET", errors)
        self.assertNotIn("\x1b", errors)


class CheckFlagTests(ProcessCase):
    """``--check`` under each of its names: nothing starts."""

    def test_server(self) -> None:
        good = self.write("good.yaml", "master_key: SECRET\nlimits: {tunnels: 7}\n")
        bad = self.write("bad.yaml", "limits: {tunnels: 0, tunels: 1}\nport: x\n")
        for command in ([*_SELLIA, "server"], [*_TWISTD, "sellia-server"]):
            status, out, errors = self.run_it(command, "--check", "--config", good, "--port", "4000")
            self.assertEqual((status, errors), (Exit.OK, ""))
            self.assertEqual(
                [line.split("#")[0].rstrip() for line in out.splitlines()],
                ["port: 4000", 'master_key: "********"', "limits:", "  tunnels: 7"],
            )
            status, out, errors = self.run_it(command, "--check", "--config", bad)
            self.assertEqual((status, out), (Exit.SETTINGS, ""))
            places = [line.partition(" ")[0] for line in errors.splitlines() if not line.startswith("Hint")]
            self.assertEqual(places, [f"{bad}:1:19:", f"{bad}:1:22:", f"{bad}:2:7:"])
        self.assertEqual(sorted(os.listdir(self.home)), [".config", "bad.yaml", "good.yaml"], "no pid file, no log")

    def test_what_is_wrong_with_options(self) -> None:
        for option, expected in (("--port=x", Exit.SETTINGS), ("--prot=1", Exit.USAGE)):
            status, out, errors = self.run_it(_SELLIA, "server", option)
            self.assertEqual((status, out), (expected, ""))
            self.assertRegex(errors, r"^sellia server: .+\nHint: .+\n$")

    def test_client(self) -> None:
        status, out, errors = self.run_it([*_TWISTD, "sellia-client"], "--check", "--target", "8080")
        self.assertEqual((status, errors), (Exit.OK, ""))
        self.assertIn('target: "8080" ', out)
        self.assertNotIn("SECRET", out)


class TerminalTests(ProcessCase):
    """On a terminal, where somebody can be asked."""

    def test_a_file_is_edited_until_nothing_is_wrong(self) -> None:
        editor = self.write(
            "editor",
            "#!/bin/sh\nif [ -e once ]; then echo 'server: https://x' > \"$1\"\n"
            "else touch once; echo 'sever: x' > \"$1\"; fi\n",
            0o700,
        )
        self.environment["VISUAL"] = editor
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen(
            [*_SELLIA, "config", "edit"],
            cwd=self.home,
            env={**self.environment, "PYTHONPATH": os.getcwd()},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        self.addCleanup(process.kill)
        os.close(theirs)
        self.assertIn("Did you mean server?", self.read_until(ours, "Edit it again?"))
        os.write(ours, b"y\n")
        self.read_until(ours, f"Nothing is wrong in {self.user}.")
        self.assertEqual(process.wait(START_DEADLINE), Exit.OK)

    def read_until(self, terminal: int, text: str) -> str:
        seen = ""
        end = time.monotonic() + START_DEADLINE
        while text not in seen:
            self.assertTrue(select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0], seen)
            seen += os.read(terminal, 4096).decode()
        return seen
