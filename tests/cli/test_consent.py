"""The question about a server that a project's file names; ``tests.e2e.test_start`` answers it on a terminal."""

import io
import os
import sys
from types import SimpleNamespace

from sellia.cli.consent import ask_for_consent
from sellia.client.settings import UnknownServer
from sellia.client.settings.consent import Consents
from sellia.settings import Origin, Rank
from tests.cli.case import CommandCase


class Terminal(io.StringIO):
    """Text that counts as a terminal."""

    def isatty(self) -> bool:
        return True


class ConsentTests(CommandCase):
    def ask(self, answer: str, stream: type[io.StringIO] = Terminal, running: bool = False) -> tuple[bool, str]:
        """Return whether there is consent, and what was shown."""
        shown = stream()
        reactors = {"twisted.internet.reactor": SimpleNamespace(running=running)}
        self.patch(sys, "modules", {**sys.modules, **reactors})
        self.patch(sys, "stdin", stream(answer))
        self.patch(sys, "stdout", stream())
        self.patch(sys, "stderr", shown)
        origin = Origin(Rank.PROJECT, "server", "/p\x1b/sellia.yaml", 1, 1)
        return ask_for_consent(UnknownServer(origin, "https://a.example")), shown.getvalue()

    def noted(self) -> bool:
        return Consents.of(os.environ).has("/p\x1b/sellia.yaml", "https://a.example")

    def test_no_is_the_default(self) -> None:
        agreed, shown = self.ask("\n")
        self.assertIs(agreed, False)
        self.assertIn("/p\\x1b/sellia.yaml\nwants the tunnels of this project to go through https://a.example.", shown)
        self.assertIs(self.noted(), False)

    def test_yes_is_noted(self) -> None:
        self.assertIs(self.ask("y\n")[0], True)
        self.assertIs(self.noted(), True)

    def test_nobody_to_ask(self) -> None:
        """A pipe answers nothing, and a client that runs does not wait for an answer."""
        self.assertEqual(self.ask("y\n", io.StringIO), (False, ""))
        self.assertEqual(self.ask("y\n", running=True), (False, ""))
