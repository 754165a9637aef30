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
import signal

from tests.original import wire
from tests.original.links import Link, Tunnel, Visit
from tests.original.quirks import ServerQuirks, changed
from tests.original.sockets import (
    HEAD_LIMIT,
    Head,
    WebSocket,
    read_body,
    read_head,
    render_head,
    report,
)
from tests.original.visits import WebSocketVisit, answer, phrase, switching


class OriginalServer:
    """All of one server."""

    def __init__(self, domain: str, url: str, key: str | None, quirks: ServerQuirks) -> None:
        self.domain = domain
        self.url = url
        self.key = key
        self.quirks = quirks
        self.tunnels: dict[str, Tunnel] = {}
        self.links: set[Link] = set()

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
                return await answer(writer, 401, "Unauthorized")
        if tunnel is None:
            return await answer(writer, 404, "Tunnel not found")
        if tunnel.auth is not None and not _knows(head, tunnel.auth):
            return await answer(writer, 401, "Unauthorized", ("WWW-Authenticate", 'Basic realm="Sellia"'))
        if head.asks_for_websocket():
            await WebSocketVisit(self, tunnel, head, reader, writer).run()
            return False
        return await self._exchange(tunnel, head, reader, writer)

    def _tunnel(self, head: Head) -> Tunnel | None:
        host = (head.get("host") or "").partition(":")[0]
        name, dot, domain = host.partition(".")
        return self.tunnels.get(name) if dot and domain == self.domain else None

    async def _link(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(switching(head, None))
        await writer.drain()
        link = Link(self, WebSocket(reader, writer, client=False))
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
        self, tunnel: Tunnel, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        method, path, version = head.words
        link = tunnel.link
        visit = Visit(link)
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
                return await answer(writer, 504, "Gateway Timeout")
            if start is None:
                return await answer(writer, 502, "Bad Gateway")
            whole = await self._respond(visit, method, version, start, writer)
            goes_on = version == "HTTP/1.1" and (head.get("connection") or "").lower() != "close"
            return whole and goes_on
        finally:
            link.visits.pop(visit.id, None)

    async def _respond(
        self, visit: Visit, method: str, version: str, start: wire.Message, writer: asyncio.StreamWriter
    ) -> bool:
        status = start["status_code"]
        head = Head("", wire.pairs(start["headers"]))
        lines = head.lines
        if not self.quirks.passes_hop_by_hop:
            lines = [pair for pair in lines if pair[0].lower() not in ("connection", "keep-alive")]
        bodiless = method == "HEAD" or status in (204, 304) or status < 200
        chunked = version == "HTTP/1.1" and not bodiless and head.get("content-length") is None
        if chunked and head.get("transfer-encoding") is None:
            lines = [*lines, ("Transfer-Encoding", "chunked")]
        writer.write(render_head(f"HTTP/1.1 {status} {phrase(status)}", lines))
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
