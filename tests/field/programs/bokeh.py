"""Bokeh: a document with an array of 24 MiB, pulled over its WebSocket, and the check of the visitor's origin."""

from __future__ import annotations

from tests.field.install import Pip
from tests.field.program import Kit, Outcome, Program, Way, outcome_of
from tests.field.visitor import ask


def serve(kit: Kit) -> int:
    port = kit.free_port()
    options = ["--port", str(port), "--address", "127.0.0.1", "--allow-websocket-origin", kit.host]
    kit.start(kit.python, "-m", "bokeh", "serve", kit.app("bokeh_app.py"), *options, port=port)
    return port


def visit(way: Way) -> Outcome:
    page = ask(way, "/bokeh_app")
    script = way.kit.app("bokeh_visitor.py")
    good = outcome_of(way.run(way.kit.python, script, way.url("/bokeh_app"), f"http://{way.host}", line="connected"))
    bad = outcome_of(way.run(way.kit.python, script, way.url("/bokeh_app"), "http://evil.example"))
    return {"page": page.status, "array": good["array"], "another origin": bad["array"]}


PROGRAM = Program(
    "bokeh",
    "Bokeh",
    "its page, an array of 24 MiB over the WebSocket, an origin that is not allowed",
    serve,
    visit,
    needs=Pip("bokeh==3.9.2"),
    notes="needs --allow-websocket-origin with the public host",
)
