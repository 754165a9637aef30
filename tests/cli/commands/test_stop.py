"""``sellia stop``: what is said of each client, and how it ends; with processes in ``tests.e2e.test_control``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sellia.cli.commands import stop
from sellia.cli.control import ControlFailure, Running
from tests.cli.case import CommandCase


class StopTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        tunnels = [{"name": "web"}, {"name": "api"}]
        self.clients = [Running(Path("/x/4.sock"), 4, {"command": "sellia start", "tunnels": tunnels})]
        self.answers: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        self.patch(stop, "running", lambda: self.clients)
        self.patch(stop, "ask", self.ask)

    def ask(self, client: Running, request: dict[str, Any], seconds: Any, *, until_gone: bool) -> Iterator[Any]:
        self.assertEqual((seconds, until_gone), (None, True))
        self.asked.append(request)
        for answer in self.answers:
            if isinstance(answer, Exception):
                raise answer
            yield answer

    def test_all_of_it(self) -> None:
        self.answers = [
            {"waiting": {"requests": 2, "websockets": 1, "connections": 0, "within": 30.0}},
            {"waiting": {"requests": 0, "websockets": 0, "connections": 0, "within": 30.0}},
        ]
        self.assertEqual(
            self.invoke("stop").splitlines(),
            [
                "Waiting for 2 requests, 1 WebSocket, 30 s at most, of sellia start (process 4).",
                "Stopped sellia start (process 4).",
            ],
        )
        self.assertEqual(self.asked, [{"command": "stop", "now": False}])

    def test_one_tunnel(self) -> None:
        self.answers = [{"stopped": True}]
        self.assertEqual(self.invoke("stop", "api"), "Closed the tunnel api; sellia start (process 4) goes on.\n")
        self.assertEqual(self.asked, [{"command": "stop", "now": False, "tunnel": "api"}])

    def test_now(self) -> None:
        self.invoke("stop", "--all", "--now")
        self.assertEqual(self.asked, [{"command": "stop", "now": True}])

    def test_one_fails(self) -> None:
        """The others are stopped all the same."""
        self.clients.append(Running(Path("/x/5.sock"), 5, None))
        self.answers = [ControlFailure("It does not answer.")]
        self.assertEqual(self.invoke("stop", "--all", status=1).count("It does not answer."), 2)

    def test_contradiction(self) -> None:
        self.assertIn("not both", self.invoke("stop", "web", "--all", status=64))
