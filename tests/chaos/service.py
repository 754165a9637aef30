"""
The service behind the tunnel that knows what must come and says what came: ``python -m tests.chaos.service PORT``.

By path, all with a ``seed`` in the query that says what passes (`tests.chaos.script`):

    WebSocket /talk    sends its walk at ``rate`` octets a second and checks the visitor's; the message ``END n`` ends
                       both: it answers ``END`` with its own count and what it has found
    WebSocket /echo    sends back what comes, fragment for fragment
    GET /download      ``size`` octets, in chunks if ``chunked`` is 1
    POST /upload       answers the length and SHA-256 of what came
    GET /events        ``count`` numbered server-sent events, ``pause`` seconds apart
    GET /report        what is strange so far: uploads that came twice, how WebSockets ended
    any other          "hello"
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import signal
import sys
from collections import Counter
from dataclasses import asdict
from urllib.parse import parse_qsl, urlsplit

from bench import wire
from tests.chaos.script import LARGEST, Checker, Message, body, messages
from tests.chaos.speech import Closed, Connection, Gone, WebSocket, chunk

END = b"END "


class Service:
    """What all connections share: what was strange."""

    def __init__(self) -> None:
        self.uploads: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        connection = Connection(reader, writer)
        with contextlib.suppress(Gone, TimeoutError, ConnectionError):
            while await self._exchange(connection):
                pass
        connection.close()

    async def _exchange(self, connection: Connection) -> bool:
        """One request; whether another may follow."""
        head = await _idle_head(connection)
        if head is None:
            return False
        method, target, _ = head.split(b" ", 2)
        url = urlsplit(target.decode("ascii"))
        query = dict(parse_qsl(url.query))
        key = wire.field(head, b"sec-websocket-key")
        if key:
            await connection.send(wire.upgrade_answer(key))
            await self._websocket(WebSocket(connection), url.path, query)
            return False
        if url.path == "/download":
            await self._download(connection, query)
        elif url.path == "/upload":
            await self._upload(connection, head, query)
        elif url.path == "/events":
            await self._events(connection, query)
        else:
            await connection.whole_body(head)
            await _answer(connection, self._report() if url.path == "/report" else b"hello", method == b"HEAD")
        return True

    async def _websocket(self, websocket: WebSocket, path: str, query: dict[str, str]) -> None:
        self.open += 1
        try:
            if path == "/echo":
                while True:
                    await websocket.send(await websocket.receive())
            await self._talk(websocket, query)
        except Closed as closed:
            self.ends[f"closed {closed.code}"] += 1
            with contextlib.suppress(Gone):
                await websocket.close(closed.code, closed.reason)
        except Gone:
            self.ends["gone"] += 1
        finally:
            self.open -= 1

    async def _talk(self, websocket: WebSocket, query: dict[str, str]) -> None:
        seed, largest = query["seed"], int(query.get("largest", LARGEST))
        talker = Talker(websocket, f"{seed} down", float(query.get("rate", 0)), largest)
        checker = Checker(f"{seed} up", largest)
        sending = asyncio.ensure_future(talker.run())
        try:
            while True:
                message = await websocket.receive()
                if message.payload.startswith(END):
                    counts = checker.finish(int(message.payload[len(END) :]))
                    talker.stop()
                    await sending
                    report = json.dumps({"sent": talker.sent, "octets": talker.octets, "found": asdict(counts)})
                    payload = END + report.encode()
                    await websocket.send(Message(wire.TEXT, payload, (len(payload),)))
                else:
                    checker.take(message)
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, Gone):
                await sending

    async def _download(self, connection: Connection, query: dict[str, str]) -> None:
        size = int(query["size"])
        chunked = query.get("chunked") == "1"
        length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
        await connection.send(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n")
        for piece in body(query["seed"], size):
            await connection.send(chunk(piece) if chunked else piece)
        if chunked:
            await connection.send(chunk(b""))

    async def _upload(self, connection: Connection, head: bytes, query: dict[str, str]) -> None:
        self.uploads[query["seed"]] += 1
        digest, length = hashlib.sha256(), 0
        async for piece in connection.body(head):
            digest.update(piece)
            length += len(piece)
        await _answer(connection, json.dumps({"length": length, "sha256": digest.hexdigest()}).encode())

    async def _events(self, connection: Connection, query: dict[str, str]) -> None:
        await connection.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for number in range(int(query["count"])):
            await connection.send(chunk(b"id: %d\ndata: %b-%d\n\n" % (number, query["seed"].encode(), number)))
            await asyncio.sleep(float(query["pause"]))
        await connection.send(chunk(b""))

    def _report(self) -> bytes:
        doubled = sum(count - 1 for count in self.uploads.values())
        return json.dumps({"doubled": doubled, "ends": self.ends, "open": self.open}).encode()


class Talker:
    """Sends a walk at so many octets a second (0: as fast as they are taken), until it is told to stop."""

    def __init__(self, websocket: WebSocket, seed: str, rate: float, largest: int) -> None:
        self.sent = 0
        self.octets = 0
        self._websocket = websocket
        self._walk = messages(seed, largest)
        self._rate = rate
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Send; a message that was begun is sent to its end."""
        while not self._stopped.is_set():
            message = next(self._walk)
            await self._websocket.send(message)
            self.sent += 1
            self.octets += len(message.payload)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(len(message.payload) / self._rate + 0.001 if self._rate else 0.0):
                    await self._stopped.wait()

    def stop(self) -> None:
        """Stop soon; `run` returns then."""
        self._stopped.set()


async def _idle_head(connection: Connection) -> bytes | None:
    """The next request's head, however long it takes; None at the end of the connection."""
    try:
        return await connection.reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, OSError):
        return None


async def _answer(connection: Connection, content: bytes, bare: bool = False) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(content)
    await connection.send(head if bare else head + content)


async def main(port: int) -> None:
    """Serve on 127.0.0.1 until the process is ended."""
    service = Service()
    server = await asyncio.start_server(service.serve, "127.0.0.1", port, backlog=4096)
    print("listening", flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
