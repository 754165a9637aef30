"""
Vite and webpack-dev-server behind a tunnel, in a real browser: a changed source file changes the page as it stands.

The domain is not below ``localhost``, which both dev servers would let pass by themselves: their host checks are part
of what people meet.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.e2e.case import EndToEndTests
from tests.e2e.stage import (
    NODE_PROGRAMS,
    Reach,
    curl,
    events,
    node_argv,
    node_module,
    program,
    reach,
    wait_for_event,
)
from tests.processes import Process, free_port

DOMAIN = "sellia.test"
HOT_UPDATE_DEADLINE = 60.0
"""Seconds that a dev server may take to build, on a machine that others use too."""


def vite(port: int) -> list[str]:
    """``vite`` on ``port``."""
    options = ["--host", "127.0.0.1", "--port", str(port), "--strictPort"]
    return node_argv(node_module("vite/bin/vite.js"), *options)


def webpack(port: int) -> list[str]:
    """``webpack serve`` on ``port``."""
    node_module("webpack-dev-server/package.json")
    return node_argv(node_module("webpack-cli/bin/cli.js"), "serve", "--port", str(port))


class DevServerTests(EndToEndTests):
    """What every test here needs: a project of its own, its dev server, and a way to it."""

    def start(self, command: Callable[[int], list[str]], application: str, ready: str, allowed: str = "") -> Reach:
        """Copy ``application``, start its dev server, and wait until it says ``ready``."""
        program("chromium")
        node_module("playwright-core/package.json")
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        # The real path: a dev server that watches through a symbolic link may miss changes.
        self.project = Path(temporary.name).resolve() / "project"
        shutil.copytree(NODE_PROGRAMS / application, self.project)
        port = free_port()
        server = Process(
            command(port), name=application, cwd=self.project, env={"ALLOWED_HOSTS": allowed, "NO_COLOR": "1"}
        )
        self.addCleanup(server.stop)
        server.wait_for_line(ready, HOT_UPDATE_DEADLINE)
        return reach(port, application, DOMAIN)

    def watch(self, place: Reach) -> Process:
        """A browser that waits for the text as it was, then for the text as it will be."""
        wish = {"selector": "#app", "texts": ["as it was", "as it is now"]}
        browser = Process(
            node_argv("browser.js", program("chromium"), place.url("/"), json.dumps(wish)), name="browser.js"
        )
        self.addCleanup(browser.stop)
        return browser

    def change_the_source(self) -> None:
        """What a developer does in the editor."""
        (self.project / "text.js").write_text("export const text = 'as it is now';\n")

    def see_it_change(self, place: Reach, socket_path: str, frame: str, browser: Process) -> None:
        """
        The page's socket goes through the tunnel, and brings the change to a page that is not loaded again.

        ``frame`` is part of what the dev server sends first, so the socket works before the file is touched.
        """
        wait_for_event(browser, event="text", text="as it was")
        browser.wait_for(lambda: any(frame in event.get("payload", "") for event in events(browser)), frame)
        self.change_the_source()
        wait_for_event(browser, event="text", text="as it is now")
        self.assertEqual(browser.wait_for_exit(), 0)
        seen = events(browser)
        sockets = [event["url"] for event in seen if event["event"] == "socket"]
        self.assertEqual(len(sockets), 1, sockets)
        self.assertTrue(sockets[0].startswith(place.url(socket_path, "ws")), sockets)
        self.assertEqual(len([event for event in seen if event["event"] == "navigation"]), 1, "the page was reloaded")


class ViteTests(DevServerTests):
    """Vite: a token in the query, and the subprotocol ``vite-hmr``."""

    def test_hot_update(self) -> None:
        """The socket connects through the tunnel and delivers an update."""
        place = self.start(vite, "vite-app", r"Local:", allowed=f".{DOMAIN}")
        browser = self.watch(place)
        self.see_it_change(place, "/?token=", '"connected"', browser)

    def test_unknown_host(self) -> None:
        """Without ``allowedHosts`` Vite's own refusal reaches the visitor, who can read in it what to do."""
        place = self.start(vite, "vite-app", r"Local:")
        output = curl(place, "/", "--include").output.decode()
        self.assertIn(" 403 ", output.splitlines()[0])
        self.assertIn("server.allowedHosts", output)


class WebpackTests(DevServerTests):
    """webpack-dev-server: its socket is at ``/ws``, where Sellia's own gateway is on the base domain."""

    def test_hot_update(self) -> None:
        """The socket connects through the tunnel, to the service's ``/ws``, and delivers an update."""
        place = self.start(webpack, "webpack-app", r"compiled .*successfully", allowed=f".{DOMAIN}")
        browser = self.watch(place)
        self.see_it_change(place, "/ws", '"type":"hot"', browser)

    def test_unknown_host(self) -> None:
        """Without ``allowedHosts`` the dev server's own refusal reaches the visitor."""
        place = self.start(webpack, "webpack-app", r"compiled .*successfully")
        output = curl(place, "/", "--include").output.decode()
        self.assertIn(" 403 ", output.splitlines()[0])
        self.assertIn("Invalid Host header", output)
