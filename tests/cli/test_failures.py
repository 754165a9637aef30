"""Errors of ours as a command shows them."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.exits import Exit
from sellia.cli.failures import Failed, explain
from sellia.errors import RefusedError, SelliaError, SettingsError, UnreachableError


class FailureTests(SynchronousTestCase):
    def test_what_is_shown(self) -> None:
        self.assertEqual(explain(SettingsError("a: is wrong", "Write b.")), "a: is wrong\nHint: Write b.")
        self.assertEqual(explain(SelliaError("it is wrong")), "it is wrong")
        self.assertIn("it is wrong\nHint: Check the key", explain(RefusedError("wrong-key", "it is wrong")))
        self.assertEqual(explain(RefusedError("word-of-a-later-version", "it is wrong")), "it is wrong")

    def test_status(self) -> None:
        for error, status in (
            (SettingsError("x"), Exit.SETTINGS),
            (UnreachableError("x"), Exit.UNREACHABLE),
            (RefusedError("wrong-key", "x"), Exit.NOT_AUTHORISED),
        ):
            self.assertEqual(Failed(error).exit_code, status)
