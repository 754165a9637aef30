"""The first key: shown once on a terminal, or left in a file for its owner alone."""

import os
import stat
from io import StringIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SettingsError
from sellia.server.accounts.first_key import FILE, make_first_key
from sellia.server.accounts.grants import SCOPES
from sellia.server.accounts.secrets import digest
from sellia.storage.failures import StorageAway
from sellia.storage.interface import Insert
from sellia.storage.memory import MemoryStorage
from sellia.storage.records import Account
from tests.server.accounts.stage import START, FaultyStorage, away


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class FirstKeyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.storage = MemoryStorage()
        self.place = Path(self.mktemp())
        self.place.mkdir()

    def make(self, output: StringIO, state_dir: str | None = None) -> str | None:
        return make_first_key(self.storage, state_dir, output, lambda: START)

    def test_on_a_terminal(self) -> None:
        terminal = Terminal()
        self.assertIsNone(self.make(terminal, str(self.place)))
        secret = next(word for word in terminal.getvalue().split() if word.startswith("sl_live_"))
        [key] = self.storage.directory().keys
        self.assertEqual((key.digest, key.scopes), (digest(secret), SCOPES))
        self.assertEqual([each.name for each in self.storage.directory().accounts], ["admin"])
        self.assertEqual([each.kind for each in self.storage.events()], ["key.created"])
        self.assertEqual(list(self.place.iterdir()), [])
        again = Terminal()
        self.assertIsNone(self.make(again))
        self.assertEqual(again.getvalue(), "")

    def test_elsewhere(self) -> None:
        """A file, in the place of one that a start has left which did not come to its end."""
        (self.place / FILE).write_text("of another start")
        (self.place / f"{FILE}.new").symlink_to(self.place / "elsewhere")
        path = self.make(StringIO(), str(self.place))
        assert path is not None
        secret = Path(path).read_text().strip()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(self.storage.directory().keys[0].digest, digest(secret))
        self.assertEqual(sorted(each.name for each in self.place.iterdir()), [FILE])

    def test_nowhere(self) -> None:
        error = self.assertRaises(SettingsError, self.make, StringIO())
        self.assertIn("--state-dir", error.hint)
        (self.place / "taken").write_text("a file")
        error = self.assertRaises(SettingsError, self.make, StringIO(), str(self.place / "taken"))
        self.assertIn("cannot be written", error.line)
        self.assertEqual(self.storage.directory().keys, [])

    def test_a_directory_that_is_not_there(self) -> None:
        """It is made, for its owner alone: with a database elsewhere, nothing else has made it."""
        place = self.place / "state"
        path = self.make(StringIO(), str(place))
        self.assertEqual(path, str(place / FILE))
        self.assertEqual(stat.S_IMODE(os.stat(place).st_mode), 0o700)

    def test_an_account_of_that_name(self) -> None:
        self.storage.write([Insert(Account("acc_1", "admin", START))])
        self.make(Terminal())
        self.assertEqual(self.storage.directory().keys[0].account_id, "acc_1")

    def test_another_server_was_quicker(self) -> None:
        """Both have found the database empty; one tells its key."""
        directory = self.storage.directory
        other = Terminal()

        def overtaken() -> object:
            found = directory()
            self.storage.directory = directory  # type: ignore[method-assign]
            self.make(other)
            return found

        self.storage.directory = overtaken  # type: ignore[method-assign, assignment]
        mine = Terminal()
        self.assertIsNone(self.make(mine))
        self.assertEqual((mine.getvalue(), len(self.storage.directory().keys)), ("", 1))

    def test_a_database_that_is_away(self) -> None:
        storage = FaultyStorage()
        storage.fault = away()
        self.storage = storage
        terminal = Terminal()
        self.assertRaises(StorageAway, self.make, terminal)
        self.assertEqual(terminal.getvalue(), "")
