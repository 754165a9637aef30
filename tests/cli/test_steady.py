"""Standard output that cannot be written to."""

import errno
import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.exits import Exit
from sellia.cli.steady import steady_output
from tests.processes import ROOT


class SteadyTests(SynchronousTestCase):
    def run_sellia(self, *arguments: str, out: str, errors: str | None = None) -> "subprocess.CompletedProcess[bytes]":
        with open(out, "wb") as stream, open(errors or os.devnull, "wb") as other:
            return subprocess.run(
                [sys.executable, "-c", "from sellia.cli.main import main; main()", *arguments],
                stdout=stream,
                stderr=other if errors else subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                timeout=60,
                check=False,
            )

    def test_a_full_disk(self) -> None:
        for arguments in (("--help",), ("help", "name-taken")):
            done = self.run_sellia(*arguments, out="/dev/full")
            self.assertEqual(done.returncode, Exit.FAILED)
            self.assertEqual(done.stderr, b"Error: standard output cannot be written: No space left on device\n")

    def test_nor_standard_error(self) -> None:
        self.assertEqual(self.run_sellia("--help", out="/dev/full", errors="/dev/full").returncode, Exit.FAILED)

    def test_what_concerns_a_file_is_not_of_the_output(self) -> None:
        def fail(error: OSError) -> None:
            with steady_output():
                raise error

        self.assertRaises(OSError, fail, OSError(errno.ENOSPC, "No space left on device", "/a/file"))
        self.assertRaises(OSError, fail, OSError(errno.ECONNREFUSED, "refused"))
