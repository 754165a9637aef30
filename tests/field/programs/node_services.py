"""Services on Node that have the application of `tests.field.contract`: ws, with Node's own HTTP server; Fastify; …"""

from __future__ import annotations

from tests.e2e.stage import NODE_PROGRAMS
from tests.field.contract import contract
from tests.field.install import Npm
from tests.field.program import Kit, Program

TRIED = "requests, an upload, a stream, a WebSocket, close codes both ways"


def serve_ws(kit: Kit) -> int:
    """The plain one, over the ``ws`` that the end-to-end tests have."""
    port = kit.free_port()
    environment = {"NODE_PATH": str(NODE_PROGRAMS / "node_modules")}
    kit.node("ws_server.js", str(port), port=port, env=environment)
    return port


WS = Program("node-ws", "Node and ws", TRIED, serve_ws, contract, needs=Npm("ws@8"))
