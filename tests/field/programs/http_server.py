"""``python3 -m http.server --cgi``: a CGI program whose header lines end with a bare LF."""

from __future__ import annotations

from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import ask

SCRIPT = """#!/bin/sh
printf 'Content-Type: text/plain\\nX-From: cgi\\n\\n'
printf 'hello '
sleep 0.5
echo "$QUERY_STRING"
"""


def serve(kit: Kit) -> int:
    port = kit.free_port()
    folder = kit.work / "cgi-bin"
    folder.mkdir()
    (folder / "hello").write_text(SCRIPT)
    (folder / "hello").chmod(0o755)
    (kit.work / "page.html").write_text("<p>a page\n" * 20000)
    kit.start(kit.python, "-m", "http.server", "--cgi", "--bind", "127.0.0.1", port, port=port)
    return port


def visit(way: Way) -> Outcome:
    way.soon(0.2, way.cut)
    script = ask(way, "/cgi-bin/hello?a=b")
    page = ask(way, "/page.html")
    return {
        "CGI": f"{script.status} {script.headers.get('x-from')} {script.text.strip()}",
        "page": f"{page.status} {len(page.body)} bytes",
        "missing": ask(way, "/nothing").status,
    }


PROGRAM = Program(
    "http-server",
    "Python's http.server",
    "a CGI program, a page, a page that is missing",
    serve,
    visit,
    notes="its CGI answers have lines that end with a bare LF",
)
