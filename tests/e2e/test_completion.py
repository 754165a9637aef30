"""Completion in real shells: bash, zsh and fish."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.e2e.stage import program

SCRIPTS = sysconfig.get_path("scripts")

SETTINGS = "server: https://example.com\ntunnels:\n  website: {target: 1}\n  api: {target: 2}\n"


class ShellTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        (self.home / "sellia.yaml").write_text(SETTINGS)
        self.env = {
            "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
        }

    def run_in(self, shell: str, *arguments: str) -> list[str]:
        done = subprocess.run(
            [program(shell), *arguments],
            capture_output=True,
            text=True,
            env=self.env,
            cwd=self.home,
            timeout=60,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split("\n")[:-1]

    def test_bash(self) -> None:
        for words, offered in (
            ("sellia compl", ["completion"]),
            ("sellia http --subd", ["--subdomain"]),
            ("sellia stop we", ["website"]),
            ("sellia completion po", ["powershell"]),
        ):
            script = (
                'eval "$(sellia completion bash)" && complete -p sellia >/dev/null && '
                f"COMP_WORDS=({words}) COMP_CWORD={len(words.split()) - 1} && _sellia_completion sellia && "
                'printf "%s\\n" "${COMPREPLY[@]}"'
            )
            self.assertEqual(self.run_in("bash", "--norc", "-c", script), offered)

    def test_fish(self) -> None:
        for words, offered in (
            ("sellia compl", "completion\tPrint the completion script of a shell."),
            ("sellia stop a", "api"),
            ("sellia http --subd", "--subdomain\tName to ask for"),
        ):
            script = f"sellia completion fish | source; complete -C '{words}'"
            found = self.run_in("fish", "--no-config", "-c", script)
            self.assertTrue(found and found[0].startswith(offered), found)

    def test_zsh(self) -> None:
        """It completes on a line that is typed, so it has a terminal."""
        shell = program("zsh")
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        process = subprocess.Popen(
            [shell, "-f", "-i"], stdin=slave, stdout=slave, stderr=slave, env=self.env, cwd=self.home
        )
        os.close(slave)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        setup = "PS1=; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -D -u; "
        os.write(master, (setup + "eval \"$(sellia completion zsh)\"; echo rea''dy\n").encode())
        self.read(master, "ready")
        for typed, completed in (("sellia compl\tpo\t", "powershell "), ("sellia stop we\t", "website ")):
            os.write(master, typed.encode())
            self.read(master, completed)
            os.write(master, b"\x15")

    def read(self, master: int, wanted: str, seconds: float = 30.0) -> None:
        """Read from a terminal until something stands there."""
        seen, end = "", time.monotonic() + seconds
        while wanted not in seen:
            ready, _, _ = select.select([master], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                self.fail(f"{wanted!r} is not in {seen!r}")
            seen += os.read(master, 4096).decode("utf-8", "replace").replace("\x08", "")
