"""Services that others have written, behind tunnels of one client: what the browser tests with real traffic share.

Each is started once; the first that asks waits for all of them, which start side by side.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tests.e2e.stage import NODE_PROGRAMS, events, node_argv, node_module, wait_for_event
from tests.page.live import Live, LiveTests
from tests.processes import Process, free_port, start_python


class Town:
    """The services: ``node`` (requests, WebSockets, Socket.IO, GraphQL), ``vite``, ``sse`` (uvicorn), ``echo``."""

    def __init__(self) -> None:
        for path in ("vite/bin/vite.js", "socket.io/package.json", "graphql-ws/package.json"):
            node_module(path)
        self.node = Process(node_argv("live_service.js"), name="live_service.js")
        self.application = Path(tempfile.mkdtemp(prefix="sellia-vite-")).resolve()
        atexit.register(shutil.rmtree, self.application, ignore_errors=True)
        shutil.copytree(NODE_PROGRAMS / "vite-app", self.application, dirs_exist_ok=True)
        vite_port, sse_port, echo_port = free_port(), free_port(), free_port()
        options = ("--host", "127.0.0.1", "--port", str(vite_port), "--strictPort")
        self.vite = Process(
            node_argv(node_module("vite/bin/vite.js"), *options),
            name="vite",
            cwd=self.application,
            env={"ALLOWED_HOSTS": ".localhost"},
            port=vite_port,
        )
        uvicorn = ("-m", "uvicorn", "tests.page.sse_app:app", "--port", str(sse_port), "--log-level", "warning")
        self.sse = start_python(*uvicorn, name="uvicorn", port=sse_port)
        echo = ("-m", "tests.conformance.echo_server", str(echo_port), "deflate")
        self.echo = start_python(*echo, name="Autobahn echo", port=echo_port)
        for each in (self.vite, self.sse, self.echo):
            each.wait_for_port()
        self.node_port: int = wait_for_event(self.node, event="listening")["port"]
        ports = {"node": self.node_port, "vite": vite_port, "sse": sse_port, "echo": echo_port}
        self.live = Live(f"town{os.getpid()}", ports)

    def asked(self, url: str) -> list[dict[str, Any]]:
        """Return what the service has been asked by this target, oldest first."""
        return [each for each in events(self.node) if each["event"] == "request" and each["url"] == url]

    def wait_asked(self, url: str, count: int = 1) -> dict[str, Any]:
        """Return what the service was asked by this target the ``count``-th time, once it was."""
        self.node.wait_for(lambda: len(self.asked(url)) >= count, f"{count} of {url}")
        return self.asked(url)[count - 1]


@cache
def town() -> Town:
    """Return the services, started at first use."""
    return Town()


class TownTests(LiveTests):
    """Tests with these services."""

    town: Town

    @classmethod
    def make(cls) -> Live:
        cls.town = town()
        return cls.town.live
