"""``sellia reload``: what is said of each client; with processes in ``tests.e2e.test_control``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sellia.cli.commands import reload
from sellia.cli.control import ControlFailure, Running
from tests.cli.case import CommandCase


class ReloadTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.clients = [Running(Path("/x/4.sock"), 4, {"command": "sellia start", "tunnels": [{"name": "web"}]})]
        self.answer: Any = {"reloaded": {}}
        self.patch(reload, "running", lambda: self.clients)
        self.patch(reload, "ask", self.ask)

    def ask(self, client: Running, request: dict[str, Any]) -> Iterator[Any]:
        self.assertEqual(request, {"command": "reload"})
        if isinstance(self.answer, Exception):
            raise self.answer
        yield self.answer

    def test_what_has_changed(self) -> None:
        self.answer = {
            "reloaded": {
                "opened": ["a", "b\x1b"],
                "closed": ["c"],
                "altered": ["d"],
                "changed": ["timeouts.drain"],
                "waiting": ["log.level"],
            }
        }
        self.assertEqual(
            self.invoke("reload"),
            "sellia start (process 4): opened a, b\\x1b; closed c; altered d; changed timeouts.drain; "
            "log.level after a restart only.\n",
        )

    def test_nothing(self) -> None:
        self.assertEqual(self.invoke("reload", "web"), "sellia start (process 4): nothing has changed.\n")

    def test_failures(self) -> None:
        self.answer = ControlFailure("sellia.yaml:1:1: no.\nHint: yes.", "settings")
        self.assertIn("sellia.yaml:1:1: no.\nHint: yes.", self.invoke("reload", "--all", status=78))
        self.answer = ControlFailure("It has none.", "no-reload")
        self.assertIn("It has none.", self.invoke("reload", "4", status=1))
        self.assertIn("not both", self.invoke("reload", "4", "--all", status=64))
