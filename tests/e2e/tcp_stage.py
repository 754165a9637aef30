"""What the tests of tcp tunnels share: a server with ports, a client with a tunnel for each service, and a bad network.

stage = TcpStage({"db": 5432, "ssh": 2222})
socket.create_connection(("127.0.0.1", stage["db"]))
stage.cut()  # the link is lost, and the client comes back
"""

from __future__ import annotations

import json
import re
import socket
import struct
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from tests.chaos.proxy import FaultProxy
from tests.e2e.case import watched
from tests.processes import Process, start_server, start_twistd, wait_until

DEADLINE = 20.0
"""Seconds for anything to happen on a socket."""


class Network(Protocol):
    """A proxy between the client and the server, which listens on ``port``."""

    port: int

    def close(self) -> None: ...


class TcpStage:
    """All of it, until `close`.

    ``options`` are what every tunnel has besides; ``server`` are the server's flags; ``through`` makes a proxy in front
    of a server's port; ``key`` is the server's and the client's.
    """

    def __init__(
        self,
        services: Mapping[str, int | str],
        *server: str,
        config: str = "",
        options: Mapping[str, Any] | None = None,
        kind: str = "tcp",
        through: Callable[[int], Network] | None = None,
        key: str | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sellia-tcp-")
        self.services = dict(services)
        self._kind = kind
        more: list[str] = []
        self._key = {"api_key": key} if key is not None else {}
        if key is not None:
            more = ["--master-key", key]
        if config:
            more += ["--config", self.write("server.yaml", config)]
        ports = ("--tcp-ports", "20000-29999", "--udp-ports", "20000-29999")
        self.server: Process = watched(start_server(*ports, *more, *server))
        self.network = through(self.server.port) if through is not None else None
        self.proxy = FaultProxy(self.network.port if self.network is not None else self.server.port)
        tunnels = {
            name: {
                "kind": kind,
                "target": where if isinstance(where, str) else f"127.0.0.1:{where}",
                **(options or {}),
            }
            for name, where in self.services.items()
        }
        self._tunnels = tunnels
        self.client: Process = self.start_client()

    def start_client(self) -> Process:
        """A client with all tunnels, which are public when this returns."""
        config = {"server": f"http://127.0.0.1:{self.proxy.port}", "tunnels": self._tunnels, **self._key}
        self.client = watched(start_twistd("sellia-client", "--config", self.write("client.yaml", json.dumps(config))))
        for name in self.services:
            self.client.wait_for_line(self._line(name))
        return self.client

    def write(self, name: str, text: str) -> str:
        """A file that lasts as long as the stage."""
        path = Path(self._folder.name) / name
        path.write_text(text)
        return str(path)

    def _line(self, name: str) -> str:
        where = self.services[name]
        target = re.escape(where if isinstance(where, str) else f"{self._kind}://127.0.0.1:{where}")
        return rf"tunnel ready: {self._kind}://localhost:(\d+) -> {target}$"

    def __getitem__(self, name: str) -> int:
        """The public port of a service."""
        return int(self.client.wait_for_line(self._line(name))[1])

    def connect(self, name: str) -> socket.socket:
        """A visitor's connection."""
        visitor = socket.create_connection(("127.0.0.1", self[name]), timeout=DEADLINE)
        visitor.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return visitor

    def cut(self, times: int = 1) -> None:
        """Cut the link, so often, and wait each time until the client is back."""
        for _ in range(times):
            before = self.server.output.count("link back")
            self.proxy.cut()
            wait_until(lambda before=before: self.server.output.count("link back") > before, "the link to be back")  # type: ignore[misc]

    def close(self) -> None:
        """End everything; connections that a test has left open are not waited for."""
        self.client.stop(1.0)
        self.server.stop(1.0)
        self.proxy.close()
        if self.network is not None:
            self.network.close()
        self._folder.cleanup()


def listener() -> socket.socket:
    """A service that a test plays itself."""
    found = socket.create_server(("127.0.0.1", 0))
    found.settimeout(DEADLINE)
    return found


def accept(service: socket.socket) -> socket.socket:
    """The next connection to it."""
    connection, _ = service.accept()
    connection.settimeout(DEADLINE)
    return connection


def reset(connection: socket.socket) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def receive(connection: socket.socket, size: int) -> bytes:
    """Exactly so many bytes."""
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        assert piece, f"it ended after {len(data)} of {size} bytes"
        data += piece
    return data


def was_reset(connection: socket.socket) -> bool:
    """Whether the connection ends with RST, and not in order."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return False
