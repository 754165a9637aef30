"""Services that ping, and give up whoever does not answer, while the link is away for longer than they wait."""

from __future__ import annotations

import time
from pathlib import Path

from tests.field.contract import closing
from tests.field.install import Npm, Pip
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import DEADLINE, websocket

OUTAGE = 5.0
"""Seconds without a link: longer than interval and timeout of the pings together."""


def serve_uvicorn(kit: Kit) -> int:
    port = kit.free_port()
    folder = Path(kit.app("asgi_app.py")).parent
    pings = ["--ws-ping-interval", "1", "--ws-ping-timeout", "1.5"]
    kit.start(kit.python, "-m", "uvicorn", "asgi_app:app", "--port", port, *pings, port=port, cwd=folder)
    return port


def visit(way: Way) -> Outcome:
    """A visitor who pings as well."""
    with websocket(way, "/echo", protocols=["chat"], ping_interval=1, ping_timeout=1.5) as socket:
        socket.send("before")
        before = socket.recv(timeout=DEADLINE)
        way.outage(OUTAGE)
        socket.send("after")
        after = socket.recv(timeout=DEADLINE)
        socket.send("close 4000")
        return {"before": before, "after": after, "close": closing(socket)}


UVICORN = Program(
    "uvicorn-pings",
    "Uvicorn with pings",
    f"pings both ways every second, given up after 1.5 s, during {OUTAGE:g} s without a link",
    serve_uvicorn,
    visit,
    needs=Pip("uvicorn[standard]==0.54.0"),
)


def serve_socket_io(kit: Kit) -> int:
    port = kit.free_port()
    kit.node("socketio_server.js", str(port), port=port)
    return port


def visit_socket_io(way: Way) -> Outcome:
    """Long polling first, then the upgrade to a WebSocket; the heartbeat is in messages, not in ping frames."""
    process = way.kit.start("node", way.kit.app("socketio_client.js"), way.url(""), line="ready")
    way.cut()
    time.sleep(1.0)
    process.send_signal(10)  # SIGUSR1: ask for the echoes
    process.wait_for_exit(DEADLINE)
    return {"client": process.output.strip().splitlines()[-1]}


SOCKET_IO = Program(
    "socket-io",
    "Socket.IO",
    "long polling, the upgrade, events with acknowledgements, binary, a cut of the link between heartbeats of 2 s",
    serve_socket_io,
    visit_socket_io,
    needs=Npm("socket.io@4.8.4", "socket.io-client@4.8.3"),
    notes="nobody can answer a heartbeat in messages for it: after an outage of more than pingInterval and pingTimeout "
    "together (45 s by default) its client connects again",
)
