"""Starts the original peers: each a process whose output is what it heard and said, one JSON object on a line."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

from tests.processes import Process, free_port, start_python, start_twistd

Event = dict[str, Any]


class Peer:
    """A running original.  A context manager: leaving it ends the process."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.port = process.port

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it."""
        self.process.stop()

    def cut(self) -> None:
        """Cut its links, without a close frame."""
        self.process.send_signal(signal.SIGUSR1)

    def events(self, **fields: Any) -> list[Event]:
        """What it has reported so far, as far as it has all of ``fields``."""
        complete = self.process.output.rpartition("\n")[0]
        found = (json.loads(line) for line in complete.splitlines() if line.startswith("{"))
        return [event for event in found if fields.items() <= event.items()]

    def wait_for(self, number: int = 1, **fields: Any) -> Event:
        """The event with all of ``fields`` that is the ``number``-th of its kind."""
        found = self.process.wait_for(lambda: self.events(**fields)[number - 1 : number], f"event {number} {fields}")
        return found[0]

    def wait_until(self, condition: Callable[[], Any], what: str) -> Any:
        """The first true value of ``condition``."""
        return self.process.wait_for(condition, what)


def start_original_server(
    *quirks: str, domain: str = "localhost", key: str | None = None, port: int | None = None
) -> Peer:
    """The original's server, listening on 127.0.0.1 for clients and visitors alike."""
    chosen = free_port() if port is None else port
    arguments = ["--port", str(chosen), "--domain", domain, *_quirks(quirks), *(["--key", key] if key else [])]
    process = start_python("-m", "tests.original.server", *arguments, name="original server", port=chosen)
    peer = Peer(process)
    peer.wait_for(event="listening")
    return peer


def start_original_client(
    server_port: int, *tunnels: str, quirks: tuple[str, ...] = (), key: str | None = None, ready: bool = True
) -> Peer:
    """The original's client, with its tunnels (``port:name``) open unless ``ready`` is False."""
    arguments = ["--server", f"127.0.0.1:{server_port}", *(each for one in tunnels for each in ("--tunnel", one))]
    arguments += [*_quirks(quirks), *(["--key", key] if key else [])]
    peer = Peer(start_python("-m", "tests.original.client", *arguments, name="original client"))
    if ready:
        peer.wait_for(len(tunnels), event="heard", type="tunnel_ready")
    return peer


def start_our_client(server: Peer, service_port: int, name: str, *options: str, ready: bool = True) -> Process:
    """Our client, a real process, on an original server, with its tunnel open unless ``ready`` is False."""
    arguments = ["--server", f"http://127.0.0.1:{server.port}", "--subdomain", name]
    client = start_twistd(
        "sellia-client", *arguments, "--target", f"127.0.0.1:{service_port}", *options, name="our client"
    )
    if ready:
        client.wait_for_line("tunnel ready: ")
    return client


def _quirks(quirks: tuple[str, ...]) -> list[str]:
    return [part for quirk in quirks for part in ("--quirk", quirk)]
