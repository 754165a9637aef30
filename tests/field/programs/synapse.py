"""Synapse: a long poll of ``/sync`` that a message ends, one that ends by itself, and media."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.field.install import Pip
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import ask, digest

MEDIA = bytes(range(256)) * 20_000


def serve(kit: Kit) -> int:
    port = kit.free_port()
    config = kit.work / "homeserver.yaml"
    generate = ["--server-name", kit.host, "--config-path", config, "--generate-config", "--report-stats=no"]
    kit.start(kit.python, "-m", "synapse.app.homeserver", *generate).wait_for_exit(60.0)
    text = config.read_text().replace("port: 8008", f"port: {port}").replace("'::1', ", "")
    free = "{per_second: 1000, burst_count: 1000}"
    limits = f"rc_registration: {free}\nrc_message: {free}\nrc_login: {{address: {free}, account: {free}}}\n"
    config.write_text(text + f"\nenable_registration: true\nenable_registration_without_verification: true\n{limits}")
    kit.start(kit.python, "-m", "synapse.app.homeserver", "--config-path", config, port=port)
    return port


class Account:
    """A registered user and what it asks."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.token = ""
        self.user = f"u{time.time_ns()}"
        wish = {"username": self.user, "password": "a long password", "auth": {"type": "m.login.dummy"}}
        self.token = self.ask("POST", "/_matrix/client/v3/register", wish)["access_token"]

    def ask(self, method: str, path: str, wish: Any = None) -> Any:
        """The JSON answer."""
        body = None if wish is None else json.dumps(wish).encode()
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        answer = ask(self.way, path, method, body, headers=headers)
        if answer.status != 200:
            raise AssertionError(f"{method} {path}: {answer.status} {answer.text[:300]}")
        return json.loads(answer.body)


def visit(way: Way) -> Outcome:
    account = Account(way)
    room = account.ask("POST", "/_matrix/client/v3/createRoom", {"name": "field"})["room_id"]
    since = account.ask("GET", "/_matrix/client/v3/sync?timeout=0")["next_batch"]
    way.soon(0.5, way.cut)
    began = time.monotonic()
    quiet = account.ask("GET", f"/_matrix/client/v3/sync?timeout=4000&since={since}")
    waited = time.monotonic() - began
    text = {"msgtype": "m.text", "body": "hello"}
    account.ask("PUT", f"/_matrix/client/v3/rooms/{room}/send/m.room.message/1", text)
    news = account.ask("GET", f"/_matrix/client/v3/sync?timeout=4000&since={quiet['next_batch']}")
    events = news["rooms"]["join"][room]["timeline"]["events"]
    headers = {"Authorization": f"Bearer {account.token}", "Content-Type": "application/octet-stream"}
    way.soon(0.05, way.cut)
    stored = ask(way, "/_matrix/media/v3/upload?filename=f.bin", "POST", MEDIA, headers=headers)
    name = json.loads(stored.body)["content_uri"].removeprefix("mxc://")
    fetched = ask(way, f"/_matrix/client/v1/media/download/{name}", headers=headers, during=way.cut)
    return {
        "a quiet sync": "waits 4 s" if 3.5 < waited < 15 else f"took {waited:.1f} s",
        "a message": [event["content"]["body"] for event in events if event["type"] == "m.room.message"],
        "media": f"{fetched.status} {'whole' if fetched.digest == digest(MEDIA) else 'damaged'}",
    }


PROGRAM = Program(
    "synapse",
    "Synapse",
    "registration, a room, /sync as a long poll, media of 5 MB up and down",
    serve,
    visit,
    needs=Pip("matrix-synapse==1.163.2"),
    notes="answers come from Twisted's own web server",
)
