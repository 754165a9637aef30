"""What a process does about its terminal; with real terminals in ``tests.e2e.test_hangup``."""

import io
import os
import signal
import subprocess
import sys
import textwrap
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.terminal import SteadyStream, on_hangup


class Broken(io.StringIO):
    """A stream whose reader has left."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.tries = 0

    def write(self, text: str) -> int:
        self.tries += 1
        raise self.error


class SteadyStreamTests(SynchronousTestCase):
    def written(self, encoding: str, text: str) -> bytes:
        raw = io.BytesIO()
        steady = SteadyStream(io.TextIOWrapper(raw, encoding=encoding))
        steady.write(text)
        steady.flush()
        return raw.getvalue()

    def test_what_cannot_be_encoded_is_escaped(self) -> None:
        self.assertEqual(self.written("ascii", "é…\u202e"), b"\\xe9...\\u202e")
        self.assertEqual(self.written("latin-1", "é…\u4e2d"), b"\xe9...\\u4e2d")
        self.assertEqual(self.written("utf-8", "é…\ud800"), "é...\\ud800".encode())

    def test_nobody_reads(self) -> None:
        for error in (BrokenPipeError(), OSError(5, "x"), ValueError("I/O operation on closed file.")):
            broken = Broken(error)
            steady = SteadyStream(broken)
            for _ in range(3):
                self.assertEqual(steady.write("text"), 4)
                steady.flush()
            self.assertEqual(broken.tries, 1)
            self.assertFalse(steady.isatty())
            self.assertRaises(OSError, steady.fileno)

    def test_full_for_a_moment(self) -> None:
        """Of a terminal that somebody has set to non-blocking, later lines are shown."""
        broken = Broken(BlockingIOError())
        steady = SteadyStream(broken)
        steady.write("text")
        steady.write("text")
        self.assertEqual(broken.tries, 2)

    def test_none_at_all(self) -> None:
        """Standard output was closed when the process started."""
        steady = SteadyStream(None)
        self.assertEqual(steady.write("text"), 4)
        steady.flush()
        self.assertFalse(steady.isatty())


class HangupTests(SynchronousTestCase):
    def told(self, controlled: bool) -> list[str]:
        told: list[str] = []
        signals: dict[int, object] = {}
        on_hangup(lambda: told.append("leave"), lambda: told.append("ignore"), signals.__setitem__, lambda: controlled)
        handler = signals[signal.SIGHUP]
        assert callable(handler)
        handler(signal.SIGHUP, None)
        return told

    def test_with_a_terminal_and_without(self) -> None:
        self.assertEqual((self.told(True), self.told(False)), (["leave"], ["ignore"]))

    def test_a_terminal_that_is_still_there(self) -> None:
        """Then it is no hang-up, and somebody has sent the signal."""
        told: list[str] = []
        signals: dict[int, Any] = {}
        there = [True, True, False]
        on_hangup(
            lambda: told.append("leave"),
            lambda: told.append("ignore"),
            signals.__setitem__,
            lambda: there.pop(0),
            lambda: told.append("asked"),
        )
        for _ in range(2):
            signals[signal.SIGHUP](signal.SIGHUP, None)
        self.assertEqual(told, ["asked", "leave"])

    def test_nohup_stays_deaf(self) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        signals: dict[int, object] = {}
        on_hangup(lambda: None, lambda: None, signals.__setitem__, lambda: True)
        self.assertEqual(signals, {})


class SettleTests(SynchronousTestCase):
    """In processes of their own."""

    def run_script(self, script: str, encoding: str = "ascii") -> tuple[int, bytes]:
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            stdout=writing,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUNBUFFERED": ""},
            check=False,
        )
        os.close(writing)
        return done.returncode, done.stderr

    def test_a_reader_who_has_left_is_no_error_at_the_end(self) -> None:
        script = """
            from sellia.terminal import settle_streams
            settle_streams()
            print("\u4e2d")
        """
        self.assertEqual(self.run_script(script), (0, b""))
