"""``sellia completion``: the scripts work in the shells that are there, and name commands and options."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from sellia.cli.exits import Exit
from sellia.cli.main import COMMANDS
from tests.cli.case import CommandCase


class CompletionTests(CommandCase):
    def test_scripts(self) -> None:
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("_SELLIA_COMPLETE", self.invoke("completion", shell))
        self.invoke("completion", "tcsh", status=Exit.USAGE)

    def complete(self, *words: str) -> list[str]:
        """What bash is offered for the last of these words."""
        environment = {
            **os.environ,
            "_SELLIA_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        }
        command = [sys.executable, "-c", "from sellia.cli.main import main; main()"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
        self.assertEqual(done.stderr, "")
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    def test_commands_and_options(self) -> None:
        self.assertEqual(self.complete("sellia", ""), list(COMMANDS))
        self.assertEqual(self.complete("sellia", "ht"), ["http"])
        self.assertIn("--subdomain", self.complete("sellia", "http", "--sub"))
        self.assertEqual(self.complete("sellia", "completion", "z"), ["zsh"])

    def test_in_bash(self) -> None:
        """The script defines the completion of ``sellia``, and bash has nothing to say against it."""
        bash = shutil.which("bash")
        assert bash is not None
        script = Path(self.mktemp())
        script.write_text(self.invoke("completion", "bash"))
        done = subprocess.run(
            [bash, "-c", f"source {script} && complete -p sellia"], capture_output=True, text=True, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("sellia", done.stdout)
