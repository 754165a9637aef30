"""A server with accounts and its admin API on a real socket, and calls to it."""

import json
from dataclasses import dataclass
from typing import Any

from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers

from sellia.server.accounts.service import Accounts
from sellia.server.admin.service import AdminService
from sellia.server.service import ServerService
from sellia.server.settings import ServerSettings
from sellia.storage.memory import MemoryStorage

#: The master key of the server.
MASTER = "master-" + "m" * 40

#: Everything below which calls are.
ROOT = "/api/v1/"


@dataclass(frozen=True)
class Said:
    """What a call was answered with."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def word(self) -> str:
        """The stable word of a refusal."""
        return str(self.json["error"])


class AdminCase(TestCase):
    """Starts the server before each test."""

    timeout = 60

    #: Settings of the server besides its master key.
    settings: dict[str, Any] = {}

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        net: Any = reactor
        self.storage = self.make_storage()
        places = {"listen": ("tcp:0:interface=127.0.0.1",), "admin_listen": "tcp:0:interface=127.0.0.1"}
        settings = ServerSettings(**places, master_key=MASTER, storage="sqlite:////nowhere", **self.settings)
        self.accounts = Accounts(self.storage, settings, net)
        self.server = ServerService(settings, net, accounts=self.accounts)
        self.server.startService()
        self.addCleanup(self.server.stopService)
        self.operations = self.accounts.operations
        await self.operations.parts.changes.load()
        self.admin = self.server.admin
        self.port = self.admin.port
        self.pool = HTTPConnectionPool(net, persistent=True)
        self.addCleanup(self.pool.closeCachedConnections)
        self.agent = Agent(net, pool=self.pool)

    @property
    def client(self) -> HTTPClient:
        """A client, which knows no cookies of calls before."""
        return HTTPClient(self.agent)

    async def restart(self) -> None:
        """Start the admin API, as after a restart of the server: nothing in its memory is left."""
        endpoint = "tcp:0:interface=127.0.0.1"
        self.admin = AdminService(endpoint, self.operations, self.server.settings, self.server.guard, reactor)
        self.admin.startService()
        self.addCleanup(self.admin.stopService)
        self.port = self.admin.port

    def make_storage(self) -> Any:
        return MemoryStorage()

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = MASTER,
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
    ) -> Said:
        """Make a call; ``path`` is below the root unless it begins with a slash."""
        fields = Headers()
        if key is not None:
            fields.addRawHeader("Authorization", f"Bearer {key}")
        if body is not None:
            data = json.dumps(body).encode()
            fields.addRawHeader("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            fields.setRawHeaders(name, [value])
        url = f"http://127.0.0.1:{self.port}{path if path.startswith('/') else ROOT + path}"
        response: Any = await self.client.request(method, url, headers=fields, data=data, allow_redirects=False)
        told = {name.decode().lower(): values[0].decode() for name, values in response.headers.getAllRawHeaders()}
        return Said(response.code, told, await response.content())

    async def done(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """Make a call that must not be refused; return what it is answered with."""
        said = await self.ask(method, path, body, **how)
        self.assertLess(said.status, 300, said.body)
        return said.json if said.body else None

    async def account(self, name: str = "acme", **more: Any) -> str:
        """Make an account; return its id."""
        made = await self.done("POST", "accounts", {"name": name, **more})
        return str(made["id"])

    async def key(self, account: str = "acme", *scopes: str, **more: Any) -> str:
        """Make a key of an account; return its secret."""
        made = await self.done("POST", "keys", {"account": account, "scopes": [*(scopes or ("http",))], **more})
        return str(made["key"])
