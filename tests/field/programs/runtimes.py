"""Runtimes with web servers of their own: Bun, Deno, Flask's development server, uWSGI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.field.contract import contract, http_contract
from tests.field.install import Apt, Npm, Pip
from tests.field.program import Kit, Program

HTTP_TRIED = "requests, an upload, a stream"
TRIED = "requests, an upload, a stream, a WebSocket, close codes both ways"


def serving(binary: str, script: str, *options: str) -> Callable[[Kit], int]:
    """Serve one of our scripts with a binary that an npm package has in it."""

    def serve(kit: Kit) -> int:
        port = kit.free_port()
        kit.start(kit.folder / "node_modules" / binary, *options, kit.app(script), str(port), port=port)
        return port

    return serve


BUN = Program(
    "bun",
    "Bun",
    TRIED,
    serving("@oven/bun-linux-x64/bin/bun", "bun_server.js"),
    contract,
    needs=Npm("@oven/bun-linux-x64@1.3.3"),
)
DENO = Program(
    "deno",
    "Deno",
    TRIED,
    serving("@deno/linux-x64-glibc/deno", "deno_server.js", "run", "--allow-net"),
    contract,
    needs=Npm("@deno/linux-x64-glibc@2.5.6"),
)


def serve_flask(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.python, kit.app("flask_app.py"), str(port), port=port)
    return port


FLASK = Program("flask", "Flask's own server", HTTP_TRIED, serve_flask, http_contract, needs=Pip("flask==3.1.*"))


def serve_uwsgi(kit: Kit) -> int:
    port = kit.free_port()
    folder = Path(kit.app("wsgi_app.py")).parent
    options = ["--plugin", "python3", "--master", "--processes", "2", "--threads", "4", "--die-on-term"]
    kit.start(
        kit.bin("uwsgi"), f"--http-socket=127.0.0.1:{port}", *options, "-w", "wsgi_app:app", port=port, cwd=folder
    )
    return port


UWSGI = Program(
    "uwsgi",
    "uWSGI",
    HTTP_TRIED,
    serve_uwsgi,
    http_contract,
    needs=Apt({"uwsgi": "uwsgi-core uwsgi-plugin-python3"}),
)
