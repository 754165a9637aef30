"""Snippets run by bash with curl, Node and Python: the service gets what the visitor sent, byte for byte."""

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.exchange import Exchange
from sellia.inspector.snippets import Form, snippet
from tests.inspector.hostile_lines import BLOBS, LINES, TEXTS
from tests.inspector.samples import request

#: Requests with everything that a shell could trip over; a header's value cannot begin or end with a space.
REQUESTS = [
    request(1, b"GET", b"/a/../b//c?q=1&r={x}[1-3]", [(b"Accept-Encoding", b"gzip"), (b"X-Empty", b"")]),
    request(2, b"DELETE", b"/x"),
    request(3, b"POST", b"/empty", [(b"Content-Length", b"0")]),
    request(4, b"PATCH", b"/form", [(b"Content-Type", b"application/x-www-form-urlencoded")], b"a=1&b=%20"),
    *(
        request(10 + at, b"POST", b"/line", [(b"X-Line", line.strip().encode() or b"-")], line.encode())
        for at, line in enumerate(LINES)
        if line.isascii()
    ),
    *(request(100 + at, b"PUT", b"/text", [(b"Content-Type", b"text/x")], t.encode()) for at, t in enumerate(TEXTS)),
    *(request(200 + at, b"POST", b"/blob", [], blob) for at, blob in enumerate(BLOBS)),
]


class Recorder(BaseHTTPRequestHandler):
    """Writes down what it is asked."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[tuple[str, str, Any, bytes]]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.command, self.path, self.headers, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class SnippetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
        Recorder.seen = []
        thread = Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        self.addCleanup(thread.join, 60)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.base = f"http://127.0.0.1:{self.server.server_port}"

    def texts(self, form: Form, separator: str) -> str:
        return separator.join(snippet(each, form, self.base, redact=False) for each in REQUESTS)

    def run_program(self, command: list[str], program: str) -> None:
        done = subprocess.run(command, check=False, input=program.encode(), capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr.decode()[-2000:])

    def check(self, *, exact_path: bool = True) -> None:
        self.assertEqual(len(Recorder.seen), len(REQUESTS))
        for exchange, (method, path, headers, body) in zip(REQUESTS, Recorder.seen, strict=True):
            self.assertEqual(method, exchange.method.decode())
            if exact_path:
                self.assertEqual(path.replace("%7B", "{").replace("%7D", "}"), exchange.target.decode())
            self.assertEqual(body, bytes(exchange.request_body.data))
            self.check_headers(exchange, headers)

    def check_headers(self, exchange: Exchange, headers: Any) -> None:
        for name, value in exchange.request_headers[1:]:
            if name not in (b"Accept-Encoding", b"Content-Length"):
                self.assertEqual(headers[name.decode()], value.decode(), exchange.id)

    def test_bash(self) -> None:
        """And a body without a type gets none from curl."""
        self.run_program(["bash", "-e"], self.texts("curl-bash", "\n"))
        self.check()
        self.assertIsNone(Recorder.seen[-1][2]["Content-Type"])

    def test_configuration_of_the_powershell_line(self) -> None:
        """PowerShell is not here; what it would hand to curl is, and the bytes that it would write beside it."""
        for exchange in REQUESTS:
            told = snippet(exchange, "curl-powershell", self.base, redact=False)
            config = told.partition("@'\n")[2].partition("\n'@")[0]
            command = ["curl", "-s", "--config", "-"]
            if "$file.body" in told:
                command += ["--data-binary", "@" + self.body_of(told)]
            self.run_program(command, config)
        self.check()

    def body_of(self, told: str) -> str:
        from base64 import b64decode

        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b64decode(told.partition("FromBase64String('")[2].partition("'")[0]))
        return path

    def test_node(self) -> None:
        """Each in a block of its own; fetch writes paths in its own way."""
        program = "\n".join(f"{{\n{each}\n}}" for each in self.texts("fetch", "\x00").split("\x00"))
        self.run_program(["node", "--input-type=module", "-"], program)
        self.check(exact_path=False)

    def test_python(self) -> None:
        self.run_program([sys.executable, "-"], self.texts("python", "\n"))
        self.check(exact_path=False)
