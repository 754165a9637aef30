"""A listener that does TLS itself: handshakes that are never finished end, connections that are idle do not."""

from __future__ import annotations

import socket
import ssl
import tempfile
import time
from functools import cache
from pathlib import Path

from tests.e2e.case import EndToEndTests, watched
from tests.e2e.fronts import DOMAIN, certificate
from tests.processes import answers, free_port, start_twistd


@cache
def port() -> int:
    """Where a server does TLS, which gives a handshake one second."""
    secure, plain = free_port(), free_port()
    cert, key = certificate()
    config = Path(tempfile.mkdtemp()) / "server.yaml"
    config.write_text(
        f"listen:\n  - tcp:{plain}:interface=127.0.0.1\n"
        f"  - ssl:{secure}:interface=127.0.0.1:privateKey={key}:certKey={cert}\n"
        f"domain: {DOMAIN}\nhttps: true\nhandshake_timeout: 1\n"
    )
    server = watched(start_twistd("sellia-server", "--config", str(config), port=plain))
    server.wait_for(lambda: answers(plain), "an answer of the server")
    return secure


class TlsTests(EndToEndTests):
    def test_a_handshake_that_is_never_finished(self) -> None:
        for said in (b"", b"\x16\x03\x01"):
            began = time.monotonic()
            with socket.create_connection(("127.0.0.1", port()), timeout=10) as connection:
                connection.sendall(said)
                try:
                    self.assertEqual(connection.recv(100), b"")
                except ConnectionResetError:
                    pass
            self.assertLess(time.monotonic() - began, 8.0)

    def test_one_that_is(self) -> None:
        """It may then be idle for longer than a handshake may take."""
        context = ssl.create_default_context(cafile=str(certificate()[0]))
        with socket.create_connection(("127.0.0.1", port()), timeout=10) as connection:
            with context.wrap_socket(connection, server_hostname=DOMAIN) as secure:
                secure.settimeout(4.0)
                with self.assertRaises(TimeoutError):
                    secure.recv(100)
                secure.settimeout(10.0)
                secure.sendall(f"GET /ready HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n".encode())
                self.assertTrue(secure.recv(100).startswith(b"HTTP/1.1 200 "))
