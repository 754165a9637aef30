"""What a process that uses Autobahn says when it starts."""

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

SCRIPT = """
from twisted.logger import globalLogPublisher, formatEvent
lines = []
globalLogPublisher.addObserver(lambda event: lines.append(formatEvent(event)))
from sellia.transports.websocket.startup import prepare_autobahn
prepare_autobahn()
print([line for line in lines if "NVX" in line])
"""


class StartupTests(SynchronousTestCase):
    def said(self, nvx: str) -> str:
        env = {**os.environ, "AUTOBAHN_USE_NVX": nvx}
        argv = [sys.executable, "-c", SCRIPT]
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout

    def test_slow_masking_is_told_with_its_remedy(self) -> None:
        self.assertIn("Install autobahn from a wheel", self.said("0"))

    def test_nothing_else_is_told(self) -> None:
        self.assertEqual(self.said("1").strip(), "[]")
