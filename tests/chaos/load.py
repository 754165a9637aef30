"""
Visitors who know what must come: ``python -m tests.chaos.load PORT HOST [options]``.

It keeps WebSockets, downloads, uploads, event streams and small requests going through the tunnel at a bounded rate. It
says ``ready`` once all have begun. On SIGUSR1 it lets everything come to its end, and writes what it has counted
(`tests.chaos.tally`) as one line of JSON, the last one. With ``--persistent``, what ends before its time is no error
but is counted by what the visitor was told, and begun again.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import json
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bench import wire
from tests.chaos.script import LARGEST, Checker, Counts, Message, body, body_digest
from tests.chaos.service import END, Talker
from tests.chaos.speech import Closed, Connection, Gone, WebSocket, chunk
from tests.chaos.tally import Tally

DONE_CODE, DONE_REASON = 4321, "all has been said"
"""How a visitor closes its WebSocket; what the service echoes must come back exactly."""


class Ended(Exception):
    """Something ended before its time; the text says what the visitor was told."""


class Visitors:
    """Everybody on the public side."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.tally = Tally()
        self.leaving = asyncio.Event()
        self.begun = 0
        self._host = options.host.encode("ascii")

    async def run(self) -> None:
        """All of them, until they are told to leave and have left."""
        o = self.options
        kinds: list[tuple[int, Callable[[str], Awaitable[None]]]] = [
            (o.websockets, self.talk),
            (o.downloads, self.download),
            (o.uploads, self.upload),
            (o.events, self.follow),
            (o.requests, self.ask),
        ]
        visitors = [
            asyncio.ensure_future(self._keep_on(f"{o.seed}-{visit.__name__}-{number}", visit))
            for count, visit in kinds
            for number in range(count)
        ]
        await asyncio.gather(*visitors)
        await self._ask_for_report()

    async def _keep_on(self, name: str, visit: Callable[[str], Awaitable[None]]) -> None:
        """One visitor, who does the same thing again and again."""
        for life in itertools.count():
            try:
                await visit(f"{name}-{life}")
            except Ended as ended:
                if not self.options.persistent:
                    self.tally.error(f"{name}-{life}: {ended}")
                    return
                self.tally.ends[str(ended)] += 1
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.options.pause):
                        await self.leaving.wait()
            except Exception as error:
                self.tally.error(f"{name}-{life}: {error!r}")
                if not self.options.persistent:
                    return
            if self.leaving.is_set():
                return

    # --- WebSockets -------------------------------------------------------------------------------------------

    async def talk(self, seed: str) -> None:
        """One WebSocket: both ends send their walks, and check the other's, until this one leaves."""
        o = self.options
        connection = await self._dial()
        try:
            path = f"/talk?seed={seed}&rate={o.rate}&largest={o.largest}"
            await self._put(connection, wire.upgrade_request(o.host, path))
            head = await self._head(connection, "ws")
            if not wire.is_accepted(head):
                raise Ended(await _refusal("ws", connection, head))
            self.tally.websockets += 1
            self.begun += 1
            await self._conversation(WebSocket(connection, wire.MASK), seed)
        finally:
            connection.abort()

    async def _conversation(self, websocket: WebSocket, seed: str) -> None:
        o = self.options
        talker = Talker(websocket, f"{seed} up", o.rate, o.largest)
        checker = Checker(f"{seed} down", o.largest)
        sending = asyncio.ensure_future(self._talk_until_leaving(talker, websocket, seed))
        report = None
        try:
            while True:
                message = await websocket.receive()
                if message.payload.startswith(END):
                    report = json.loads(message.payload[len(END) :])
                    await websocket.close(DONE_CODE, DONE_REASON)
                else:
                    checker.take(message)
        except Closed as closed:
            if report is None:
                raise Ended(f"ws {closed}") from None
            if (closed.code, closed.reason) != (DONE_CODE, DONE_REASON):
                self.tally.error(f"{seed}: the close {DONE_CODE} came back as {closed}")
        except Gone as gone:
            raise Ended(f"ws 1006 ({gone})") from None
        except TimeoutError:
            raise Ended("ws: nothing came") from None
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError, Gone):
                await sending
            if report is None:
                # What was under way when it ended is not lost but cut off; what came must be right all the same.
                self.tally.messages_down.found.add(checker.counts)
        found = checker.finish(report["sent"])
        self.tally.messages_down.add(report["sent"], report["octets"], found)
        self.tally.messages_up.add(talker.sent, talker.octets, Counts(**report["found"]))

    async def _talk_until_leaving(self, talker: Talker, websocket: WebSocket, seed: str) -> None:
        leaving = asyncio.ensure_future(self._leave(talker, seed))
        try:
            pings = 0
            talking = asyncio.ensure_future(talker.run())
            try:
                while not talking.done():
                    await websocket.send_control(wire.PING, f"{seed} {pings}".encode()[-125:])
                    if await websocket.pongs.get() != f"{seed} {pings}".encode()[-125:]:
                        self.tally.error(f"{seed}: a pong has another payload than its ping")
                    pings += 1
                    self.tally.pings += 1
                    await asyncio.wait([talking], timeout=1.0)
                await talking
            finally:
                talking.cancel()
        finally:
            leaving.cancel()
        payload = END + b"%d" % talker.sent
        await websocket.send(Message(wire.TEXT, payload, (len(payload),)))

    async def _leave(self, talker: Talker, seed: str) -> None:
        """Some visitors leave after a while by themselves, so that there is coming and going."""
        seconds = random.Random(seed).expovariate(1 / self.options.stay) if self.options.stay else None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.leaving.wait()
        talker.stop()

    # --- HTTP -------------------------------------------------------------------------------------------------

    async def download(self, seed: str) -> None:
        """One response of a known length and content."""
        choose = random.Random(seed)
        size = choose.randint(1, self.options.size)
        chunked = choose.randint(0, 1)
        digest, found = hashlib.sha256(), Counts()
        connection, head = await self._request("GET", f"/download?seed={seed}&size={size}&chunked={chunked}")
        try:
            self.begun += 1
            async for piece in connection.body(head):
                digest.update(piece)
                found.octets += len(piece)
                await asyncio.sleep(len(piece) / self.options.http_rate)
        except (Gone, TimeoutError) as gone:
            raise Ended(f"http download broken off ({gone})") from None
        finally:
            connection.abort()
        right = (found.octets, digest.hexdigest()) == (size, body_digest(seed, size))
        found.received = 1
        found.damaged = int(not right)
        self.tally.downloads.add(1, size, found)

    async def upload(self, seed: str) -> None:
        """One request with a body; the answer says what came."""
        choose = random.Random(seed)
        size = choose.randint(1, self.options.size)
        chunked = choose.random() < 0.5
        length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
        line = b"POST /upload?seed=%b HTTP/1.1\r\nHost: %b\r\n%b\r\n\r\n" % (seed.encode(), self._host, length)
        connection = await self._dial()
        answering = asyncio.ensure_future(self._head(connection, "http upload"))
        try:
            await self._put(connection, line)
            self.begun += 1
            for piece in body(seed, size):
                if answering.done():
                    break  # a refusal that does not wait for the rest
                await self._put(connection, chunk(piece) if chunked else piece)
                await asyncio.sleep(len(piece) / self.options.http_rate)
            if chunked and not answering.done():
                await self._put(connection, chunk(b""))
            head = await answering
            if not head.startswith(b"HTTP/1.1 200"):
                raise Ended(await _refusal("http", connection, head))
            report = json.loads(await connection.whole_body(head))
        except (Gone, TimeoutError) as gone:
            raise Ended(f"http upload broken off ({gone})") from None
        finally:
            answering.cancel()
            with suppress(asyncio.CancelledError, Ended):
                await answering
            connection.abort()
        right = report == {"length": size, "sha256": body_digest(seed, size)}
        self.tally.uploads.add(1, size, Counts(received=1, octets=report["length"], damaged=int(not right)))

    async def follow(self, seed: str) -> None:
        """One stream of numbered server-sent events."""
        count = random.Random(seed).randint(1, self.options.event_count)
        connection, head = await self._request("GET", f"/events?seed={seed}&count={count}&pause=0.1")
        found, octets = Counts(), 0
        try:
            self.begun += 1
            content = b""
            async for piece in connection.body(head):
                content += piece
                while b"\n\n" in content:
                    event, _, content = content.partition(b"\n\n")
                    expected = b"id: %d\ndata: %b-%d" % (found.received, seed.encode(), found.received)
                    found.damaged += event != expected
                    found.received += 1
                    found.octets += len(event)
                    octets += len(expected)
        except (Gone, TimeoutError) as gone:
            raise Ended(f"http events broken off ({gone})") from None
        finally:
            connection.abort()
        found.lost = max(0, count - found.received)
        found.doubled = max(0, found.received - count)
        self.tally.events.add(count, octets, found)

    async def ask(self, seed: str) -> None:
        """A few small requests on one connection."""
        connection = await self._dial()
        try:
            for number in range(random.Random(seed).randint(1, 20)):
                await self._put(connection, b"GET /hello?%d HTTP/1.1\r\nHost: %b\r\n\r\n" % (number, self._host))
                head = await self._head(connection, "http")
                if not head.startswith(b"HTTP/1.1 200"):
                    raise Ended(await _refusal("http", connection, head))
                if await connection.whole_body(head) != b"hello":
                    self.tally.error(f"{seed}: another answer than hello")
                self.begun += not number
                self.tally.requests += 1
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await self.leaving.wait()
        except (Gone, TimeoutError) as gone:
            raise Ended(f"http broken off ({gone})") from None
        finally:
            connection.abort()

    async def _ask_for_report(self) -> None:
        """Was anything sent twice to the service?"""
        try:
            connection, head = await self._request("GET", "/report")
            report = json.loads(await connection.whole_body(head))
            connection.abort()
        except (Ended, Gone, TimeoutError) as error:
            self.tally.error(f"no report: {error}")
            return
        self.tally.uploads.found.doubled += report["doubled"]

    async def _request(self, method: str, target: str) -> tuple[Connection, bytes]:
        connection = await self._dial()
        try:
            await self._put(connection, f"{method} {target} HTTP/1.1\r\nHost: {self.options.host}\r\n\r\n".encode())
            head = await self._head(connection, "http")
            if not head.startswith(b"HTTP/1.1 200"):
                raise Ended(await _refusal("http", connection, head))
        except BaseException:
            connection.abort()
            raise
        return connection, head

    async def _dial(self) -> Connection:
        try:
            return await Connection.dial(self.options.port)
        except OSError:
            raise Ended("no server") from None

    async def _put(self, connection: Connection, data: bytes) -> None:
        try:
            await connection.send(data)
        except Gone as gone:
            raise Ended(f"broken off ({gone})") from None

    async def _head(self, connection: Connection, what: str) -> bytes:
        try:
            return await connection.head()
        except (Gone, TimeoutError) as gone:
            raise Ended(f"{what} without an answer ({gone})") from None


async def _refusal(what: str, connection: Connection, head: bytes) -> str:
    status = head.split(b" ", 2)[1].decode()
    word = wire.field(head, b"sellia-error").decode() or "from the service"
    return f"{what} {status} {word}"


async def main(options: argparse.Namespace) -> Tally:
    """Run the visitors until SIGUSR1, and return what they have seen."""
    visitors = Visitors(options)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, visitors.leaving.set)
    count = options.websockets + options.downloads + options.uploads + options.events + options.requests
    running = asyncio.ensure_future(visitors.run())
    said = False
    while not running.done():
        if not said and visitors.begun >= count:
            said = True
            print("ready", flush=True)
        await asyncio.wait([running], timeout=0.1)
    await running
    return visitors.tally


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="python -m tests.chaos.load")
    made.add_argument("port", type=int)
    made.add_argument("host")
    made.add_argument("--seed", default="1")
    for kind in ("websockets", "downloads", "uploads", "events", "requests"):
        made.add_argument(f"--{kind}", type=int, default=0, help="how many at a time")
    made.add_argument("--rate", type=float, default=20000.0, help="octets/s of a WebSocket, each way")
    made.add_argument("--http-rate", type=float, default=500000.0, help="octets/s of a download or upload")
    made.add_argument("--largest", type=int, default=LARGEST, help="octets of the largest message")
    made.add_argument("--size", type=int, default=2 << 20, help="octets of the largest body")
    made.add_argument("--event-count", type=int, default=60, help="events of the longest stream, ten a second")
    made.add_argument("--stay", type=float, default=0.0, help="seconds after which a WebSocket is left, on average")
    made.add_argument("--pause", type=float, default=0.2, help="seconds until a persistent visitor comes back")
    made.add_argument("--persistent", action="store_true", help="count ends instead of calling them errors, and return")
    return made


if __name__ == "__main__":
    print(asyncio.run(main(parser().parse_args())).dump(), flush=True)
