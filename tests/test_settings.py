"""Settings as a whole: secrets in messages, and old names; ``tests.settings`` has a module for each of the room's."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SettingsError
from sellia.settings import (
    gather,
)
from tests.settings.cases import SettingsCase, Whole


class SecretTests(SettingsCase):
    """The value of a secret is in no message, whatever is wrong with it or with what stands beside it."""

    def test_never_shown(self) -> None:
        for text in (
            "key: SECRET\nkey: SECRET\n",
            "key: *SECRET\n",
            "key: !SECRET x\n",
            "key: 'SECRET\n",
            "key: SECRET: x\n",
            "key: [SECRET]\n",
            "key: {SECRET: SECRET}\n",
            "key: SECRET\nport: x\n",
            'key: "SECRET\\n"\n',
            "parts:\n- key: [SECRET]\n  port: 1\n",
            "key: SECRET\n\tx",
        ):
            error = self.bad(text=text)
            self.assertNotIn("SECRET", f"{error!s} {error!r}", text)
        error = self.bad(environment={"T_KEY": "SECRET\x07"})
        self.assertEqual(error.line, "T_KEY: contains a line break or another control character")
        self.assertNotIn("SECRET", self.bad({"key": "SECRET" * 1000}).line)

    def test_not_in_representations(self) -> None:
        loaded = self.load({"key": "SECRET"})
        self.assertNotIn("SECRET", repr(loaded))
        given = gather(Whole, flags={"key": "SECRET"}, environment={}, config=None)
        self.assertNotIn("SECRET", repr(given))

    def test_number_needs_quotes(self) -> None:
        self.assertTrue(self.bad(text="key: 12345\n").hint.startswith("Put the value into quotes."))

    def test_empty(self) -> None:
        self.assertEqual(self.bad({"key": ""}).line, "--key: is empty")


class OldNameTests(SynchronousTestCase):
    def test_still_works(self) -> None:
        import sellia.settings

        self.assertIs(sellia.settings.BadSetting, SettingsError)
        [warning] = self.flushWarnings([self.test_still_works])
        self.assertEqual(warning["category"], DeprecationWarning)
        self.assertIn("sellia.errors.SettingsError", warning["message"])
        self.assertFalse(hasattr(sellia.settings, "WorseSetting"))
