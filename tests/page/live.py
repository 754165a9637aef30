"""Real tunnels for tests in a browser: a server, a client with its inspector, and services that others have written.

A `Live` is started once for a class of tests.  The visitors of most tests are in
Python, so that nothing but the page is in the browser.
"""

from __future__ import annotations

import atexit
import json
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page
from websockets.sync.client import ClientConnection, connect

from tests.e2e.case import watched
from tests.e2e.stage import events, server
from tests.page.stage import PageTests
from tests.processes import Process, start_python, wait_until


class Live:
    """A client of the shared server, with a tunnel for each service; ``ports`` are theirs by the tunnels' names.

    ``link_port`` is where the client reaches the server, if not at its own port.
    """

    def __init__(self, prefix: str, ports: Mapping[str, int], *options: str, link_port: int = 0) -> None:
        self.port = server().port
        self.names = {name: f"{prefix}-{name}" for name in ports}
        self._directory = tempfile.mkdtemp(prefix="sellia-page-")
        atexit.register(shutil.rmtree, self._directory, ignore_errors=True)
        self._settings = Path(self._directory) / "sellia.yaml"
        tunnels = {name: {"target": f"127.0.0.1:{port}", "subdomain": self.names[name]} for name, port in ports.items()}
        described = {"server": f"http://127.0.0.1:{link_port or self.port}", "tunnels": tunnels}
        self._settings.write_text(json.dumps(described))  # JSON is YAML
        self._options = options
        self.client: Process
        self.url = ""
        self.start()

    def start(self, address: str = "127.0.0.1:0") -> None:
        """Start the client; its inspector listens there."""
        argv = ("-m", "sellia", "start", "--all", "--json", "--config", str(self._settings), "--inspector", address)
        self.client = watched(start_python(*argv, *self._options, name="sellia start"))
        self.client.wait_for(lambda: len(self._opened()) == len(self.names), "all tunnels to open")
        self.url = self._opened()[0]["inspector"]

    def _opened(self) -> list[dict[str, Any]]:
        return [each for each in events(self.client) if each["event"] == "open"]

    @property
    def token(self) -> str:
        """The token of the client's run."""
        return self.url.partition("token=")[2]

    @property
    def inspector(self) -> str:
        """Address of the inspector without the token, and without a slash at its end."""
        return self.url.partition("/?")[0]

    def host(self, name: str) -> str:
        """Host name and port of a tunnel."""
        return f"{self.names[name]}.localhost:{self.port}"

    def ask(self, name: str, target: str, method: str = "GET", **more: Any) -> httpx.Response:
        """Return what a visitor is answered."""
        headers = {"Host": self.host(name), **more.pop("headers", {})}
        return httpx.request(
            method, f"http://127.0.0.1:{self.port}{target}", headers=headers, timeout=60, trust_env=False, **more
        )

    @contextmanager
    def socket(self, name: str, target: str = "/", **more: Any) -> Iterator[ClientConnection]:
        """A WebSocket of a visitor."""
        url = f"ws://{self.host(name)}{target}"
        reached = socket.create_connection(("127.0.0.1", self.port))
        with connect(url, sock=reached, open_timeout=60, **more) as opened:
            yield opened

    def api(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        """Return what the API answers to a script that has the token."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return httpx.request(method, self.inspector + path, headers=headers, timeout=60, trust_env=False, **more)


class LiveTests(PageTests):
    """Tests with real tunnels; a class says in ``make`` which, and all its tests share them."""

    live: Live

    @classmethod
    def make(cls) -> Live:
        """Start what the class needs."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Start the tunnels with the first test of the class, and forget what the one before has left."""
        cls = type(self)
        if "live" not in vars(cls):
            cls.live = cls.make()
        wait_until(self._forgotten, "the exchanges of the test before to end")

    def _forgotten(self) -> bool:
        self.live.api("/api/exchanges", "DELETE")
        return not self.live.api("/api/exchanges").json()["exchanges"]

    def errors(self) -> str:
        """Return what the client has said."""
        return self.live.client.output

    def open(self, query: str = "") -> Page:
        """Open the page, by the URL that the client prints."""
        self.page.goto(self.live.url + (f"&{query}" if query else ""))
        return self.page
