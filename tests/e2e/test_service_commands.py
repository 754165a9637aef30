"""``sellia config import`` and ``sellia service`` as processes: on a terminal, and on a pipe."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.exits import Exit

SELLIA = str(Path(sysconfig.get_path("scripts"), "sellia"))

NGROK = "version: 2\nauthtoken: hush\ntunnels: {web: {proto: http, addr: 8080}}\n"


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        (self.home / "ngrok.yml").write_text(NGROK)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SELLIA", "XDG"))}
        self.env = {**kept, "HOME": str(self.home), "TERM": "dumb"}

    def pipe(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, SELLIA, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.env,
            cwd=self.home,
            timeout=60,
            check=False,
        )

    def terminal(self, typed: str, *arguments: str) -> tuple[int, str]:
        """What a command shows to somebody who types this; its status first."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen(
            [sys.executable, SELLIA, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self.env,
            cwd=self.home,
        )
        self.addCleanup(process.kill)
        os.close(theirs)
        os.write(ours, typed.encode())
        shown, end = b"", time.monotonic() + 60
        while select.select([ours], [], [], max(0.0, end - time.monotonic()))[0]:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
        return process.wait(10), shown.decode()

    def test_import_asks_before_it_overwrites(self) -> None:
        first = self.pipe("config", "import", "ngrok.yml", "-o", "out.yaml")
        self.assertEqual((first.returncode, first.stdout), (Exit.OK, ""))
        out = self.home / "out.yaml"
        out.write_text("mine")
        again = self.pipe("config", "import", "ngrok.yml", "-o", "out.yaml")
        self.assertEqual(again.returncode, Exit.USAGE)
        status, shown = self.terminal("n\n", "config", "import", "ngrok.yml", "-o", "out.yaml")
        self.assertEqual((status, out.read_text()), (Exit.OK, "mine"))
        self.assertIn("Overwrite it? [y/N]", shown)
        self.assertIn("Nothing was written.", shown)
        status, shown = self.terminal("y\n", "config", "import", "ngrok.yml", "-o", "out.yaml")
        self.assertEqual(status, Exit.OK)
        self.assertIn("target: 8080", out.read_text())
        self.assertNotIn("hush", out.read_text() + shown)

    def test_a_unit_is_printed(self) -> None:
        """On a machine without systemd as well, which is told what to do instead."""
        self.assertEqual(
            self.pipe("config", "import", "ngrok.yml", "--server", "https://tunnel.example.com").returncode, Exit.OK
        )
        printed = self.pipe("service", "install", "--print")
        self.assertEqual((printed.returncode, printed.stderr), (Exit.OK, ""))
        config = self.home / ".config" / "sellia" / "sellia.yaml"
        self.assertIn(f"\nExecStart={SELLIA} start --all --config {config}\n", printed.stdout)
        status, shown = self.terminal("", "service", "logs")
        self.assertEqual(status, Exit.FAILED)
        self.assertIn("install it with `sellia service install`", " ".join(shown.split()))
