"""Settings of every kind for tests, and a test case that loads them from every source."""

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SettingsError
from sellia.settings import (
    Count,
    Port,
    Seconds,
    Secret,
    Settings,
    Size,
    check,
    gather,
    setting,
)


class Part(Settings):
    port: Port = setting(..., "A port.")
    key: Secret | None = setting(None, "A key.")


class Whole(Settings):
    port: Port = setting(80, "A port.", flag="PORT", variable="T_PORT")
    name: str = setting("nobody", "A name.")
    key: Secret | None = setting(None, "A key.", variable="T_KEY")
    quick: bool = setting(False, "true or false.", variable="T_QUICK")
    limit: Size = setting(1, "A size.")
    pause: Seconds = setting(1.0, "A time.")
    count: Count = setting(1, "A number.")
    parts: tuple[Part, ...] = setting((), "Parts.")


class SettingsCase(SynchronousTestCase):
    def load(self, flags: Any = None, environment: Any = None, text: str | bytes | None = None) -> Any:
        config = self.write(text) if text is not None else None
        given = gather(Whole, flags=flags or {}, environment=environment or {}, config=config)
        return check(Whole, given)

    def write(self, text: str | bytes) -> str:
        path = os.path.abspath(self.mktemp())
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def bad(self, *arguments: Any, **named: Any) -> SettingsError:
        error = self.assertRaises(SettingsError, self.load, *arguments, **named)
        for each in error.faults:
            self.assertEqual(len(str(each).splitlines()), 2, "one line and a hint")
            self.assertTrue(each.hint)
        return error
