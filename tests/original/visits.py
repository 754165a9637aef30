"""A visitor's WebSocket as the original's server has it, and what it answers by itself."""

from __future__ import annotations

import asyncio
import http
from typing import TYPE_CHECKING

from tests.original import wire
from tests.original.links import Tunnel, Visit
from tests.original.sockets import Head, WebSocket, accept_of, render_head

if TYPE_CHECKING:
    from tests.original.server import OriginalServer


class WebSocketVisit:
    """A visitor's WebSocket."""

    def __init__(
        self,
        server: OriginalServer,
        tunnel: Tunnel,
        head: Head,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._quirks = server.quirks
        self._tunnel = tunnel
        self._head = head
        self._writer = writer
        self._visit = Visit(tunnel.link)
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
                said = await visit.next(self._quirks.response_timeout)
            except TimeoutError:
                said = None
            if said is None or said["type"] != "ws_upgrade_ok":
                await self._refused(said)
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
        self._writer.write(switching(self._head, offered.partition(",")[0].strip() if offered else None))

    async def _refused(self, said: wire.Message | None) -> None:
        if self._quirks.early_101:
            await self._socket.close(None)
        elif said is None:
            await answer(self._writer, 502, "Bad Gateway")
        else:
            await answer(self._writer, said.get("status_code", 502), said.get("message", ""))

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


def switching(head: Head, protocol: str | None) -> bytes:
    lines = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept_of(head.get("sec-websocket-key") or "")),
    ]
    if protocol is not None:
        lines.append(("Sec-WebSocket-Protocol", protocol))
    return render_head("HTTP/1.1 101 Switching Protocols", lines)


async def answer(writer: asyncio.StreamWriter, status: int, text: str, *lines: tuple[str, str]) -> bool:
    """Answer by itself, and end the connection."""
    body = text.encode()
    head = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Connection", "close"), *lines]
    writer.write(render_head(f"HTTP/1.1 {status} {phrase(status)}", head) + body)
    await writer.drain()
    return False


def phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""
