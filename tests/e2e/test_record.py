"""``sellia http --record`` and ``sellia inspect FILE``, as processes: what has passed is in the file, for later."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sysconfig
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.trial.unittest import SynchronousTestCase
from websockets.sync.client import connect
from websockets.sync.server import serve

from sellia.cli.exits import Exit
from tests.e2e import stage
from tests.e2e.test_control import echo_back

SELLIA = str(Path(sysconfig.get_path("scripts"), "sellia"))


class RecordTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = stage.server()
        self.path = os.path.abspath(self.mktemp())

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen([SELLIA, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def client(self, *arguments: str) -> subprocess.Popen[str]:
        server = f"http://localhost:{self.server.port}"
        return self.start("http", *arguments, "--server", server, "--record", self.path, "--json", "--inspector", "0")

    def test_recorded_and_looked_at(self) -> None:
        service = serve(echo_back, "127.0.0.1", 0)
        self.addCleanup(service.shutdown)
        threading.Thread(target=service.serve_forever, daemon=True).start()
        client = self.client(str(service.socket.getsockname()[1]), "-s", "recorded")
        assert client.stdout is not None
        json.loads(client.stdout.readline())
        host = f"recorded.localhost:{self.server.port}"
        visitor = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        self.addCleanup(visitor.close)
        visitor.request("GET", "/page?a=b", headers={"Host": host})
        visitor.getresponse().read()
        with connect(f"ws://{host}/chat", sock=socket.create_connection(("127.0.0.1", self.server.port))) as chat:
            for number in range(100):
                chat.send(f"message {number}")
                self.assertEqual(chat.recv(), f"message {number}")
        client.send_signal(signal.SIGTERM)
        self.assertEqual(client.wait(60), 0)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.look()
        taken = self.client("text:hello", "-s", "taken", "--no-inspector")
        self.assertEqual(taken.wait(60), Exit.SETTINGS)

    def look(self) -> None:
        shown = self.start("inspect", self.path, "--inspector", "0")
        assert shown.stdout is not None
        self.assertEqual(shown.stdout.readline(), f"{self.path}: 2 exchanges\n")
        url = urlsplit(shown.stdout.readline().strip())

        def ask(path: str, method: str = "GET") -> Any:
            asked = urllib.request.Request(f"http://{url.netloc}{path}", method=method)
            asked.add_header("Authorization", f"Bearer {url.query.removeprefix('token=')}")
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return json.load(answer)

        page, chat = ask("/api/exchanges")["exchanges"]
        self.assertEqual((page["target"], chat["target"]), ("/page?a=b", "/chat"))
        messages = [each["text"] for each in ask(f"/api/exchanges/{chat['id']}/messages")["messages"]]
        expected = [f"message {number // 2}" for number in range(200)]
        self.assertEqual([each for each in messages if each and each.startswith("message")], expected)
        with self.assertRaises(urllib.error.HTTPError) as caught:
            ask(f"/api/exchanges/{page['id']}/replay", "POST")
        self.assertEqual(json.load(caught.exception)["error"], "read-only")
        shown.send_signal(signal.SIGINT)
        self.assertEqual(shown.wait(60), 0)

    def test_a_file_that_cannot_be(self) -> None:
        Path(self.path).write_text("precious")
        client = self.client("text:hello", "-s", "unrecorded")
        out, errors = client.communicate(timeout=60)
        self.assertEqual((client.returncode, out), (Exit.SETTINGS, ""))
        self.assertIn(f"--record: {self.path} exists, and is not a recording of Sellia", errors)
        self.assertEqual(Path(self.path).read_text(), "precious")
