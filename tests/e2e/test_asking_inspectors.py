"""``sellia requests``, ``replay`` and ``why``, and one id for an end in lines, JSON, inspector and both logs."""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from sellia.cli.exits import Exit
from tests.e2e.test_control import SELLIA, ControlCase
from tests.processes import Process, wait_until


class Echo(BaseHTTPRequestHandler):
    """A service that says what it was asked."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        told = f"{self.command} {self.path} {self.headers.get('X-Said')} {body.decode()}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_PUT = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def drop(chat: ServerConnection) -> None:
    """A service that hears something, and is gone."""
    chat.recv()
    chat.socket.shutdown(2)


class AskingTests(ControlCase):
    def setUp(self) -> None:
        super().setUp()
        service = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        sockets = serve(drop, "127.0.0.1", 0)
        for each in (service, sockets):
            threading.Thread(target=each.serve_forever, daemon=True).start()
            self.addCleanup(each.shutdown)
        self.addCleanup(service.server_close)
        self.port, self.sockets = service.server_port, sockets.socket.getsockname()[1]

    def dropped(self, name: str) -> None:
        """Visit a WebSocket whose service is gone at the first word."""
        address = f"ws://{name}.localhost:{self.server.port}/live"
        with connect(address, sock=socket.create_connection(("127.0.0.1", self.server.port)), proxy=None) as chat:
            chat.send("hello")
            self.assertRaises(ConnectionClosedError, chat.recv, 30)

    def server_says(self, text: str) -> bool:
        return text in self.server.output

    def why(self, *arguments: str) -> Any:
        return json.loads(self.sellia("why", *arguments, "--json", status=0).stdout)

    def log(self, name: str) -> str:
        [told] = [each for each in self.status() if each["tunnels"][0]["subdomain"] == name]
        return Path(told["log"]).read_text()

    def test_one_id_everywhere(self) -> None:
        self.detach(str(self.sockets), "-s", "asked-a")
        self.detach(str(self.sockets), "-s", "asked-b", "--json")
        self.dropped("asked-a")
        self.dropped("asked-b")
        self.assertIn("Several clients have an exchange 1.", self.sellia("why", "1", status=Exit.USAGE).stderr)
        for name in ("asked-a", "asked-b"):
            answer = self.why("1", "--client", name)
            cause = answer["cause"]
            self.assertEqual((cause["who"], cause["what"], answer["open"]), ("service", "dropped", False))
            self.assertEqual(self.why(cause["id"])["cause"], cause)
            [shown] = self.sellia("requests", "--client", name, "--json", status=0).stdout.splitlines()
            self.assertEqual(json.loads(shown)["cause"], cause)
            said = f"cause={cause['id']} who=service what=dropped"
            wait_until(partial(self.server_says, said), "the line of the server")
            if name == "asked-a":
                self.assertIn(f"↳ {cause['id']}  the service, dropped", self.log(name))
            else:
                events = [json.loads(line) for line in self.log(name).splitlines() if line.startswith("{")]
                self.assertEqual([each["cause"] for each in events if each.get("cause")], [cause])
        self.assertIn("knows why 0-0 ended", self.sellia("why", "0-0", status=Exit.FAILED).stderr)

    def test_requests_and_replays(self) -> None:
        self.sellia("requests", status=Exit.FAILED)
        self.detach(str(self.port), "-s", "asked-c")
        follower = Process(
            [sys.executable, SELLIA, "requests", "--follow", "--json", "--filter", "path:/follow"],
            env=self.environment,
        )
        self.assertEqual(self.visit("asked-c", "/one").read(), b"GET /one None ")
        wait_until(lambda: "/one" in self.sellia("requests").stdout, "the request")
        line = self.sellia("requests", "-n", "1", status=0).stdout
        self.assertRegex(line, r"^ +1  \d\d:\d\d:\d\d  GET     200  /one  .*  14 B\n$")
        done = self.sellia("replay", "1", "-o", "-", status=0)
        self.assertEqual(done.stdout, "GET /one None ")
        self.assertIn("(replay of 1)", done.stderr)
        edits = ("-X", "PUT", "--target", "/two?x", "-H", "X-Said: so", "-d", "body")
        made = json.loads(self.sellia("replay", "1", *edits, "--json", status=0).stdout)
        self.assertEqual((made["replay_of"], made["edited"], made["status"]), ("1", True, 200))
        self.sellia("replay", made["id"], "-o", "answer", status=0)
        self.assertEqual((self.home / "answer").read_text(), "PUT /two?x so body")
        self.assertIn("knows an exchange 99", self.sellia("replay", "99", status=Exit.FAILED).stderr)
        self.assertIn(
            "The filter cannot be read", self.sellia("requests", "--filter", "is:x", status=Exit.USAGE).stderr
        )
        self.assertIn("ended plainly well", self.sellia("why", "1", status=0).stdout)
        self.visit("asked-c", "/follow").read()
        wait_until(lambda: '"target": "/follow"' in follower.output, "the one that is followed")
        self.assertNotIn("/one", follower.output)
        follower.send_signal(signal.SIGINT)
        self.assertEqual(follower.wait_for_exit(), Exit.INTERRUPTED)
