"""``sellia server``, which is ``twistd sellia-server`` under a name that people find, and ``sellia http --json``."""

import http.client
import json
import signal
import subprocess
import sys
import sysconfig
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.exits import Exit
from tests.e2e.case import watched
from tests.e2e.stage import check_schema
from tests.processes import Process, free_port, start_server

SELLIA = str(Path(sysconfig.get_path("scripts"), "sellia"))


class Hello(BaseHTTPRequestHandler):
    """A service that reads a body and says hello."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class ServerTests(SynchronousTestCase):
    def start(self, *options: str) -> Process:
        process = watched(Process([sys.executable, SELLIA, "server", *options], name="sellia server"))
        self.addCleanup(process.stop)
        return process

    def test_runs_and_leaves_no_file(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        port = free_port()
        process = Process(
            [sys.executable, SELLIA, "server", "--port", str(port), "--domain", "localhost"],
            name="sellia server",
            cwd=str(directory),
        )
        self.addCleanup(process.stop)
        process.wait_for_line(f"Sellia .* serves http://localhost:{port}")
        self.assertEqual(list(directory.iterdir()), [], "no pid file")

    def test_help_and_mistakes_are_the_plugins(self) -> None:
        shown = self.start("--help")
        self.assertEqual(shown.wait_for_exit(), 0)
        self.assertIn("--trust-proxy", shown.output)
        wrong = self.start("--prot", "1")
        self.assertEqual(wrong.wait_for_exit(), Exit.USAGE)
        self.assertIn("option --prot not recognized", wrong.output)


class JsonTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = watched(start_server())
        self.addCleanup(self.server.stop)
        service = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        self.port = str(service.server_address[1])
        self.url = f"http://localhost:{self.server.port}"

    def test_what_visitors_do(self) -> None:
        """Standard output has nothing but events, from the URL to the end, of each command that takes http tunnels."""
        config = Path(self.mktemp()).absolute()
        config.write_text(f"server: {self.url}\ntunnels: {{web: {{target: {self.port}, subdomain: json}}}}\n")
        for arguments in (
            ("http", self.port, "-s", "json", "--server", self.url),
            ("start", "--all", "--config", str(config)),
        ):
            self.check_command(*arguments, "--json")

    def check_command(self, *arguments: str) -> None:
        client = subprocess.Popen(
            [sys.executable, SELLIA, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.addCleanup(client.kill)
        assert client.stdout is not None
        opened = json.loads(client.stdout.readline())
        self.assertEqual((opened["event"], opened["tunnel"]), ("open", "json"))
        self.assertEqual(opened["url"], f"http://json.localhost:{self.server.port}")
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        self.addCleanup(connection.close)
        connection.request("POST", "/a?b=c", body=b"four", headers={"Host": f"json.localhost:{self.server.port}"})
        self.assertEqual(connection.getresponse().read(), b"hello")
        request = json.loads(client.stdout.readline())
        told = [request[name] for name in ("event", "method", "target", "status", "bytes_in", "bytes_out", "visitor")]
        self.assertEqual(told, ["request", "POST", "/a?b=c", 200, 4, 5, "127.0.0.1"])
        client.send_signal(signal.SIGINT)
        out, errors = client.communicate(timeout=30)
        last = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([each["event"] for each in last], ["closing", "closed"])
        check_schema([opened, request, *last])
        self.assertEqual((client.returncode, errors), (0, ""))
