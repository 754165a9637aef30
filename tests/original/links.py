"""A client's link as the original's server has it: keys, names, and what the client says about exchanges."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.original import wire
from tests.original.sockets import WebSocket, report, report_message

if TYPE_CHECKING:
    from tests.original.server import OriginalServer

RESERVED = ("admin", "api", "www", "reserved-there")


@dataclass(eq=False)
class Tunnel:
    """A name, and whose it is."""

    id: str
    name: str
    auth: str | None
    link: Link


@dataclass(eq=False)
class Visit:
    """One exchange as the server has it: what the client says about it waits here."""

    link: Link
    id: str = field(default_factory=wire.new_id)
    said: asyncio.Queue[wire.Message | None] = field(default_factory=asyncio.Queue)
    upgraded: bool = False

    async def next(self, seconds: float | None) -> wire.Message | None:
        """What the client says next; None when its link is lost."""
        async with asyncio.timeout(seconds):
            return await self.said.get()


class Link:
    """A client's link."""

    def __init__(self, server: OriginalServer, socket: WebSocket) -> None:
        self.socket = socket
        self.visits: dict[str, Visit] = {}
        self._server = server
        self._quirks = server.quirks
        self._known = server.key is None
        self._heard_at = time.monotonic()
        self._later: set[asyncio.TimerHandle] = set()

    async def run(self) -> None:
        """Until it is lost."""
        async for opcode, octets in self.socket.messages():
            self._heard_at = time.monotonic()
            if opcode != 2:
                continue
            said = wire.decode(octets)
            if said is None:
                report("dropped", octets=len(octets))
                continue
            report_message("heard", said)
            await self._heard(said)
        if self.socket.closed:
            await self.socket.close(self.socket.code)
        self.socket.hang_up()

    async def say(self, type: str, **fields: Any) -> None:
        """Send a message."""
        said = wire.message(type, **fields)
        report_message("said", said)
        await self.socket.send(2, wire.encode(said))

    async def look(self) -> None:
        """The timer has come round: ping it, or give it up."""
        if time.monotonic() - self._heard_at > self._quirks.silence:
            await self.socket.close(1000, "Connection timeout")
            self.socket.hang_up()
        else:
            await self.say("ping", timestamp=int(time.time() * 1000))

    def over(self) -> None:
        """It is lost: its names are free, and who waits for it is told."""
        for name, tunnel in list(self._server.tunnels.items()):
            if tunnel.link is self:
                del self._server.tunnels[name]
        for visit in self.visits.values():
            visit.said.put_nowait(None)
        for later in self._later:
            later.cancel()

    async def _heard(self, said: wire.Message) -> None:
        type = said["type"]
        if type == "auth":
            await self._auth(said["api_key"])
        elif type == "tunnel_open":
            await self._open(said)
        elif type == "tunnel_close":
            for name, tunnel in list(self._server.tunnels.items()):
                if tunnel.link is self and tunnel.id == said["tunnel_id"]:
                    del self._server.tunnels[name]
        else:
            visit = self.visits.get(said.get("request_id", ""))
            if visit is not None:
                self._pass_on(visit, said)

    def _pass_on(self, visit: Visit, said: wire.Message) -> None:
        if said["type"] == "ws_upgrade_ok":

            def upgrade() -> None:
                visit.upgraded = True
                visit.said.put_nowait(said)

            self._later.add(asyncio.get_running_loop().call_later(self._quirks.works_through_after, upgrade))
        elif said["type"] == "ws_frame" and not visit.upgraded:
            report("lost-frame", request_id=visit.id)
        elif said["type"] == "ws_close" and not visit.upgraded:
            visit.said.put_nowait(wire.message("ws_upgrade_error", request_id=visit.id, status_code=502, message=""))
        else:
            visit.said.put_nowait(said)

    async def _auth(self, key: str) -> None:
        if self._server.key is not None and key != self._server.key:
            await self.say("auth_error", error="Invalid API key")
            await self.socket.close(1000, "Authentication failed")
            return
        self._known = True
        account = hashlib.sha256(key.encode()).hexdigest()[:16]
        await self.say("auth_ok", account_id=account, limits={"max_tunnels": 10, "max_connections": 100})

    async def _open(self, said: wire.Message) -> None:
        if not self._known:
            await self.say("auth_error", error="Not authenticated")
            return
        name = said.get("subdomain") or wire.new_id()[:8]
        reason = None
        if len(name) < 3:
            reason = "Subdomain must be at least 3 characters"
        elif name in RESERVED:
            reason = f"Subdomain '{name}' is reserved"
        elif name in self._server.tunnels:
            reason = f"Subdomain '{name}' is not available"
        if reason is not None:
            await self.say("tunnel_close", tunnel_id="", reason=reason)
            return
        tunnel = Tunnel(wire.new_id(), name, said.get("auth"), self)
        self._server.tunnels[name] = tunnel
        url = self._server.url.replace("*", name)
        await self.say("tunnel_ready", tunnel_id=tunnel.id, url=url, subdomain=name)
