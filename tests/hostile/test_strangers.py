"""Strangers who hold all connections of a server: whoever has the key gets in all the same, and its tunnel is open."""

from __future__ import annotations

import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.hostile.case import HostileCase
from tests.hostile.stage import ledger
from tests.hostile.visitors import dial, get
from tests.processes import start_client, start_server

CONNECTIONS = 60
KEY = "the-owners-key"


class StrangerTests(HostileCase):
    """Three times as many as there are places, of each kind."""

    def setUp(self) -> None:
        super().setUp()
        config = Path(tempfile.mkdtemp()) / "server.yaml"
        config.write_text(f"connections: {CONNECTIONS}\nconnections_per_address: {CONNECTIONS}\nmaster_key: {KEY}\n")
        self.server = start_server("--require-auth", "--config", str(config))
        self.addCleanup(self.server.stop)
        self.held = ExitStack()
        self.addCleanup(self.held.close)

    def hold(self, said: bytes, first: int = 0) -> None:
        """Strangers come, from several addresses, say this and stay."""
        for number in range(3 * CONNECTIONS):
            stranger = socket.socket()
            stranger.bind((f"127.0.1.{first + number % 100 + 1}", 0))
            self.held.enter_context(stranger)
            try:
                stranger.connect(("127.0.0.1", self.server.port))
                stranger.sendall(said)
            except OSError:
                continue  # it was turned away

    def assert_owner_gets_in(self) -> None:
        """In the time in which a client starts."""
        with start_client(self.server.port, ledger().port, "keyholder", "--api-key", KEY):
            with dial(self.server.port) as visitor:
                visitor.sendall(get(host=b"keyholder.localhost"))
                said = visitor.recv(4000)
                self.assertTrue(said.startswith(b"HTTP/1.1 200 "), said)

    def test_silence(self) -> None:
        self.hold(b"")
        self.assert_owner_gets_in()

    def test_heads_without_an_end(self) -> None:
        self.hold(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        self.assert_owner_gets_in()

    def test_links_without_a_hello(self) -> None:
        self.hold(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sellia.v1\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self.assert_owner_gets_in()
