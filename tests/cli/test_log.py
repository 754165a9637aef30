"""The log of a client in the foreground."""

import io
from pathlib import Path
from typing import Any

from twisted.logger import LogEvent, LogLevel, globalLogBeginner
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.log import LineStream, begin_log
from sellia.client.log_file import LogFile


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
