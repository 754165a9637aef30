"""``sellia why``: which client is asked, and what is shown of a cause."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sellia.cli.commands import why
from sellia.cli.control import ControlFailure, Running
from sellia.cli.exits import Exit
from tests.cli.case import CommandCase

CAUSE = {
    "id": "9f3a61c2-14",
    "who": "service",
    "what": "dropped",
    "sentence": "It died.\x1b[2J",
    "remedy": "Start it.",
    "evidence": {"seconds": 1.5, "listening": "no"},
}


class WhyTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.clients = [Running(Path(f"/x/{number}.sock"), number, None) for number in (4, 5)]
        self.answers: dict[int, Any] = {4: ControlFailure("No.", "unknown-cause"), 5: {"cause": CAUSE}}
        self.asked: list[Any] = []
        self.patch(why, "clients_of", lambda which, verb: self.clients)
        self.patch(why, "of_clients", lambda clients: iter(()))
        self.patch(why, "ask", self.ask)

    def ask(self, client: Running, request: dict[str, Any]) -> Iterator[Any]:
        self.asked.append(request)
        answer = self.answers[client.process]
        if isinstance(answer, Exception):
            raise answer
        yield answer

    def test_the_client_that_knows_it(self) -> None:
        self.assertEqual(
            self.invoke("why", "9f3a61c2-14"),
            "9f3a61c2-14  service, dropped\n  It died.\\x1b[2J\n  Start it.\n    seconds    1.5\n    listening  no\n",
        )
        self.assertEqual(self.asked, [{"command": "why", "id": "9f3a61c2-14"}] * 2)

    def test_json(self) -> None:
        answer = {"id": CAUSE["id"], "exchange": None, "open": False, "end": None, "cause": CAUSE}
        self.assertEqual(json.loads(self.invoke("why", "--json")), answer)
        self.assertEqual(self.asked[0], {"command": "why", "id": None})

    def test_nobody_knows(self) -> None:
        self.answers[5] = ControlFailure("No.", "unknown-command")
        self.assertIn("knows why x\\x1b ended", self.invoke("why", "x\x1b", status=Exit.FAILED))

    def test_what_has_no_cause(self) -> None:
        self.assertEqual(why.lines({"id": "3", "open": True, "cause": None}), ["3 is still open."])
        [line] = why.lines({"id": "3", "open": False, "cause": None})
        self.assertIn("ended plainly well", line)

    def test_no_latest_of_a_url(self) -> None:
        self.assertIn("needs the ID", self.invoke("why", "--inspector", "http://127.0.0.1:1", status=Exit.USAGE))
