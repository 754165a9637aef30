"""HAProxy in front, with HTTP/2 to the visitor: WebSockets over RFC 8441, and their close codes."""

from __future__ import annotations

from tests.e2e.fronts import certificate
from tests.field.install import Apt
from tests.field.program import Kit, Outcome, Program, Way, outcome_of
from tests.field.programs.node_services import serve_ws

CONFIG = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
frontend https
    bind 127.0.0.1:{port} ssl crt {pem} alpn h2,http/1.1
    default_backend sellia
backend sellia
    server sellia 127.0.0.1:{target} proto h1
"""


def front(kit: Kit, target: int) -> int:
    port = kit.free_port()
    cert, key = certificate()
    pem, config = kit.work / "pem", kit.work / f"haproxy-{port}.cfg"
    pem.write_text(cert.read_text() + key.read_text())
    config.write_text(CONFIG.format(port=port, pem=pem, target=target))
    kit.start(kit.bin("haproxy"), "-f", config, "-db", port=port)
    return port


def visit(way: Way) -> Outcome:
    with way.cutting(0.4):
        return outcome_of(way.node("h2_visitor.js", str(way.port), way.authority))


PROGRAM = Program(
    "haproxy-h2",
    "HAProxy, HTTP/2",
    "requests and WebSockets over HTTP/2 (RFC 8441), closed by the visitor and by the service",
    serve_ws,
    visit,
    needs=Apt({"haproxy": "haproxy"}),
    front=front,
)
