"""The status block on a real terminal, run by a real shell: keys, resizing, Ctrl-C, Ctrl-Z, and what is left behind."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import sysconfig
import termios
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyte

from tests.e2e.case import EndToEndTests
from tests.e2e.stage import server
from tests.processes import ROOT, ProcessError, wait_until

SELLIA = str(Path(sysconfig.get_path("scripts"), "sellia"))


class Service(BaseHTTPRequestHandler):
    """A service that says hello, at ``/slow`` once the test lets it."""

    protocol_version = "HTTP/1.1"
    go_on = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.go_on.wait(20)
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments: object) -> None:
        pass


class Services(ThreadingHTTPServer):
    """A server of such services, which says nothing of connections that are reset."""

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class ShellTerminal:
    """A terminal with a shell in it, emulated by pyte."""

    def __init__(self, width: int = 80, height: int = 24, **environment: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SELLIA_", "TMUX"))}
        kept |= {"TERM": "xterm-256color", "PS1": "shell$ ", "PYTHONPATH": str(ROOT), **environment}
        pid, self._ours = pty.fork()
        if not pid:
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], kept)
        self._pid = pid
        self.emulator = pyte.HistoryScreen(width, height, history=1000)
        self._stream = pyte.ByteStream(self.emulator)
        self.resize(width, height)
        self.wait_for(r"shell\$")

    def resize(self, width: int, height: int) -> None:
        """Change its size, of which the kernel tells the programs in it."""
        self.emulator.resize(height, width)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, text: str) -> None:
        """Type at its keyboard."""
        os.write(self._ours, text.encode())

    def read(self) -> str:
        """Return all that is shown."""
        while select.select([self._ours], [], [], 0)[0]:
            self._stream.feed(os.read(self._ours, 65536))
        return "\n".join(row.rstrip() for row in self.emulator.display)

    def wait_for(self, pattern: str) -> str:
        """Return what is shown once ``pattern`` is found in it."""
        try:
            wait_until(lambda: re.search(pattern, self.read()), f"{pattern!r}", deadline=20)
        except ProcessError as error:
            raise ProcessError(f"{error} on the terminal, which shows\n{self.read()}") from None
        return self.read()

    def children(self) -> list[int]:
        """Return the processes that the shell runs."""
        found = subprocess.run(["pgrep", "-P", str(self._pid)], capture_output=True, check=False)
        return [int(line) for line in found.stdout.split()]

    def modes(self) -> list[object]:
        """Return the modes of the terminal."""
        return termios.tcgetattr(self._ours)[:4]

    def close(self) -> None:
        """Close the window, and wait for the shell to end."""
        os.close(self._ours)
        os.waitpid(self._pid, 0)


class ScreenCase(EndToEndTests):
    def setUp(self) -> None:
        self.server = server()
        self.service = Services(("127.0.0.1", 0), Service)
        thread = threading.Thread(target=self.service.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.service.server_close)
        self.addCleanup(self.service.shutdown)

    def command(self, *options: str) -> list[str]:
        url = f"http://127.0.0.1:{self.server.port}"
        target = f"127.0.0.1:{self.service.server_port}"
        return [sys.executable, SELLIA, "http", target, "-s", "shown", "--server", url, *options]

    def visit(self, target: str = "/", *options: str) -> subprocess.Popen[bytes]:
        """A visitor who asks for something."""
        url, host = f"http://127.0.0.1:{self.server.port}{target}", f"Host: shown.localhost:{self.server.port}"
        argv = ["curl", "-sS", "--path-as-is", *options, "-H", host, url]
        visitor = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        self.addCleanup(visitor.wait, 30)
        return visitor


class TerminalTests(ScreenCase):
    def open(self, *options: str, width: int = 80, height: int = 24, **environment: str) -> ShellTerminal:
        """A terminal with a client in it that has its URL."""
        terminal = ShellTerminal(width, height, **environment)
        self.addCleanup(terminal.close)
        self.modes = terminal.modes()
        terminal.type("clear; " + " ".join(self.command(*options)) + "\n")
        terminal.wait_for("linked to")
        return terminal

    def test_lines_keys_sizes_and_ctrl_c(self) -> None:
        Service.go_on.clear()
        terminal = self.open()
        terminal.wait_for(r" shown   http://shown\.localhost:\d+ → http://127\.0\.0\.1")
        self.visit("/a?b=c").wait(20)
        terminal.wait_for(r"GET     /a\?b=c  200[^$]*1 in all")
        terminal.type("?")
        terminal.wait_for("show the URL as a QR code")
        terminal.type("?")
        terminal.type("q")
        terminal.wait_for("█████[^$]*any key closes")
        terminal.type(" ")
        terminal.wait_for("c copy")
        for width, height in ((60, 20), (120, 30), (40, 8)):
            terminal.resize(width, height)
            shown = terminal.wait_for(r"c copy   i inspect   p" if width == 120 else r"→ http://127[^$]*in all")
            self.assertEqual(shown.count("in all"), 1, shown)
        terminal.resize(100, 24)
        slow = self.visit("/slow")
        terminal.wait_for("1 open · 2 in all")
        terminal.type("\x03")
        terminal.wait_for(r"closing: waits for 1 request · \d+ s at most · Ctrl-C again ends at once")
        Service.go_on.set()
        self.assertEqual(slow.wait(20), 0)
        shown = terminal.wait_for(r"Ended after[^$]*shell\$")
        self.assertRegex(shown, "GET     /slow  200")
        self.assertNotIn("in all", shown)
        terminal.type("echo status $?\n")
        terminal.wait_for("status 0")
        self.assertEqual(terminal.modes(), self.modes)

    def test_ctrl_z_and_the_background(self) -> None:
        terminal = self.open()
        self.assertNotEqual(terminal.modes(), self.modes)
        terminal.type("\x1a")
        shown = terminal.wait_for(r"Stopped[^$]*shell\$")
        self.assertNotIn("in all", shown)
        terminal.type("stty -a | grep -ow -e -icanon -e icanon; fg\n")
        shown = terminal.wait_for("linked to[^$]*in all")
        self.assertRegex(shown, r"(?m)^icanon")
        terminal.type("\x1a")
        terminal.wait_for(r"Stopped[^$]*shell\$\s*$")
        terminal.type("clear; bg\n")
        self.visit("/background").wait(20)
        shown = terminal.wait_for("GET     /background  200")
        self.assertNotIn("in all", shown, "in the background there are lines and no block")
        terminal.type("fg\n")
        terminal.wait_for("linked to[^$]*in all")
        terminal.type("p")
        terminal.wait_for("paused")
        terminal.type("\x03")
        terminal.wait_for(r"Ended after[^$]*shell\$")
        self.assertEqual(terminal.modes(), self.modes)

    def test_however_it_is_killed(self) -> None:
        """The shell has its terminal as it was."""
        for number, twice in ((signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGKILL, False)):
            terminal = self.open()
            (pid,) = terminal.children()
            os.kill(pid, number)
            if twice:
                os.kill(pid, number)
            terminal.wait_for(r"shell\$")
            terminal.type("echo still $((1 + 1))\n")
            terminal.wait_for(r"(?m)^still 2")
            self.assertEqual(terminal.modes(), self.modes)
            self.assertNotIn("?25l", terminal.read())

    def test_a_terminal_that_takes_nothing(self) -> None:
        """Visitors do not wait for it, and what it missed is counted."""
        terminal = self.open()
        visits = self.visit(f"/{'x' * 200}/[1-900]", "-Z")
        self.assertEqual(visits.wait(30), 0)
        terminal.wait_for(r"\d+ more lines, too many to show[^$]* 900 in all")

    def test_colours(self) -> None:
        """NO_COLOR is heeded, and a terminal that can do nothing gets lines."""
        terminal = self.open(NO_COLOR="1")
        colours = {cell.fg for row in terminal.emulator.buffer.values() for cell in row.values()}
        self.assertEqual(colours, {"default"})
        dumb = ShellTerminal(TERM="dumb")
        self.addCleanup(dumb.close)
        dumb.type(" ".join(self.command("-s", "dumb")) + "\n")
        dumb.wait_for("open    http://dumb")
        self.assertNotIn("linked to", dumb.read())
        dumb.type("\x03")
        dumb.wait_for(r"Closing\.[^$]*shell\$")


class PipeTests(ScreenCase):
    def start(self, *options: str, **environment: str) -> subprocess.Popen[str]:
        client = subprocess.Popen(
            self.command(*options),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.addCleanup(client.kill)
        return client

    def end(self, client: subprocess.Popen[str]) -> tuple[str, str]:
        client.send_signal(signal.SIGINT)
        out, errors = client.communicate(timeout=30)
        self.assertEqual(client.returncode, 0)
        return out, errors

    def test_the_url_alone(self) -> None:
        """On standard output; lines go to standard error."""
        client = self.start()
        assert client.stdout is not None
        url = client.stdout.readline()
        self.assertEqual(url, f"http://shown.localhost:{self.server.port}\n")
        self.visit().wait(20)
        out, errors = self.end(client)
        self.assertEqual(out, "")
        address = r"\S+  inspect http://127[^\n?]*\n"
        opened = r"\S+  open    http://shown[^\n]*\n"
        self.assertRegex(errors, rf"^{opened}{address}\S+  GET     /  200  [^\n]*\nClosing\.\n$")

    def test_quiet(self) -> None:
        client = self.start("--quiet")
        assert client.stdout is not None
        self.assertIn("http://shown.", client.stdout.readline())
        self.visit().wait(20)
        self.assertEqual(self.end(client), ("", ""))

    def test_colours_that_are_asked_for(self) -> None:
        client = self.start(FORCE_COLOR="1", TERM="xterm")
        assert client.stdout is not None
        client.stdout.readline()
        self.assertIn("\x1b[32mopen ", self.end(client)[1])

    def test_log(self) -> None:
        """In a file that only its owner can read, and on standard error where it is asked for."""
        path = Path(self.mktemp())
        for option, wanted in (("-v", []), ("-vv", ["request: id="])):
            client = self.start("--log-file", str(path), option)
            assert client.stdout is not None
            client.stdout.readline()
            self.visit().wait(20)
            errors = self.end(client)[1]
            for told in (path.read_text("utf-8"), errors):
                self.assertIn("tunnel ready: http://shown", told)
                self.assertEqual([each for each in ["request: id="] if each in told], wanted)
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_a_log_that_cannot_be_written(self) -> None:
        client = self.start("--log-file", "/nowhere/log")
        out, errors = client.communicate(timeout=30)
        self.assertEqual((client.returncode, out), (78, ""))
        self.assertEqual(
            errors.splitlines()[0], "Error: --log-file: cannot write /nowhere/log: No such file or directory"
        )
