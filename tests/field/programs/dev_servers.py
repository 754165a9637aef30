"""Development servers, each with the socket of its hot updates and its own check of host or origin."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from websockets.exceptions import InvalidHandshake, InvalidMessage

from tests.e2e.stage import NODE_PROGRAMS
from tests.field.install import Npm, Requirement, Unavailable
from tests.field.program import DOMAIN, Kit, Outcome, Program, Way
from tests.field.visitor import DEADLINE, ask, websocket

MODULES = NODE_PROGRAMS / "node_modules"


class EndToEnd(Requirement):
    """The npm packages that the end-to-end tests have, one of them named ``package``."""

    def __init__(self, package: str) -> None:
        self.package = package

    def __repr__(self) -> str:
        return f"EndToEnd({self.package!r})"

    def version(self, folder: Path) -> str:
        found = MODULES / self.package / "package.json"
        if not found.exists():
            raise Unavailable("run `python -m tests.e2e.prepare`")
        version: str = json.loads(found.read_text())["version"]
        return version


def project(kit: Kit, application: str) -> Path:
    """A copy of one of the applications of the end-to-end tests."""
    folder = kit.work / "project"
    shutil.copytree(NODE_PROGRAMS / application, folder)
    (kit.work / "node_modules").symlink_to(MODULES)
    return folder


def refused(way: Way, path: str, origin: str, **options: object) -> str:
    """What becomes of a WebSocket from ``origin``."""
    try:
        with websocket(way, path, origin=origin, **options) as socket:  # type: ignore[arg-type]
            socket.recv(timeout=DEADLINE)
        return "let in"
    except InvalidMessage:
        return "refused with what is no HTTP"
    except InvalidHandshake as error:
        return f"refused: {error}"
    except Exception as error:
        return f"closed: {type(error).__name__}"


def hot_update(way: Way, path: str, change: Callable[[], object], word: str, **options: object) -> str:
    """Open the socket of the hot updates, cut the link, change a source, and wait for a message with ``word``."""
    with websocket(way, path, origin=way.url(""), **options) as socket:  # type: ignore[arg-type]
        socket.recv(timeout=DEADLINE)
        way.cut()
        time.sleep(0.3)
        change()
        end = time.monotonic() + 60.0
        while time.monotonic() < end:
            message = socket.recv(timeout=60.0)
            text = message if isinstance(message, str) else message.decode("utf-8", "replace")
            if word in text:
                return f"{word} came"
    return f"{word} did not come"


def touch(file: Path, text: str) -> Callable[[], object]:
    """Change a source file; each time to something else."""
    return lambda: file.write_text(text.replace("TIME", str(time.time_ns())))


def serve_vite(kit: Kit) -> int:
    port = kit.free_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--strictPort"]
    folder = project(kit, "vite-app")
    kit.start(
        "node", MODULES / "vite/bin/vite.js", *options, port=port, cwd=folder, env={"ALLOWED_HOSTS": f".{DOMAIN}"}
    )
    return port


def visit_vite(way: Way) -> Outcome:
    page = ask(way, "/")
    client = ask(way, "/@vite/client").text
    token = client.partition('wsToken = "')[2].partition('"')[0]
    ask(way, "/text.js")  # only what somebody has loaded is updated
    ask(way, "/main.js")
    change = touch(way.kit.work / "project" / "text.js", "export const text = 'TIME';\n")
    found = hot_update(way, f"/?token={token}", change, "update", protocols=["vite-hmr"])
    return {"page": page.status, "hot update": found, "another host": ask_as(way, "evil.example")}


def ask_as(way: Way, host: str) -> str:
    """The status of the page for another Host, asked of the program itself: no tunnel has that name."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", way.port, timeout=DEADLINE)
    connection.request("GET", "/", headers={"Host": host})
    response = connection.getresponse()
    response.read()
    connection.close()
    return "refused" if response.status in (403, 404) else str(response.status)


VITE = Program(
    "vite",
    "Vite",
    "its page, a hot update over its WebSocket with the link cut before, another host",
    serve_vite,
    visit_vite,
    needs=EndToEnd("vite"),
    notes="needs server.allowedHosts",
)


def serve_webpack(kit: Kit) -> int:
    port = kit.free_port()
    folder = project(kit, "webpack-app")
    argv = ["node", MODULES / "webpack-cli/bin/cli.js", "serve", "--port", str(port)]
    environment = {"ALLOWED_HOSTS": f".{DOMAIN}"}
    kit.start(*argv, line=r"compiled .*successfully", cwd=folder, env=environment)
    return port


def visit_webpack(way: Way) -> Outcome:
    page = ask(way, "/")
    change = touch(way.kit.work / "project" / "text.js", "export const text = 'TIME';\n")
    return {
        "page": page.status,
        "hot update": hot_update(way, "/ws", change, '"type":"hash"'),
        "another origin": refused_webpack(way),
    }


def refused_webpack(way: Way) -> str:
    """webpack lets the handshake through, says what is wrong in a message, and closes."""
    with websocket(way, "/ws", origin="http://evil.example") as socket:
        return str(socket.recv(timeout=DEADLINE))


WEBPACK = Program(
    "webpack",
    "webpack-dev-server",
    "its page, a hot update over its WebSocket with the link cut before, another origin",
    serve_webpack,
    visit_webpack,
    needs=EndToEnd("webpack-dev-server"),
    notes="needs allowedHosts",
)


def serve_next(kit: Kit) -> int:
    port = kit.free_port()
    folder = kit.folder / "site"
    if not folder.exists():
        (folder / "app").mkdir(parents=True)
        (folder / "package.json").write_text('{"name": "site", "private": true}\n')
        (folder / "next.config.js").write_text(f"module.exports = {{ allowedDevOrigins: ['{kit.host}'] }};\n")
        (folder / "app" / "layout.js").write_text(
            "export default function Layout({ children }) { return <html><body>{children}</body></html>; }\n"
        )
        (folder / "app" / "page.js").write_text("export default function Page() { return <p>as it was</p>; }\n")
    command = ["node", kit.folder / "node_modules/next/dist/bin/next", "dev", "-H", "127.0.0.1", "-p", port]
    kit.start(*command, line="Ready in", cwd=folder, env={"NEXT_TELEMETRY_DISABLED": "1"})
    return port


def visit_next(way: Way) -> Outcome:
    page = ask(way, "/")
    path = "/_next/webpack-hmr?id=field"
    text = "export default function Page() { return <p>TIME</p>; }\n"
    change = touch(way.kit.folder / "site" / "app" / "page.js", text)
    return {
        "page": f"{page.status} {'</html>' in page.text}",
        "hot update": hot_update(way, path, change, "serverComponentChanges"),
        "another origin": refused(way, path, "http://evil.example"),
    }


NEXT = Program(
    "next",
    "Next (dev)",
    "its page, a hot update over its WebSocket with the link cut before, another origin",
    serve_next,
    visit_next,
    needs=Npm("next@15.5.6", "react@19", "react-dom@19"),
    better={
        "another origin": "Next answers with a bare `Unauthorized`, which no visitor can read; Sellia makes it a 502"
    },
    notes="needs allowedDevOrigins",
)
