"""The log of a client in the foreground."""

import io
import os
from pathlib import Path
from typing import Any

from twisted.logger import LogEvent, LogLevel, globalLogBeginner
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.log import LineStream, LogFile, begin_log
from sellia.errors import SettingsError


class LogFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        previous = os.umask(0)
        self.addCleanup(os.umask, previous)

    def open(self) -> LogFile:
        file = LogFile(str(self.path))
        self.addCleanup(file.close)
        return file

    def test_appends_to_what_nobody_else_can_read(self) -> None:
        for text in ("one\n", "two\n"):
            self.open().write(text)
        self.assertEqual(self.path.read_text("utf-8"), "one\ntwo\n")
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_moved_away(self) -> None:
        """As logrotate does."""
        file = self.open()
        file.write("one\n")
        self.path.rename(f"{self.path}.1")
        file.write("two\n")
        self.assertEqual(self.path.read_text("utf-8"), "two\n")
        self.assertEqual(Path(f"{self.path}.1").read_text("utf-8"), "one\n")
        self.path.unlink()
        file.write("three\n")
        self.assertEqual(self.path.read_text("utf-8"), "three\n")

    def test_what_cannot_be_written_later(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        file = LogFile(str(directory / "log"))
        self.addCleanup(file.close)
        (directory / "log").unlink()
        directory.rmdir()
        file.write("lost\n")
        directory.mkdir()
        file.write("there again \udcff\n")
        self.assertEqual((directory / "log").read_text("utf-8"), "there again \\udcff\n")

    def test_cannot_be_opened(self) -> None:
        error = self.assertRaises(SettingsError, LogFile, f"{self.path}/\x1b/log")
        said, hint = str(error).splitlines()
        self.assertEqual(said, f"--log-file: cannot write {self.path}/\\x1b/log: No such file or directory")
        self.assertTrue(hint.startswith("Hint: Name a file in a directory"))


class BeginTests(SynchronousTestCase):
    def begun(self, verbose: int) -> tuple[str, str]:
        """What is shown, and what is in the file, after an event of each kind."""
        observers: list[Any] = []
        self.patch(globalLogBeginner, "beginLoggingTo", lambda these, **more: observers.extend(these))
        shown, path = io.StringIO(), Path(self.mktemp())
        file = LogFile(str(path))
        self.addCleanup(file.close)
        begin_log(LineStream(lambda text: None if shown.write(text) else None), verbose, file)
        events: list[LogEvent] = [
            {"log_level": LogLevel.debug, "log_format": "a frame"},
            {"log_level": LogLevel.info, "log_format": "a link"},
            {"log_level": LogLevel.critical, "log_format": "a defect", "log_failure": Failure(ValueError("x"))},
        ]
        for event in events:
            for observer in observers:
                observer({"log_time": 0.0, "log_namespace": "test", **event})
        return shown.getvalue(), path.read_text("utf-8")

    def test_levels(self) -> None:
        for verbose, wanted in ((0, ["a defect"]), (1, ["a link", "a defect"]), (2, ["a frame", "a link", "a defect"])):
            shown, written = self.begun(verbose)
            for text in ("a frame", "a link", "a defect"):
                self.assertEqual(text in shown, text in wanted, (verbose, shown))
                self.assertIn(text, written)
