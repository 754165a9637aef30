"""ASGI servers, all with the same application: Uvicorn (twice), Hypercorn, Daphne and Granian."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.field.contract import contract
from tests.field.install import Pip
from tests.field.program import Kit, Program

TRIED = "requests, an upload, a stream, a WebSocket, close codes both ways"


def serving(*options: str, module: str) -> Callable[[Kit], int]:
    """Serve ``asgi_app.py`` with a module of the environment."""

    def serve(kit: Kit) -> int:
        port = kit.free_port()
        folder = Path(kit.app("asgi_app.py")).parent
        words = [word.replace("PORT", str(port)) for word in options]
        kit.start(kit.python, "-m", module, *words, port=port, cwd=folder)
        return port

    return serve


UVICORN = Program(
    "uvicorn",
    "Uvicorn (websockets)",
    TRIED,
    serving("asgi_app:app", "--port", "PORT", "--ws", "websockets", module="uvicorn"),
    contract,
    needs=Pip("uvicorn[standard]==0.54.0"),
)
UVICORN_WSPROTO = Program(
    "uvicorn-wsproto",
    "Uvicorn (h11, wsproto)",
    TRIED,
    serving("asgi_app:app", "--port", "PORT", "--ws", "wsproto", "--http", "h11", module="uvicorn"),
    contract,
    needs=Pip("uvicorn==0.54.0", "wsproto"),
)
HYPERCORN = Program(
    "hypercorn",
    "Hypercorn",
    TRIED,
    serving("asgi_app:app", "--bind", "127.0.0.1:PORT", module="hypercorn"),
    contract,
    needs=Pip("hypercorn==0.18.0"),
)
DAPHNE = Program(
    "daphne",
    "Daphne",
    TRIED,
    serving("-p", "PORT", "-b", "127.0.0.1", "asgi_app:app", module="daphne"),
    contract,
    needs=Pip("daphne==4.2.3"),
)
GRANIAN = Program(
    "granian",
    "Granian",
    TRIED,
    serving("--interface", "asgi", "--port", "PORT", "asgi_app:app", module="granian"),
    contract,
    needs=Pip("granian==2.8.7"),
)
