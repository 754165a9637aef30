"""Nothing that is secret gets into a log, whatever the level, and nothing from outside gets there unescaped."""

from __future__ import annotations

import socket
from base64 import b64encode

from tests.e2e.case import EndToEndTests
from tests.e2e.recorder import Recorder, ServiceLeg
from tests.e2e.websocket import accept_upgrade
from tests.processes import Process, free_port, start_client, start_server, start_twistd, wait_until

SECRET = "s3cr3t"
"""In every secret of this module."""

KEY = f"{SECRET}-master-key"
PASSWORD = f"ann:{SECRET}-password"
BASIC = b64encode(PASSWORD.encode()).decode()
GUESS = b64encode(b"ann:" + f"{SECRET}-guess".encode()).decode()

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
"""A JSON Web Token."""

FIELDS = (
    f"Authorization: Basic {BASIC}\r\nCookie: session={SECRET}-cookie\r\nProxy-Authorization: Basic {BASIC}\r\n"
    f"X-Api-Key: {SECRET}-header\r\nReferer: http://a/?token={SECRET}-referer\r\nUser-Agent: {SECRET}\r\n"
)
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
UPGRADE += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


class LogTests(EndToEndTests):
    """A server and a client that tell all they ever do, and visitors who have something to hide."""

    def setUp(self) -> None:
        self.recorder = Recorder()
        self.addCleanup(self.recorder.close)
        keys = {"SELLIA_MASTER_KEY": KEY}
        self.server = self.ended(start_server("--require-auth", "--log-level", "debug", env=keys))
        self.client = self.start_client("demo", self.recorder.port)

    def start_client(self, name: str, port: int) -> Process:
        options = ("--auth", PASSWORD, "--log-level", "debug")
        return self.ended(start_client(self.server.port, port, name, *options, env={"SELLIA_API_KEY": KEY}))

    def ended(self, process: Process) -> Process:
        self.addCleanup(process.stop)
        return process

    def ask(self, target: str, *, host: str = "demo.localhost", fields: str = FIELDS, body: str = "") -> str:
        """The head of the answer."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as connection:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n{body}".encode("latin-1"))
            return connection.recv(65536).decode("latin-1")

    def choose(self, exchange: ServiceLeg) -> None:
        """A service that has tokens in all that it says."""
        accept_upgrade(exchange, f"Sec-WebSocket-Protocol: {exchange.header('Sec-WebSocket-Protocol')}")
        payload = (4001).to_bytes(2, "big") + f"token={SECRET} by=visitor code=1000".encode()
        exchange.send(bytes((0x88, len(payload))) + payload)
        exchange.over = True

    def test_all_that_visitors_and_clients_send(self) -> None:
        query = f"?token={SECRET}-query&{SECRET}"
        self.assertIn(" 200 ", self.ask(f"/page{query}"))
        self.assertIn(" 401 ", self.ask(f"/page{query}", fields=f"Authorization: Basic {GUESS}\r\n"))
        self.assertIn(" 404 ", self.ask(f"/page{query}", host="nobody.localhost"))
        self.assertIn(" 404 ", self.ask(f"/page{query}", host="localhost"))
        self.assertIn(" 400 ", self.ask(f"http://ann:{SECRET}@demo.localhost/page{query}"))
        self.assertIn(" 400 ", self.ask(f"/page{query}", host=f"ann:{SECRET}@demo.localhost"))
        self.assertIn(" 400 ", self.ask("/page", fields=f"{FIELDS}X : {SECRET}-field\r\n"))
        self.assertIn(" 431 ", self.ask("/page", fields=f"{FIELDS}X: {SECRET * 20_000}\r\n"))
        self.assertIn(" 414 ", self.ask(f"/page?{SECRET * 2000}"))
        self.ask(f"/socket{query}", fields=FIELDS + UPGRADE)
        self.recorder.on(f"/chosen;id={SECRET}{query}", self.choose)
        offer = f"Sec-WebSocket-Protocol: bearer.{TOKEN}\r\n"
        self.assertIn(" 101 ", self.ask(f"/chosen;id={SECRET}{query}", fields=FIELDS + UPGRADE + offer))
        for process in (self.server, self.client):
            wait_until(lambda process=process: "websocket closed" in process.output, "the end of the WebSocket")  # type: ignore[misc]
        gone = self.start_client("gone", free_port())
        self.assertIn(" 502 ", self.ask(f"/page{query}", host="gone.localhost"))
        self.assertIn(" 502 ", self.ask(f"/socket{query}", host="gone.localhost", fields=FIELDS + UPGRADE))
        stranger = start_twistd(
            *("sellia-client", "--server", f"http://127.0.0.1:{self.server.port}", "--target", str(free_port())),
            *("--log-level", "debug"),
            env={"SELLIA_API_KEY": f"{SECRET}-wrong-key"},
        )
        self.ended(stranger)
        self.assertEqual(stranger.wait_for_exit(), 1)
        wait_until(lambda: "wrong-key" in self.server.output, "the server's line about the wrong key")
        for process in (self.server, self.client, gone, stranger):
            process.stop()
            self.assertNotIn(SECRET, process.output, process.name)
            self.assertNotIn(BASIC, process.output, process.name)
            self.assertNotIn(GUESS, process.output, process.name)
            self.assertNotIn("\x1b", process.output, process.name)
            self.assertNotIn(TOKEN, process.output, process.name)
        for process in (self.server, self.client):
            self.assertIn(" path=/chosen;…?… visitor=127.0.0.1 subprotocol=bearer.…", process.output)
            self.assertIn(' by=service code=4001 reason="token=… by=visitor code=1000" ', process.output)
        self.assertIn("target=/page?…", self.server.output)
        self.assertIn("GET /socket?… failed: service-refused", gone.output)
