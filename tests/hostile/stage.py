"""
The processes that the tests of this package share: a server, a client with the tunnel ``demo``, and the ledger.

They are started when they are first asked for, and live until Python exits. Both log at debug level, so that whatever
is ever logged of a request goes through their logs. What is about time and memory is played against `ordinary` ones.
"""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path

from tests.hostile.ledger import Ledger
from tests.hostile.visitors import get, talk
from tests.processes import Process, start_client, start_server

SETTLE = b"/settle"

KEY = "an-honest-key"
"""The honest client's key. The server has no master key, so every other key is that of somebody else."""

SERVER_OPTIONS = ("--no-rate-limit", "--log-level", "debug")

_watched: list[Process] = []
_read: dict[int, int] = {}


@cache
def ledger() -> Ledger:
    """The service."""
    return Ledger()


@cache
def server() -> Process:
    """The server that everybody shares."""
    return watched(start_server(*SERVER_OPTIONS))


@cache
def client() -> Process:
    """The honest client: it has the tunnel ``demo`` to the ledger."""
    return watched(start_client(server().port, ledger().port, "demo", "--log-level", "debug", "--api-key", KEY))


@cache
def ordinary(settings: str = "") -> tuple[Process, Process]:
    """A server and a client as people run them: with all limits, and without a log line for each frame.

    ``settings`` are those of the server's file.
    """
    options: tuple[str, ...] = ()
    if settings:
        file = Path(tempfile.mkdtemp()) / "sellia.yaml"
        file.write_text(settings)
        options = "--config", str(file)
    server = watched(start_server(*options))
    return server, watched(start_client(server.port, ledger().port, "demo"))


def watched(process: Process) -> Process:
    """Look after this process, too, when a test is over."""
    _watched.append(process)
    return process


def processes() -> list[Process]:
    """The server and the client, and whatever else is looked after."""
    client()
    return list(_watched)


def new_output() -> list[tuple[Process, str]]:
    """What each of them has written since the last call."""
    found = []
    for process in processes():
        output = process.output
        found.append((process, output[_read.get(process.pid, 0) :]))
        _read[process.pid] = len(output)
    return found


def counted(port: int = 0) -> dict[str, int]:
    """How often each limit of a server was reached, as ``/health`` says."""
    [answer] = talk(port or server().port, (get(b"/health", host=b"localhost"),)).answers
    limits: dict[str, int] = json.loads(answer.body)["limits"]
    return limits


def settle() -> None:
    """Wait until all that was sent before has reached the service: the link and the client keep their order."""
    talk(server().port, (get(SETTLE),))
