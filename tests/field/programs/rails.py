"""Rails: its check of the host, a form with its token, which also compares the origin, and a redirect."""

from __future__ import annotations

import urllib.parse

from tests.field.contract import UPLOAD
from tests.field.install import Apt
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import ask


def serve(kit: Kit) -> int:
    port = kit.free_port()
    environment = {"RAILS_ENV": "development"}
    kit.start(kit.bin("puma"), "-b", f"tcp://127.0.0.1:{port}", kit.app("rails_app.ru"), port=port, env=environment)
    return port


def visit(way: Way) -> Outcome:
    form = ask(way, "/form")
    headers = {"Cookie": form.headers["set-cookie"].partition(";")[0], "Origin": way.url("")}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    body = f"authenticity_token={urllib.parse.quote(form.text)}".encode()
    way.cut()
    posted = ask(way, "/form", "POST", body, headers=headers)
    foreign = ask(way, "/form", "POST", body, headers={**headers, "Origin": "http://evil.example"})
    way.soon(0.02, way.cut)
    upload = ask(way, "/digest", "POST", UPLOAD, headers={"Content-Type": "application/octet-stream"})
    moved = ask(way, "/moved").headers["location"]
    return {
        "hello": ask(way, "/hello").text,
        "form": posted.status,
        "another origin": foreign.status,
        "upload": f"{upload.status} {upload.text.partition(' ')[0]}",
        "redirect": moved.replace(way.authority, "HOST"),
    }


PROGRAM = Program(
    "rails",
    "Rails with Puma",
    "a form with its token, another origin, an upload, a redirect",
    serve,
    visit,
    needs=Apt({"puma": "puma ruby-railties"}),
    notes="needs the public host in config.hosts",
)
