"""``sellia server``: the same program as ``twistd sellia-server``, under a name that people find."""

import sys
import sysconfig
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.e2e.case import watched
from tests.processes import Process, free_port

SELLIA = str(Path(sysconfig.get_path("scripts"), "sellia"))


class ServerTests(SynchronousTestCase):
    def start(self, *options: str) -> Process:
        process = watched(Process([sys.executable, SELLIA, "server", *options], name="sellia server"))
        self.addCleanup(process.stop)
        return process

    def test_runs_and_leaves_no_file(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        port = free_port()
        process = Process(
            [sys.executable, SELLIA, "server", "--port", str(port), "--domain", "localhost"],
            name="sellia server",
            cwd=str(directory),
        )
        self.addCleanup(process.stop)
        process.wait_for_line(f"Sellia .* serves http://localhost:{port}")
        self.assertEqual(list(directory.iterdir()), [], "no pid file")

    def test_help_and_mistakes_are_the_plugins(self) -> None:
        shown = self.start("--help")
        self.assertEqual(shown.wait_for_exit(), 0)
        self.assertIn("--trust-proxy", shown.output)
        wrong = self.start("--prot", "1")
        self.assertEqual(wrong.wait_for_exit(), 1)
        self.assertIn("option --prot not recognized", wrong.output)
