"""
``python -m demo``: a server, the demo service and a client, each a process of its own, until Ctrl-C.

The URL is printed once the page really comes through the tunnel; from then on the client's line for each request is
shown. A child that ends by itself ends the demo, with its last words. The children are in sessions of their own, so
that Ctrl-C reaches only this process, which ends them in order: the client first, so that the server hears of it, then
the server, then the service.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import os
import signal
import socket
import sys
import sysconfig
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

NAME = "demo"
FIRST_PORT = 3000
START_DEADLINE = 30.0
"""Seconds until the page has to come through the tunnel."""

LOOK_INTERVAL = 0.1
LOOK_TIMEOUT = 2.0
STOP_DEADLINE = 10.0
"""Seconds that a child has to end after SIGTERM."""

LAST_LINES = 15
LINE_LIMIT = 64 * 1024
ROOT = Path(__file__).resolve().parent.parent


class Failed(Exception):
    """The demo cannot go on; the text says why, for the person at the terminal."""


@dataclass
class Child:
    """One of the processes: what people call it, how it is started, what it said last, and whether that is shown."""

    name: str
    argv: Sequence[str]
    process: asyncio.subprocess.Process | None = None
    shown: bool = False
    said: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it. From then on somebody listens to what it says, so that it is never stopped by a full pipe."""
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self.process = await asyncio.create_subprocess_exec(
            *self.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": path},
            start_new_session=True,
            limit=LINE_LIMIT,
        )
        self.listening = asyncio.create_task(self._listen())

    async def ended(self) -> Failed:
        """Wait until it ends by itself, and say so."""
        assert self.process is not None and self.listening is not None
        status = await self.process.wait()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.listening), 1.0)
        return Failed(f"The {self.name} ended by itself, with status {status}. It said last:\n{self.last_words()}")

    def last_words(self) -> str:
        """What it said last, set apart."""
        return "\n".join(f"  | {line}" for line in self.said) or "  | (nothing)"

    async def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        if self.process is None:
            return
        if self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), STOP_DEADLINE)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        if self.listening is not None:
            self.listening.cancel()

    async def _listen(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        while True:
            try:
                line = await self.process.stdout.readline()
            except ValueError:
                # A line beyond LINE_LIMIT: asyncio has thrown it away, and so do we.
                continue
            if not line:
                return
            self.said.append(line.decode("utf-8", "replace").rstrip())
            if self.shown:
                print(f"  {self.said[-1]}", flush=True)


def free_port(first: int = FIRST_PORT) -> int:
    """The first port from ``first`` on that nothing listens on."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise Failed(f"No port between {first} and {first + 99} is free. Try another: --port NUMBER")


def children(port: int, service_port: int) -> list[Child]:
    """The three, in the order in which they are started."""
    twistd = [sys.executable, str(Path(sysconfig.get_path("scripts")) / "twistd"), "--nodaemon", "--pidfile="]
    server = ["sellia-server", "--host", "127.0.0.1", "--port", str(port), "--domain", "localhost"]
    # What the console script `sellia` does, which need not be on anybody's path.
    sellia = [sys.executable, "-c", "from sellia.cli.main import main; main(prog_name='sellia')"]
    client = ["http", f"127.0.0.1:{service_port}", "--subdomain", NAME]
    client += ["--server", f"http://127.0.0.1:{port}"]
    return [
        Child("service", [sys.executable, "-m", "demo.service", "--port", str(service_port)]),
        Child("server", [*twistd, *server]),
        Child("client", [*sellia, *client]),
    ]


def page_comes_through(port: int) -> bool:
    """Whether a visitor gets the page now, through server and client."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LOOK_TIMEOUT)
    try:
        connection.request("GET", "/", headers={"Host": f"{NAME}.localhost:{port}", "Accept": "text/html"})
        response = connection.getresponse()
        return response.status == 200 and b"<title>Sellia demo</title>" in response.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


async def wait_for_page(port: int) -> bool:
    """Whether the page comes through the tunnel in time; returns as soon as it does."""
    end = asyncio.get_running_loop().time() + START_DEADLINE
    while not await asyncio.to_thread(page_comes_through, port):
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(LOOK_INTERVAL)
    return True


def greeting(port: int) -> str:
    """What to do now."""
    url = f"http://{NAME}.localhost:{port}"
    return (
        f"\n  {url}\n\n"
        "  Open it in two tabs and chat from one to the other, or try\n"
        f"  curl {url}\n"
        f"  curl --no-buffer {url}/clock\n\n"
        "  Ctrl-C ends it. Until then, here is what visitors do:\n"
    )


async def run(first_port: int) -> None:
    """Start everything, and stay until a signal comes or a child ends."""
    port = free_port(first_port)
    if port != first_port:
        print(f"Port {first_port} is taken; this uses {port}.", flush=True)
    signalled = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, signalled.set)

    family = children(port, free_port(max(port + 1, 8080)))
    watching: list[asyncio.Task[Failed]] = []
    try:
        print("Starting a server, a demo service and a client ...", flush=True)
        for child in family:
            await child.start()
            watching.append(asyncio.create_task(child.ended()))
        stop = asyncio.create_task(signalled.wait())
        page = asyncio.create_task(wait_for_page(port))
        await asyncio.wait([stop, page, *watching], return_when=asyncio.FIRST_COMPLETED)
        if not any(task.done() for task in watching) and not stop.done():
            if not page.result():
                told = "\n".join(f"The {child.name} says:\n{child.last_words()}" for child in family[1:])
                raise Failed(f"After {START_DEADLINE:g} s the page still does not come through the tunnel.\n{told}")
            print(greeting(port), flush=True)
            family[-1].shown = True
            await asyncio.wait([stop, *watching], return_when=asyncio.FIRST_COMPLETED)
        page.cancel()
        stop.cancel()
        for task in watching:
            if task.done():
                raise task.result()
        print("\nStopping ...", flush=True)
    finally:
        for task in watching:
            task.cancel()
        for child in reversed(family):
            await child.stop()
    print("Stopped.", flush=True)


def main() -> int:
    """Run the demo; 0 after Ctrl-C, 1 when it could not go on."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="A server, a service and a client, to try.")
    parser.add_argument(
        "--port", type=int, default=FIRST_PORT, help=f"visitors connect here; default {FIRST_PORT} or the next free one"
    )
    try:
        asyncio.run(run(parser.parse_args().port))
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
