"""A server of twistd with accounts for tests of the admin page, and clients of it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.e2e.case import watched
from tests.page.stage import PageTests
from tests.processes import Process, free_port, start_python, start_server


class Administered:
    """The server; ``key`` is its first admin key."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="sellia-admin-page-"))
        atexit.register(shutil.rmtree, self.directory, ignore_errors=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        listen = f"tcp:{port}:interface=127.0.0.1"
        options = ("--state-dir", str(self.directory / "state"), "--admin-listen", listen, "--require-auth")
        self.server = watched(start_server(*options))
        first = self.directory / "state" / "first-admin-key"
        self.server.wait_for(lambda: first.exists() and first.read_text().strip(), "the first key")
        self.key = first.read_text().strip()
        self._clients = 0

    def api(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        """Make a call as a script does; it must not be refused."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        url = f"{self.url}/api/v1/{path}"
        response = httpx.request(method, url, json=body, headers=headers, timeout=60, trust_env=False)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def account(self, name: str) -> str:
        """Make an account; return its name."""
        self.api("POST", "accounts", {"name": name})
        return name

    def new_key(self, account: str, *scopes: str, **more: Any) -> Any:
        """Make a key; return what is said of it."""
        return self.api("POST", "keys", {"account": account, "scopes": list(scopes or ("http",)), **more})

    def client(self, key: str, name: str) -> Process:
        """Run a client with a tunnel."""
        self._clients += 1
        server = f"http://127.0.0.1:{self.server.port}"
        argv = ("-m", "sellia", "http", "text:hello", "-s", name, "--server", server, "--no-inspector", "--json")
        home = {"HOME": str(self.directory), "XDG_CONFIG_HOME": str(self.directory / "config")}
        client = watched(start_python(*argv, name=f"client {name}", env={**home, "SELLIA_API_KEY": key}))
        client.wait_for(lambda: '"event":"open"' in client.output.replace(" ", ""), "the tunnel to open")
        return client

    def visit(self, name: str) -> httpx.Response:
        """Return what a visitor of a tunnel is answered."""
        host = f"{name}.localhost:{self.server.port}"
        url = f"http://127.0.0.1:{self.server.port}/"
        return httpx.get(url, headers={"Host": host}, timeout=60, trust_env=False)


@cache
def administered() -> Administered:
    """Return the server of all tests."""
    return Administered()


class AdminPageTests(PageTests):
    """Tests of the admin page; each makes accounts of its own."""

    def prepare(self) -> None:
        self.admin = administered()

    def errors(self) -> str:
        return self.admin.server.output

    def open(self, query: str = "") -> Page:
        """Open the page, at a view."""
        self.page.goto(f"{self.admin.url}/{'#/' + query if query else ''}")
        return self.page

    def enter(self, view: str = "overview", key: str = "") -> Page:
        """Open the page at a view, and sign in."""
        self.open(view)
        self.sign_in(key or self.admin.key)
        expect(self.page.get_by_role("navigation")).to_be_visible()
        return self.page

    def sign_in(self, key: str) -> None:
        """Fill in the form."""
        self.page.get_by_label("Admin key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()

    def row(self, table: str, text: str) -> Locator:
        """Return the row of a table with a text."""
        return self.part(table).locator("tbody tr").filter(has_text=text)

    def button(self, name: str) -> Locator:
        """Return a button by its whole name."""
        return self.page.get_by_role("button", name=name, exact=True)
