"""
The original's client, as a program::

    python -m tests.original.client --server 127.0.0.1:3000 --tunnel 8080:myapp --quirk mistakes_100_continue=no

It dials, waits, says its key, opens its tunnels, and relays requests and WebSockets to services on 127.0.0.1. On each
line of its output is one event: what it ``heard`` and ``said``, ``connected``, ``lost``, ``gave-up``. SIGUSR1 cuts its
link without a close frame.

Assumed, because the recordings do not tell: it calls the service when a request's body is complete, waits for ever for
an answer to tunnel_open, and leaves after auth_error as it does after a name that is not available.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gzip
import os
import signal
import zlib
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.original import wire
from tests.original.quirks import ClientQuirks, changed
from tests.original.sockets import (
    HEAD_LIMIT,
    Head,
    Lines,
    WebSocket,
    accept_of,
    read_body,
    read_head,
    render_head,
    report,
    report_message,
)

_BODILESS = ("GET", "DELETE", "HEAD")


@dataclass(frozen=True)
class Wish:
    """A tunnel that is wanted."""

    port: int
    subdomain: str | None = None
    auth: str | None = None

    @classmethod
    def parse(cls, text: str) -> Wish:
        """From ``port``, ``port:subdomain`` or ``port:subdomain:user:password``."""
        port, _, rest = text.partition(":")
        subdomain, _, auth = rest.partition(":")
        return cls(int(port), subdomain or None, auth or None)


@dataclass
class _Request:
    start: wire.Message
    body: bytearray = field(default_factory=bytearray)


class Final(Exception):
    """The server said something after which the original does not try again."""


class OriginalClient:
    """One run of it, over as many links as it takes."""

    def __init__(self, host: str, port: int, wishes: list[Wish], key: str | None, quirks: ClientQuirks) -> None:
        self._address = host, port
        self._wishes = wishes
        self._key = key
        self._quirks = quirks
        self._link: WebSocket | None = None

    async def run(self) -> None:
        """Connect, and again, and give up after so many tries."""
        tries = 0
        while True:
            try:
                link = _Link(self, await self._dial())
                tries = 0
                self._link = link.socket
                report("connected")
                await link.run()
            except Final as error:
                report("gave-up", reason=str(error))
                return
            except (OSError, EOFError, ValueError, asyncio.IncompleteReadError) as error:
                report("lost", reason=str(error))
            else:
                report("lost", reason="closed", code=link.socket.code)
            self._link = None
            tries += 1
            if tries > self._quirks.tries:
                report("gave-up", reason="too many tries")
                return
            await asyncio.sleep(self._quirks.retry_step * tries)

    def cut(self) -> None:
        """End the link at once."""
        if self._link is not None:
            self._link.abort()

    async def _dial(self) -> WebSocket:
        host, port = self._address
        reader, writer = await asyncio.open_connection(host, port, limit=HEAD_LIMIT)
        key = _new_key()
        lines = [
            ("Host", f"{host}:{port}"),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
        ]
        writer.write(render_head("GET /ws HTTP/1.1", lines))
        head = await read_head(reader)
        if head is None or head.status != 101 or head.get("sec-websocket-accept") != accept_of(key):
            writer.transport.abort()
            raise ConnectionError(f"the server did not agree: {head and head.first}")
        return WebSocket(reader, writer, client=True)


class _Link:
    """One link, and what goes on over it."""

    def __init__(self, client: OriginalClient, socket: WebSocket) -> None:
        self.socket = socket
        self._quirks = client._quirks
        self._key = client._key
        self._wishes = client._wishes
        self._asked: list[Wish] = []
        self._ports: dict[str, int] = {}
        self._requests: dict[str, _Request] = {}
        self._sockets: dict[str, WebSocket | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._final = ""

    async def run(self) -> None:
        """Until the link is lost."""
        try:
            await asyncio.sleep(self._quirks.first_message_after)
            if self._key is not None:
                await self.say("auth", api_key=self._key)
            else:
                await self._ask_for_tunnels()
            async for opcode, octets in self.socket.messages():
                if opcode == 2:
                    said = wire.decode(octets)
                    if said is None:
                        report("dropped", octets=len(octets))
                    else:
                        report_message("heard", said)
                        await self._heard(said)
            if self.socket.closed:
                await self.socket.close(None)
            if self._final:
                raise Final(self._final)
        finally:
            for task in self._tasks:
                task.cancel()
            self.socket.hang_up()

    async def say(self, type: str, **fields: Any) -> None:
        """Send a message."""
        said = wire.message(type, **fields)
        report_message("said", said)
        await self.socket.send(2, wire.encode(said))

    async def _ask_for_tunnels(self) -> None:
        for wish in self._wishes:
            self._asked.append(wish)
            await self.say(
                "tunnel_open", tunnel_type="http", local_port=wish.port, subdomain=wish.subdomain, auth=wish.auth
            )

    async def _heard(self, said: wire.Message) -> None:
        type = said["type"]
        if type == "auth_ok":
            await self._ask_for_tunnels()
        elif type == "auth_error":
            self._final = said["error"]  # the server closes
        elif type == "tunnel_ready":
            self._ports[said["tunnel_id"]] = self._asked.pop(0).port
        elif type == "tunnel_close" and not said["tunnel_id"]:
            self._asked.pop(0)
            if "not available" in said.get("reason", ""):
                await self.socket.close(None)
                raise Final(said["reason"])
        elif type == "ping":
            await self.say("pong", timestamp=said["timestamp"])
        elif type == "request_start":
            self._requests[said["request_id"]] = _Request(said)
        elif type == "request_body":
            request = self._requests.get(said["request_id"])
            if request is not None:
                request.body += said["chunk"]
                if said["final"]:
                    del self._requests[said["request_id"]]
                    self._start(self._serve(request))
        elif type == "ws_upgrade":
            self._sockets[said["request_id"]] = None
            self._start(self._open(said))
        elif type == "ws_frame":
            socket = self._sockets.get(said["request_id"])
            if socket is not None and (said["opcode"] or not self._quirks.drops_continuations):
                await socket.send(said["opcode"], said["payload"])
        elif type == "ws_close":
            socket = self._sockets.pop(said["request_id"], None)
            if socket is not None:
                await socket.close(said.get("code"), said.get("reason", ""))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- requests ------------------------------------------------------------------------------------------

    async def _serve(self, request: _Request) -> None:
        start = request.start
        id = start["request_id"]
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(self._quirks.response_timeout):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self._ports[start["tunnel_id"]], limit=HEAD_LIMIT
                )
                await self._ask_service(writer, start, bytes(request.body))
                await self._answer(id, start["method"], reader)
        except (OSError, EOFError, ValueError, TimeoutError, KeyError, asyncio.IncompleteReadError) as error:
            await self._failed(id, "Read timed out" if isinstance(error, TimeoutError) else str(error))
        finally:
            if writer is not None:
                writer.close()

    async def _ask_service(self, writer: asyncio.StreamWriter, start: wire.Message, body: bytes) -> None:
        method = start["method"]
        lines = wire.pairs(start["headers"])
        if self._quirks.ignores_get_bodies and method in _BODILESS:
            body = b""
        lines = [pair for pair in lines if pair[0].lower() not in ("transfer-encoding", "content-length")]
        if body or method not in _BODILESS:
            lines.append(("Content-Length", str(len(body))))
        if self._quirks.decompresses and not any(name.lower() == "accept-encoding" for name, _ in lines):
            lines.append(("Accept-Encoding", "gzip, deflate"))
        writer.write(render_head(f"{method} {start['path']} HTTP/1.1", lines) + body)
        await writer.drain()

    async def _answer(self, id: str, method: str, reader: asyncio.StreamReader) -> None:
        head = await read_head(reader)
        while head is not None and 100 <= head.status < 200 and not self._quirks.mistakes_100_continue:
            head = await read_head(reader)
        if head is None:
            raise ConnectionError("Unexpected end of http response")
        bodiless = method == "HEAD" or head.status in (204, 304) or head.status < 200
        if not self._quirks.buffers_responses:
            await self._begin(id, head)
            if not bodiless:
                async for piece in read_body(reader, head, until_end=True):
                    await self._send_body(id, piece)
        else:
            body = b""
            if not bodiless:
                body = b"".join([piece async for piece in read_body(reader, head, until_end=True)])
            if self._quirks.decompresses:
                body = _inflated(head, body)
            await self._begin(id, head)
            await self._send_body(id, body)
        await self.say("response_end", request_id=id)

    async def _begin(self, id: str, head: Head) -> None:
        lines = head.lines
        if not self._quirks.passes_hop_by_hop:
            lines = [pair for pair in lines if pair[0].lower() not in ("connection", "keep-alive", "transfer-encoding")]
        await self.say("response_start", request_id=id, status_code=head.status, headers=wire.merged(lines))

    async def _send_body(self, id: str, body: bytes) -> None:
        for offset in range(0, len(body), wire.CHUNK):
            await self.say("response_body", request_id=id, chunk=body[offset : offset + wire.CHUNK])

    async def _failed(self, id: str, why: str) -> None:
        await self.say("response_start", request_id=id, status_code=500, headers={"Content-Type": ["text/plain"]})
        await self._send_body(id, f"Proxy error: {why}".encode())
        await self.say("response_end", request_id=id)

    # --- WebSockets ----------------------------------------------------------------------------------------

    async def _open(self, said: wire.Message) -> None:
        id = said["request_id"]
        try:
            socket = await self._dial_service(said)
        except (OSError, EOFError, KeyError, asyncio.IncompleteReadError) as error:
            self._sockets.pop(id, None)
            status = error.args[0] if not self._quirks.hides_refusals and isinstance(error.args[0], int) else 502
            why = "Failed to connect to local WebSocket service"
            await self.say("ws_upgrade_error", request_id=id, status_code=status, message=why)
            return
        await self.say("ws_upgrade_ok", request_id=id, headers={"Connection": ["Upgrade"], "Upgrade": ["websocket"]})
        self._sockets[id] = socket
        async for opcode, payload in socket.messages():
            if opcode in (1, 2):
                await self.say("ws_frame", request_id=id, opcode=opcode, payload=payload, fin=True)
        if socket.closed:
            await socket.close(socket.code)
        socket.hang_up()
        self._sockets.pop(id, None)
        await self.say("ws_close", request_id=id, code=socket.code)

    async def _dial_service(self, said: wire.Message) -> WebSocket:
        port = self._ports[said["tunnel_id"]]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=HEAD_LIMIT)
        key = _new_key()
        writer.write(render_head(f"GET {said['path']} HTTP/1.1", self._handshake(said, f"127.0.0.1:{port}", key)))
        head = await read_head(reader)
        if head is None or head.status != 101:
            writer.close()
            raise ConnectionError(head.status if head is not None else "Unexpected end of http response")
        return WebSocket(reader, writer, client=True)

    def _handshake(self, said: wire.Message, host: str, key: str) -> Lines:
        quirks = self._quirks
        lines: Lines = []
        for name, value in wire.pairs(said["headers"]):
            folded = name.lower()
            if folded in ("connection", "upgrade", "sec-websocket-key"):
                continue
            if folded == "sec-websocket-extensions" and not quirks.passes_extensions:
                continue
            if folded == "host":
                value = host if quirks.overwrites_host else value
            elif quirks.withholds_headers and not folded.startswith("sec-websocket-") and folded != "origin":
                continue
            lines.append((name, value))
        lines += [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", key)]
        return lines


def _inflated(head: Head, body: bytes) -> bytes:
    """What Crystal's HTTP client makes of a body: inflated, and text in UTF-8, with a head that says so."""
    encoding = (head.get("content-encoding") or "").lower()
    if encoding in ("gzip", "deflate") and body:
        body = gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body)
        head.lines = [pair for pair in head.lines if pair[0].lower() not in ("content-encoding", "content-length")]
    kind = head.get("content-type") or ""
    charset = kind.partition("charset=")[2].strip("\"' ").lower()
    if kind.startswith("text/") and charset not in ("", "utf-8", "utf8"):
        body = body.decode(charset, "replace").encode()
        head.lines = [
            (name, str(len(body)) if name.lower() == "content-length" else value) for name, value in head.lines
        ]
    return body


def _new_key() -> str:
    return base64.b64encode(os.urandom(16)).decode()


async def _main() -> None:
    options = argparse.ArgumentParser(description="The original Sellia's client, as its peers see it.")
    options.add_argument("--server", required=True, metavar="HOST:PORT")
    options.add_argument("--tunnel", required=True, action="append", metavar="PORT[:NAME[:USER:PASSWORD]]")
    options.add_argument("--key")
    options.add_argument("--quirk", action="append", default=[], metavar="NAME=VALUE")
    given = options.parse_args()
    host, _, port = given.server.rpartition(":")
    wishes = [Wish.parse(each) for each in given.tunnel]
    client = OriginalClient(host, int(port), wishes, given.key, changed(ClientQuirks(), given.quirk))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, client.cut)
    await client.run()


if __name__ == "__main__":
    asyncio.run(_main())
