"""The entry point of the command."""

import subprocess
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import sellia
from sellia.__main__ import main
from sellia.cli.exits import Exit
from tests.processes import ROOT


class EntryTests(SynchronousTestCase):
    def test_as_a_module(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "sellia", "--version"], capture_output=True, text=True, cwd=ROOT, check=True
        )
        self.assertEqual(done.stdout, f"sellia {sellia.__version__}\n")

    def test_interrupted_while_it_imports(self) -> None:
        """At any moment: there is no traceback."""

        class Interrupting:
            def find_spec(self, name: str, *rest: object) -> None:
                if name == "sellia.cli.main":
                    raise KeyboardInterrupt

        kept = {name: module for name, module in sys.modules.items() if name == "sellia.cli.main"}
        finder: Any = Interrupting()
        sys.meta_path.insert(0, finder)
        self.addCleanup(sys.modules.update, kept)
        self.addCleanup(sys.meta_path.remove, finder)
        sys.modules.pop("sellia.cli.main", None)
        left = self.assertRaises(SystemExit, main)
        self.assertEqual(left.code, Exit.INTERRUPTED)
