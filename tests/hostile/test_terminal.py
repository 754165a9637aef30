"""What visitors say reaches the terminal of whoever runs ``sellia http`` as text, and as nothing else."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sysconfig
import threading
from pathlib import Path

from tests.hostile import stage
from tests.hostile.case import HostileCase
from tests.hostile.ledger import Arrived
from tests.hostile.visitors import ACCEPT, dial, get, talk, upgrade
from tests.processes import wait_until
from tests.transports.support import frame

REASON = "\x1b]8;;http://evil\x07click\x1b]8;;\x07\r\n\x1b[2J\u202eevil\u200b"

LINK = b"\x1b]8;;"
CLEAR = b"\x1b[2J"


class Terminal:
    """``sellia http`` on a terminal of its own, and all that it has written there."""

    def __init__(self, *arguments: str) -> None:
        ours, theirs = pty.openpty()
        self.written = bytearray()
        self._ours = ours
        script = Path(sysconfig.get_path("scripts")) / "sellia"
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
        self.process = subprocess.Popen(
            [str(script), "http", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while data := os.read(self._ours, 65536):
                self.written += data
        except OSError:
            pass  # the other end is gone

    def wait_for(self, text: bytes) -> None:
        """Return once this has been written."""
        wait_until(lambda: text in self.written, f"{text!r} on the terminal: {bytes(self.written[-1000:])!r}")

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class TerminalTests(HostileCase):
    """A terminal acts on nothing that comes from outside."""

    def test_targets_reasons_and_statuses(self) -> None:
        def say(arrived: Arrived) -> None:
            arrived.send(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n" + frame(0x88, b"\x0f\xa0" + REASON.encode(), False)
            )
            arrived.rest = arrived.wait_until_left()

        stage.ledger().on("/hang-up", say)
        port = stage.server().port
        url = f"http://127.0.0.1:{port}"
        terminal = Terminal(str(stage.ledger().port), "-s", "terminal", "--server", url)
        try:
            terminal.wait_for(b"open ")
            said = talk(port, (get(b"/%1b%5d8;;http://evil", host=b"terminal.localhost"),))
            self.assertEqual(said.statuses, [200])
            terminal.wait_for(b"/%1b%5d8")
            with dial(port) as visitor:
                visitor.sendall(upgrade(b"/hang-up", host=b"terminal.localhost"))
                while visitor.recv(65536):
                    visitor.sendall(frame(0x88, b"\x0f\xa0"))
            terminal.wait_for(b"ws end")
            terminal.wait_for(b"click")
        finally:
            terminal.stop()
        written = bytes(terminal.written)
        self.assertIn(rb"\x1b]8;;http://evil\x07click", written, "it is shown as what it is")
        for bad in (LINK, CLEAR, b"\x07", "\u202e".encode(), "\u200b".encode()):
            self.assertNotIn(bad, written)
        self.assertNotIn(b"Traceback", written)
