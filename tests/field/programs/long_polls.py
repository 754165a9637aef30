"""Programs that live from long polls: MkDocs' live reload, and Faye's Bayeux."""

from __future__ import annotations

import re
import time

from tests.field.install import Npm, Pip
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import ask


def serve_mkdocs(kit: Kit) -> int:
    port = kit.free_port()
    (kit.work / "docs").mkdir()
    (kit.work / "mkdocs.yml").write_text(f"site_name: field\ndev_addr: 127.0.0.1:{port}\n")
    (kit.work / "docs" / "index.md").write_text("# As it was\n")
    kit.start(kit.python, "-m", "mkdocs", "serve", "--livereload", port=port, cwd=kit.work)
    return port


def visit_mkdocs(way: Way) -> Outcome:
    """The page polls with the epoch that it was built in; a change of a source ends the poll."""
    page = ask(way, "/")
    found = re.search(r"livereload\((\d+), (\d+)\)", page.text)
    assert found is not None, "the page does not poll"
    source = way.kit.work / "docs" / "index.md"

    def change() -> None:
        source.write_text(f"# As it is at {time.time()}\n")

    way.soon(1.0, change)
    way.soon(0.4, way.cut)
    began = time.monotonic()
    answer = ask(way, f"/livereload/{found[1]}/{found[2]}")
    newer = int(answer.text) > int(found[1])
    waited = time.monotonic() - began
    fresh = ask(way, "/").text
    return {
        "poll": f"{answer.status} {'a newer epoch' if newer else answer.text}",
        "it waited": waited > 0.9,
        "page afterwards": "as it is" if "As it is at" in fresh else "as it was",
    }


MKDOCS = Program(
    "mkdocs",
    "MkDocs",
    "a page whose live reload polls; a source changes a second later, the link is cut before",
    serve_mkdocs,
    visit_mkdocs,
    needs=Pip("mkdocs==1.6.1", "click<8.3"),
    notes="the poll is answered after 60 s if nothing changes",
)


def serve_faye(kit: Kit) -> int:
    port = kit.free_port()
    kit.node("faye_server.js", str(port), port=port)
    return port


def visit_faye(way: Way) -> Outcome:
    outcome = {}
    for transport in ("long-polling", "websocket"):
        output = way.node("faye_visitor.js", way.url("/bayeux"), transport, line="subscribed")
        outcome[transport] = output.strip().splitlines()[-1]
    return outcome


FAYE = Program(
    "faye",
    "Faye",
    "subscribe and publish by long polling and by WebSocket, the link cut between the two",
    serve_faye,
    visit_faye,
    needs=Npm("faye@1.4.3"),
    notes="its long polls are answered after 45 s if nothing is published",
)
