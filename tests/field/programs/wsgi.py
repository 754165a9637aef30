"""Further web servers and programs in Python: Gunicorn, Waitress, Sanic, Datasette, Radicale."""

from __future__ import annotations

import base64
import json
import uuid
from pathlib import Path

from tests.field.contract import contract, http_contract
from tests.field.install import Pip
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import ask

HTTP_TRIED = "requests, an upload, a stream"


def serve_gunicorn(kit: Kit) -> int:
    port = kit.free_port()
    folder = Path(kit.app("wsgi_app.py")).parent
    options = ["--bind", f"127.0.0.1:{port}", "--worker-class", "gevent", "--keep-alive", "1"]
    kit.start(kit.python, "-m", "gunicorn", *options, "wsgi_app:app", port=port, cwd=folder)
    return port


GUNICORN = Program(
    "gunicorn",
    "Gunicorn with gevent",
    HTTP_TRIED,
    serve_gunicorn,
    http_contract,
    needs=Pip("gunicorn==23.0.0", "gevent"),
)


def serve_waitress(kit: Kit) -> int:
    port = kit.free_port()
    folder = Path(kit.app("wsgi_app.py")).parent
    kit.start(kit.python, "-m", "waitress", f"--listen=127.0.0.1:{port}", "wsgi_app:app", port=port, cwd=folder)
    return port


WAITRESS = Program("waitress", "Waitress", HTTP_TRIED, serve_waitress, http_contract, needs=Pip("waitress==3.0.2"))


def serve_sanic(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.python, kit.app("sanic_app.py"), str(port), port=port)
    return port


SANIC = Program(
    "sanic",
    "Sanic",
    "requests, an upload, a stream, a WebSocket, close codes both ways",
    serve_sanic,
    contract,
    needs=Pip("sanic==25.12.1"),
)


def serve_datasette(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.python, kit.app("datasette_rows.py"), kit.work / "field.db").wait_for_exit(30.0)
    kit.start(kit.bin("datasette"), kit.work / "field.db", "-h", "127.0.0.1", "-p", port, port=port)
    return port


def visit_datasette(way: Way) -> Outcome:
    """Its pages, and a CSV that streams."""
    page = ask(way, "/field")
    rows = json.loads(ask(way, "/field/rows.json?_shape=array&_size=5").body)
    table = ask(way, "/field/rows.csv?_stream=on", during=way.cut)
    return {
        "page": page.status,
        "rows": len(rows),
        "CSV": f"{table.status} {len(table.body.splitlines())} lines",
        "escaped path": ask(way, "/field/rows/1%2F2").status,
    }


DATASETTE = Program(
    "datasette",
    "Datasette",
    "pages, JSON, a streamed CSV of 20,000 rows, a path with %2F",
    serve_datasette,
    visit_datasette,
    needs=Pip("datasette==0.65.2"),
)


def serve_radicale(kit: Kit) -> int:
    port = kit.free_port()
    options = ["--storage-filesystem-folder", kit.work / "store", "--server-hosts", f"127.0.0.1:{port}"]
    kit.start(kit.python, "-m", "radicale", *options, "--auth-type", "none", port=port)
    return port


CALENDAR = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:field\r
BEGIN:VEVENT\r
UID:one\r
DTSTAMP:20260101T000000Z\r
DTSTART:20260101T000000Z\r
SUMMARY:field\r
END:VEVENT\r
END:VCALENDAR\r
"""
COLLECTION = b"""<?xml version="1.0"?><C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"/>"""
SEARCH = b"""<?xml version="1.0"?><C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:prop><D:getetag/></D:prop><C:filter><C:comp-filter name="VCALENDAR"/></C:filter></C:calendar-query>"""


def visit_radicale(way: Way) -> Outcome:
    """CalDAV with its own methods."""
    login = {"Authorization": "Basic " + base64.b64encode(b"user:none").decode(), "Content-Type": "text/xml"}
    name = uuid.uuid4().hex
    made = ask(way, f"/user/{name}/", "MKCALENDAR", COLLECTION, headers=login)
    way.cut()
    put = ask(way, f"/user/{name}/one.ics", "PUT", CALENDAR, headers={**login, "Content-Type": "text/calendar"})
    found = ask(way, f"/user/{name}/", "REPORT", SEARCH, headers=login)
    listed = ask(way, f"/user/{name}/", "PROPFIND", headers={**login, "Depth": "1"})
    goal = {**login, "Destination": way.url(f"/user/{name}/two.ics")}
    moved = ask(way, f"/user/{name}/one.ics", "MOVE", headers=goal)
    return {
        "MKCALENDAR": made.status,
        "PUT": put.status,
        "REPORT": f"{found.status} {'one.ics' in found.text}",
        "PROPFIND": f"{listed.status} {'one.ics' in listed.text}",
        "MOVE": moved.status,
        "DELETE": ask(way, f"/user/{name}/", "DELETE", headers=login).status,
    }


RADICALE = Program(
    "radicale",
    "Radicale",
    "CalDAV: MKCALENDAR, PUT, REPORT, PROPFIND, MOVE, DELETE",
    serve_radicale,
    visit_radicale,
    needs=Pip("radicale==3.5.*"),
)
