"""Terminals that hang up, pipes whose readers leave, and terminals of other encodings, with the real processes."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.e2e.case import watched
from tests.processes import ROOT, Process, answers, free_port, start_client, start_server, tunnel_is_open, wait_until

SCRIPTS = Path(sysconfig.get_path("scripts"))
TWISTD = (sys.executable, str(SCRIPTS / "twistd"), "--nodaemon", "--pidfile=")


def environment(**more: str) -> dict[str, str]:
    """The environment of a person who has set nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SELLIA_")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


class Window:
    """A program in a terminal window of its own, as the leader of the window's session."""

    def __init__(self, argv: Sequence[str], **more: str) -> None:
        self._ours, theirs = pty.openpty()
        opened = 'exec "$@" <>"$0" >&0 2>&1'  # a session's leader who opens a terminal is controlled by it
        self.process = subprocess.Popen(
            ["sh", "-c", opened, os.ttyname(theirs), *argv],
            stdin=subprocess.DEVNULL,
            env=environment(**more),
            start_new_session=True,
        )
        self._theirs = theirs
        self.shown = bytearray()

    def wait_for(self, text: bytes) -> None:
        """Return once this is shown."""
        wait_until(lambda: text in self.read(), f"{text!r} in {bytes(self.shown[-2000:])!r}")
        os.close(self._theirs)

    def read(self) -> bytearray:
        while select.select([self._ours], [], [], 0)[0]:
            self.shown += os.read(self._ours, 65536)
        return self.shown

    def close(self) -> int:
        """Close the window; the status of the program."""
        os.close(self._ours)
        return self.process.wait(20)


class Hello(BaseHTTPRequestHandler):
    """A service that says hello."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments: object) -> None:
        pass


class HangupCase(SynchronousTestCase):
    def setUp(self) -> None:
        service = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
        self.service_port = service.server_port
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        self.server = watched(start_server())
        self.addCleanup(self.server.stop)

    def client_argv(self, *options: str) -> list[str]:
        url = f"http://127.0.0.1:{self.server.port}"
        return [f"127.0.0.1:{self.service_port}", "-s", "hung", "--server", url, *options]

    def command(self) -> list[str]:
        return [str(SCRIPTS / "sellia"), "http", *self.client_argv()]


class WindowTests(HangupCase):
    """A window that is closed is a goodbye."""

    def test_command(self) -> None:
        window = Window(self.command(), TERM="dumb")
        window.wait_for(b"open ")
        self.assertEqual(window.close(), 0)
        self.server.wait_for_line('session ended: .* reason="the client said goodbye"')

    def test_command_with_a_status_block(self) -> None:
        window = Window(self.command(), TERM="xterm")
        window.wait_for(b"linked to")
        self.assertEqual(window.close(), 0)
        self.server.wait_for_line('session ended: .* reason="the client said goodbye"')

    def test_client(self) -> None:
        url = f"http://127.0.0.1:{self.server.port}"
        options = ["--server", url, "--target", str(self.service_port), "--subdomain", "hung"]
        window = Window([*TWISTD, "sellia-client", *options])
        window.wait_for(b"tunnel ready")
        self.assertEqual(window.close(), 0)
        self.server.wait_for_line('session ended: .* reason="the client said goodbye"')

    def test_server(self) -> None:
        port = free_port()
        window = Window([*TWISTD, "sellia-server", "--port", str(port)])
        window.wait_for(b"serves http")
        client = watched(start_client(port, self.service_port, "hung"))
        self.addCleanup(client.stop)
        os.kill(window.process.pid, signal.SIGHUP)  # with the window still there, it is no hang-up
        wait_until(lambda: b"settings reloaded" in window.read(), "the settings to be read again")
        self.assertEqual(window.close(), 0)
        client.wait_for_line("the server ended the session: server-restarting")


class SurvivorTests(HangupCase):
    """SIGHUP ends no daemon, and nothing that was started to survive its terminal."""

    def test_daemon(self) -> None:
        port, directory = free_port(), Path(tempfile.mkdtemp())
        pidfile, log = directory / "pid", directory / "log"
        subprocess.run(
            [sys.executable, str(SCRIPTS / "twistd"), f"--pidfile={pidfile}", f"--logfile={log}"]
            + ["sellia-server", "--port", str(port)],
            env=environment(),
            check=True,
            timeout=60,
        )
        wait_until(lambda: answers(port), "the daemon to answer")
        pid = int(pidfile.read_text())
        self.addCleanup(os.kill, pid, signal.SIGTERM)
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: "settings reloaded" in log.read_text(), "a line in the log")
        self.assertTrue(answers(port))

    def test_nohup(self) -> None:
        port = free_port()
        server = watched(Process(["nohup", *TWISTD, "sellia-server", "--port", str(port)], port=port))
        self.addCleanup(server.stop)
        server.wait_for(lambda: answers(port), "an answer")
        server.send_signal(signal.SIGHUP)
        self.assertTrue(answers(port))
        self.assertIsNone(server.returncode)


class OutputTests(HangupCase):
    """Nothing that is printed can end, or silence, a client."""

    def visit(self, target: str) -> bytes:
        url = f"http://127.0.0.1:{self.server.port}{target}"
        host = f"Host: hung.localhost:{self.server.port}"
        return subprocess.run(["curl", "-sS", "--path-as-is", "-H", host, url], capture_output=True, check=True).stdout

    def open(self) -> bool:
        return tunnel_is_open(self.server.port, f"hung.localhost:{self.server.port}")

    def test_terminals_that_are_not_utf_8(self) -> None:
        for encoding in ("ascii", "latin-1"):
            env = {**environment(), "PYTHONIOENCODING": encoding}
            client = watched(Process(self.command(), name="sellia http", env=env))
            client.wait_for_line("  open  ")
            self.visit("/" + "x" * 1000 + "/%C3%A9")
            self.visit("/after")
            client.wait_for_line("GET     /xxx.*x[.][.][.]  200")
            client.wait_for_line("GET     /after  200")
            client.send_signal(signal.SIGINT)
            self.assertEqual(client.wait_for_exit(), 0)
            self.assertNotIn("Traceback", client.output)

    def test_a_reader_who_leaves(self) -> None:
        """``sellia http 8080 | head -1``: the tunnel stays open, and Ctrl-C closes it."""
        errors = tempfile.TemporaryFile()
        client = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=errors, env=environment())
        self.addCleanup(client.kill)
        assert client.stdout is not None
        self.assertIn(b"http://hung.", client.stdout.readline())
        client.stdout.close()
        for _ in range(3):
            self.assertEqual(self.visit("/"), b"hello")
        client.send_signal(signal.SIGINT)
        self.assertEqual(client.wait(20), 0)
        errors.seek(0)
        self.assertNotIn(b"Traceback", errors.read())

    def test_a_log_that_is_not_utf_8(self) -> None:
        env = {**environment(), "PYTHONIOENCODING": "ascii"}
        url = f"http://127.0.0.1:{self.server.port}"
        options = ["--server", url, "--target", str(self.service_port), "--subdomain", "hung", "--log-level", "debug"]
        client = watched(Process([*TWISTD, "sellia-client", *options], env=env))
        self.addCleanup(client.stop)
        client.wait_for_line("tunnel ready")
        self.visit("/" + "x" * 1000)
        client.wait_for_line("request: .*target=/x+.u2026 status=200")
        self.assertNotIn("Traceback", client.output)

    def test_no_standard_streams(self) -> None:
        command = 'exec "$@" >&- 2>&- <&-'
        client = subprocess.Popen(["sh", "-c", command, "sh", *self.command()], env=environment())
        self.addCleanup(client.kill)
        wait_until(self.open, "the tunnel to be open")
        self.assertEqual(self.visit("/"), b"hello")
        client.send_signal(signal.SIGINT)
        self.assertEqual(client.wait(20), 0)

    def test_a_log_whose_reader_leaves(self) -> None:
        """``twistd -n sellia-server | head -1``"""
        port = free_port()
        argv = [*TWISTD, "sellia-server", "--port", str(port)]
        errors = tempfile.TemporaryFile()
        server = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, env=environment())
        self.addCleanup(server.kill)
        assert server.stdout is not None
        server.stdout.readline()
        server.stdout.close()
        wait_until(lambda: answers(port), "an answer")
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(20), 0)
