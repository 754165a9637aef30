"""Upgrades to protocols other than WebSocket, which the tunnel lists: Docker's API client attached to a stub engine."""

from __future__ import annotations

import json
import socket
import tempfile
from pathlib import Path
from typing import Any

import docker  # type: ignore[import-untyped]

from tests.e2e.recorder import ServiceLeg
from tests.e2e.test_limits import LimitCase
from tests.processes import start_twistd, tunnel_is_open, wait_until

SWITCH = b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\n"
TARGET = "/v1.41/containers/web/attach?stdin=1&stdout=1&stream=1"
PARAMS = {"stdin": 1, "stdout": 1, "stream": 1}


def echo(exchange: ServiceLeg) -> None:
    """An engine: it switches to what it was asked for, and echoes in capitals until its client says no more."""
    exchange.read_body()
    if exchange.header("Upgrade") is None:
        exchange.send(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")
        return
    exchange.send(SWITCH + b"Upgrade: tcp\r\n\r\n")
    while data := exchange.read_some():
        exchange.send(data.upper())
    exchange.send(b"bye\n")
    exchange.over = True


class UpgradeTests(LimitCase):
    def setUp(self) -> None:
        super().setUp()
        self.recorder.on(TARGET, echo)
        config = Path(tempfile.mkdtemp()) / "client.yaml"
        tunnels = {"engine": {"target": self.recorder.port, "subdomain": "engine", "upgrades": ["tcp"]}}
        config.write_text(json.dumps({"tunnels": tunnels}))
        self.engine = self.ended(
            start_twistd("sellia-client", "--server", f"http://127.0.0.1:{self.server.port}", "--config", str(config))
        )
        host = f"engine.localhost:{self.server.port}"
        wait_until(lambda: tunnel_is_open(self.server.port, host), "the tunnel to be open")

    def attach(self, host: str) -> Any:
        client = docker.APIClient(base_url=f"http://127.0.0.1:{self.server.port}", version="1.41")
        self.addCleanup(client.close)
        client.headers["Host"] = host
        return client.attach_socket("web", params=PARAMS)

    def test_docker_attach(self) -> None:
        stream = self.attach("engine.localhost")
        attached: socket.socket = getattr(stream, "_sock", stream)
        self.addCleanup(attached.close)
        attached.settimeout(20)
        data = b""
        attached.sendall(b"hello\n")
        while not data.endswith(b"HELLO\n"):
            data += attached.recv(65536)
        attached.shutdown(socket.SHUT_WR)
        while piece := attached.recv(65536):
            data += piece
        self.assertEqual(data, b"HELLO\nbye\n")

    def test_a_tunnel_that_does_not_list_it(self) -> None:
        self.assertRaises(docker.errors.APIError, self.attach, "demo.localhost")
        [exchange] = self.recorder.exchanges(TARGET)
        self.assertEqual((exchange.header("Upgrade"), exchange.header("Connection")), (None, None))
