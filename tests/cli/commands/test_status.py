"""``sellia status``: what is shown of each client."""

import json
from pathlib import Path
from typing import Any

from sellia.cli.commands import status
from sellia.cli.control import Running
from tests.cli.case import CommandCase

STATUS: dict[str, Any] = {
    "pid": 4711,
    "command": "sellia start",
    "since": "2026-11-28T21:00:00.000Z",
    "seconds": 7530.5,
    "server": "https://example.com",
    "log": "/x/start.log",
    "link": {"state": "up", "seconds": 200.0, "round_trip": 0.0234, "reason": None},
    "stopping": False,
    "tunnels": [
        {
            "name": "web",
            "state": "open",
            "url": "https://web.example.com",
            "targets": [
                {"path": "/", "target": "http://localhost:5173"},
                {"path": "/api", "target": "http://localhost:8000"},
            ],
            "requests": 1,
            "websockets": 2,
        },
        {"name": "api", "state": "asked", "url": None, "targets": [{"path": "/", "target": "text:x"}], "requests": 0},
    ],
}


class StatusTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.clients = [Running(Path("/x/4711.sock"), 4711, STATUS), Running(Path("/x/5.sock"), 5, None)]
        self.patch(status, "running", lambda: self.clients)

    def test_lines(self) -> None:
        shown = self.invoke("status").splitlines()
        self.assertRegex(shown[0], r"^sellia start, process 4711, since \d\d:00:00 \(2 h 5 min\)$")
        self.assertEqual(
            shown[1:],
            [
                "  server   https://example.com, link up for 3 min 20 s, round trip 23.4 ms",
                "  log      /x/start.log",
                "  web      https://web.example.com   1 request, 2 WebSockets open",
                "           -> http://localhost:5173 for /",
                "           -> http://localhost:8000 for /api",
                "  api      (asked)",
                "           -> text:x",
                "",
                "process 5 does not answer",
            ],
        )

    def test_json(self) -> None:
        told = json.loads(self.invoke("status", "--json"))
        self.assertEqual(told["clients"], [{"answers": True, **STATUS}, {"pid": 5, "answers": False}])

    def test_one(self) -> None:
        self.assertEqual(self.invoke("status", "5"), "process 5 does not answer\n")
        self.assertIn("process 4711", self.invoke("status", "web"))
        self.assertIn("Did you mean web?", self.invoke("status", "wbe", status=1))

    def test_none(self) -> None:
        self.clients = []
        self.assertEqual(self.invoke("status"), "No client of this user runs on this machine.\n")
        self.assertEqual(json.loads(self.invoke("status", "--json")), {"clients": []})

    def test_links(self) -> None:
        for link, shown in (
            ({"state": "lost", "seconds": 3, "reason": "a\x1bb"}, "link lost for 3 s: a\\x1bb"),
            ({"state": "connecting", "seconds": 0, "reason": None}, "no link yet for 0 s"),
            (7, "link unknown"),
        ):
            self.clients = [
                Running(Path("/x/1.sock"), 1, {"link": link, "since": "x", "stopping": True, "tunnels": [{}]})
            ]
            lines = self.invoke("status").splitlines()
            self.assertEqual(lines[0], "a client, process 1, stopping, since some time")
            self.assertTrue(lines[1].endswith(shown), lines[1])

    def test_durations(self) -> None:
        for seconds, shown in (
            (0.9, "0 s"),
            (61, "1 min 1 s"),
            (3600, "1 h"),
            (90_061, "1 d 1 h"),
            (1e9, "11574 d 1 h"),
        ):
            self.assertEqual(status.ago(seconds), shown)

    def test_nothing_steers_the_terminal(self) -> None:
        nasty = "\x1b[2J\n\u202e"
        evil = dict.fromkeys(("command", "since", "server", "log"), nasty) | {
            "tunnels": [{"name": nasty, "url": nasty, "state": "open", "targets": [{"path": nasty, "target": nasty}]}]
        }
        self.clients = [Running(Path("/x/1.sock"), 1, evil)]
        shown = self.invoke("status")
        self.assertTrue(all(line.isprintable() for line in shown.splitlines()), shown)
        self.assertEqual(len(shown.splitlines()), 5)
