"""Test case that loads a client's settings from flags, variables and a file."""

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings import load
from sellia.errors import SettingsError

BASE = {"server": "http://localhost:3000", "target": "8080"}


class ClientCase(SynchronousTestCase):
    def bad(self, flags: Any, environment: Any = None, config: str | None = None) -> SettingsError:
        error = self.assertRaises(SettingsError, load, flags, environment or {}, config)
        self.assertTrue(error.hint)
        return error

    def write(self, text: str) -> str:
        path = os.path.abspath(self.mktemp())
        with open(path, "w") as file:
            file.write(text)
        return path
