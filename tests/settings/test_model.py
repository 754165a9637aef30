"""Models: names that are misspelt, and messages."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SettingsError
from sellia.settings import (
    Given,
    Origin,
    Rank,
    Settings,
    check,
    setting,
)


class MisspeltTests(SynchronousTestCase):
    def test_what_is_missing_is_misspelt(self) -> None:
        class Needs(Settings):
            server: str = setting(..., "A server.")

        for given in ({"sevrer": Given("x", Origin(Rank.FILE, "sevrer", "file", 1, 1))},):
            error = self.assertRaises(SettingsError, check, Needs, given)
            self.assertIn("sevrer is not a setting", error.line)
            self.assertEqual(error.hint, "Did you mean server?")
