"""Exit statuses: each outcome has its own, and ``docs/cli.rst`` lists them."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import sellia
from sellia.cli.exits import Exit, exit_of
from sellia.errors import ProxyLoginError, RefusedError, SelliaError, SettingsError, UnreachableError

DOCUMENT = (Path(sellia.__file__).parent.parent / "docs" / "cli.rst").read_text("utf-8")


class ExitTests(SynchronousTestCase):
    def test_outcomes(self) -> None:
        for error, status in (
            (RefusedError("name-taken", ""), Exit.TAKEN),
            (RefusedError("name-reserved", ""), Exit.TAKEN),
            (RefusedError("wrong-key", ""), Exit.NOT_AUTHORISED),
            (RefusedError("key-required", ""), Exit.NOT_AUTHORISED),
            (RefusedError("unsupported-version", ""), Exit.FAILED),
            (RefusedError("of-a-newer-server", ""), Exit.FAILED),
            (SettingsError("x"), Exit.SETTINGS),
            (UnreachableError("x"), Exit.UNREACHABLE),
            (ProxyLoginError("x"), Exit.NOT_AUTHORISED),
            (SelliaError("x"), Exit.FAILED),
            (ValueError("x"), Exit.FAILED),
            (None, Exit.FAILED),
        ):
            self.assertEqual(exit_of(error), status, repr(error))

    def test_documented(self) -> None:
        self.assertEqual([int(each) for each in re.findall(r"(?m)^(\d+) +\S", DOCUMENT)], list(Exit))
