"""
The original's server, as a program::

    python -m tests.original.server --port 3000 --domain localhost --quirk early_101=no

One port takes clients at ``/ws`` and everybody's visitors. On each line of its output is one event: ``listening``, what
it ``heard`` and ``said``, clients that are ``connected`` and ``lost``. SIGUSR1 cuts all links without a close frame.

Assumed, because the recordings do not tell: a request is sent whole before its answer is passed on; a visitor whose
client fails sees 502, one whose client is too slow 504, and one whose WebSocket the service refuses a close frame
without a code, since the 101 has been sent.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import http
import signal
import time
from dataclasses import dataclass, field
from typing import Any

from tests.original import wire
from tests.original.quirks import ServerQuirks, changed
from tests.original.sockets import (
    HEAD_LIMIT,
    Head,
    WebSocket,
    accept_of,
    read_body,
    read_head,
    render_head,
    report,
    report_message,
)

RESERVED = ("admin", "api", "www", "reserved-there")


@dataclass(eq=False)
class _Tunnel:
    id: str
    name: str
    auth: str | None
    link: _Link


@dataclass(eq=False)
class _Visit:
    """One exchange as the server has it: what the client says about it waits here."""

    link: _Link
    id: str = field(default_factory=wire.new_id)
    said: asyncio.Queue[wire.Message | None] = field(default_factory=asyncio.Queue)
    upgraded: bool = False

    async def next(self, seconds: float | None) -> wire.Message | None:
        """What the client says next; None when its link is lost."""
        async with asyncio.timeout(seconds):
            return await self.said.get()


class OriginalServer:
    """All of one server."""

    def __init__(self, domain: str, url: str, key: str | None, quirks: ServerQuirks) -> None:
        self.domain = domain
        self.url = url
        self.key = key
        self.quirks = quirks
        self.tunnels: dict[str, _Tunnel] = {}
        self.links: set[_Link] = set()

    async def run(self, port: int) -> None:
        """Listen on 127.0.0.1, for ever."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", port, limit=HEAD_LIMIT)
        report("listening", port=server.sockets[0].getsockname()[1])
        while True:
            await asyncio.sleep(self.quirks.ping_interval)
            for link in list(self.links):
                await link.look()

    def cut(self) -> None:
        """End all links at once."""
        for link in list(self.links):
            link.socket.abort()

    # --- connections ---------------------------------------------------------------------------------------

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await read_head(reader)
                if head is None or not await self._request(head, reader, writer):
                    return
        except (OSError, EOFError, ValueError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _request(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request, and say whether the connection goes on."""
        path = head.words[1].partition("?")[0]
        tunnel = self._tunnel(head)
        if self.quirks.shadows_paths or tunnel is None:
            if path == "/ws" and head.asks_for_websocket():
                await self._link(head, reader, writer)
                return False
            if path.startswith("/api/admin/"):
                return await _say(writer, 401, "Unauthorized")
        if tunnel is None:
            return await _say(writer, 404, "Tunnel not found")
        if tunnel.auth is not None and not _knows(head, tunnel.auth):
            return await _say(writer, 401, "Unauthorized", ("WWW-Authenticate", 'Basic realm="Sellia"'))
        if head.asks_for_websocket():
            await _WebSocketVisit(self, tunnel, head, reader, writer).run()
            return False
        return await self._exchange(tunnel, head, reader, writer)

    def _tunnel(self, head: Head) -> _Tunnel | None:
        host = (head.get("host") or "").partition(":")[0]
        name, dot, domain = host.partition(".")
        return self.tunnels.get(name) if dot and domain == self.domain else None

    async def _link(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_switching(head, None))
        await writer.drain()
        link = _Link(self, WebSocket(reader, writer, client=False))
        self.links.add(link)
        report(
            "connected", protocols=head.get("sec-websocket-protocol"), extensions=head.get("sec-websocket-extensions")
        )
        try:
            await link.run()
        finally:
            self.links.discard(link)
            link.over()
            report("lost", code=link.socket.code, closed=link.socket.closed)

    # --- requests ------------------------------------------------------------------------------------------

    async def _exchange(
        self, tunnel: _Tunnel, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        method, path, version = head.words
        link = tunnel.link
        visit = _Visit(link)
        link.visits[visit.id] = visit
        try:
            await link.say(
                "request_start",
                request_id=visit.id,
                tunnel_id=tunnel.id,
                method=method,
                path=path,
                headers=wire.merged(self._lines(head)),
            )
            if (head.get("expect") or "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            async for piece in read_body(reader, head, until_end=False):
                for offset in range(0, len(piece), wire.CHUNK):
                    chunk = piece[offset : offset + wire.CHUNK]
                    await link.say("request_body", request_id=visit.id, chunk=chunk, final=False)
            await link.say("request_body", request_id=visit.id, chunk=b"", final=True)
            try:
                start = await visit.next(self.quirks.response_timeout)
            except TimeoutError:
                return await _say(writer, 504, "Gateway Timeout")
            if start is None:
                return await _say(writer, 502, "Bad Gateway")
            whole = await self._respond(visit, method, version, start, writer)
            goes_on = version == "HTTP/1.1" and (head.get("connection") or "").lower() != "close"
            return whole and goes_on
        finally:
            link.visits.pop(visit.id, None)

    async def _respond(
        self, visit: _Visit, method: str, version: str, start: wire.Message, writer: asyncio.StreamWriter
    ) -> bool:
        status = start["status_code"]
        answer = Head("", wire.pairs(start["headers"]))
        lines = answer.lines
        if not self.quirks.passes_hop_by_hop:
            lines = [pair for pair in lines if pair[0].lower() not in ("connection", "keep-alive")]
        bodiless = method == "HEAD" or status in (204, 304) or status < 200
        chunked = version == "HTTP/1.1" and not bodiless and answer.get("content-length") is None
        if chunked and answer.get("transfer-encoding") is None:
            lines = [*lines, ("Transfer-Encoding", "chunked")]
        writer.write(render_head(f"HTTP/1.1 {status} {_phrase(status)}", lines))
        while (said := await visit.next(None)) is not None:
            if said["type"] == "response_end":
                if chunked:
                    writer.write(b"0\r\n\r\n")
                await writer.drain()
                return bool(status >= 200)
            chunk = said.get("chunk", b"")
            if chunk and not bodiless:
                writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
                await writer.drain()
        return False

    def _lines(self, head: Head) -> list[tuple[str, str]]:
        if self.quirks.passes_hop_by_hop:
            return head.lines
        return [pair for pair in head.lines if pair[0].lower() not in ("connection", "keep-alive")]


class _WebSocketVisit:
    """A visitor's WebSocket."""

    def __init__(
        self,
        server: OriginalServer,
        tunnel: _Tunnel,
        head: Head,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._quirks = server.quirks
        self._tunnel = tunnel
        self._head = head
        self._writer = writer
        self._visit = _Visit(tunnel.link)
        self._socket = WebSocket(reader, writer, client=False)

    async def run(self) -> None:
        """From the handshake to the end."""
        visit, link, head = self._visit, self._tunnel.link, self._head
        link.visits[visit.id] = visit
        try:
            if self._quirks.early_101:
                self._agree()
            await link.say(
                "ws_upgrade",
                request_id=visit.id,
                tunnel_id=self._tunnel.id,
                path=head.words[1],
                headers=wire.merged(head.lines),
            )
            try:
                answer = await visit.next(self._quirks.response_timeout)
            except TimeoutError:
                answer = None
            if answer is None or answer["type"] != "ws_upgrade_ok":
                await self._refused(answer)
                return
            if not self._quirks.early_101:
                self._agree()
            async with asyncio.TaskGroup() as tasks:
                outward = tasks.create_task(self._to_visitor())
                await self._to_client()
                outward.cancel()
        finally:
            link.visits.pop(visit.id, None)
            self._socket.hang_up()

    def _agree(self) -> None:
        offered = self._head.get("sec-websocket-protocol")
        self._writer.write(_switching(self._head, offered.partition(",")[0].strip() if offered else None))

    async def _refused(self, answer: wire.Message | None) -> None:
        if self._quirks.early_101:
            await self._socket.close(None)
        elif answer is None:
            await _say(self._writer, 502, "Bad Gateway")
        else:
            await _say(self._writer, answer.get("status_code", 502), answer.get("message", ""))

    async def _to_client(self) -> None:
        visit, link = self._visit, self._tunnel.link
        async for opcode, payload in self._socket.messages():
            if opcode in (1, 2):
                await link.say("ws_frame", request_id=visit.id, opcode=opcode, payload=payload, fin=True)
        if self._socket.closed:
            await self._socket.close(self._socket.code if not self._quirks.forgets_close_codes else None)
        code = None if self._quirks.forgets_close_codes else self._socket.code
        await link.say("ws_close", request_id=visit.id, code=code)

    async def _to_visitor(self) -> None:
        while (said := await self._visit.next(None)) is not None:
            if said["type"] == "ws_close":
                await self._socket.close(None if self._quirks.forgets_close_codes else said.get("code"))
            elif said["type"] == "ws_frame":
                opcode = said["opcode"]
                if opcode in (1, 2, 9) or (opcode == 0 and not self._quirks.drops_continuations):
                    await self._socket.send(opcode, said["payload"])
        self._socket.abort()


class _Link:
    """A client's link."""

    def __init__(self, server: OriginalServer, socket: WebSocket) -> None:
        self.socket = socket
        self.visits: dict[str, _Visit] = {}
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

    def _pass_on(self, visit: _Visit, said: wire.Message) -> None:
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
        tunnel = _Tunnel(wire.new_id(), name, said.get("auth"), self)
        self._server.tunnels[name] = tunnel
        url = self._server.url.replace("*", name)
        await self.say("tunnel_ready", tunnel_id=tunnel.id, url=url, subdomain=name)


def _switching(head: Head, protocol: str | None) -> bytes:
    lines = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept_of(head.get("sec-websocket-key") or "")),
    ]
    if protocol is not None:
        lines.append(("Sec-WebSocket-Protocol", protocol))
    return render_head("HTTP/1.1 101 Switching Protocols", lines)


async def _say(writer: asyncio.StreamWriter, status: int, text: str, *lines: tuple[str, str]) -> bool:
    """Answer by itself, and end the connection."""
    body = text.encode()
    head = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Connection", "close"), *lines]
    writer.write(render_head(f"HTTP/1.1 {status} {_phrase(status)}", head) + body)
    await writer.drain()
    return False


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def _knows(head: Head, auth: str) -> bool:
    return head.get("authorization") == "Basic " + base64.b64encode(auth.encode()).decode()


async def _main() -> None:
    options = argparse.ArgumentParser(description="The original Sellia's server, as its peers see it.")
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--domain", default="localhost")
    options.add_argument("--key")
    options.add_argument("--quirk", action="append", default=[], metavar="NAME=VALUE")
    given = options.parse_args()
    url = f"http://*.{given.domain}:{given.port}"
    server = OriginalServer(given.domain, url, given.key, changed(ServerQuirks(), given.quirk))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, server.cut)
    await server.run(given.port)


if __name__ == "__main__":
    asyncio.run(_main())
