"""The file of a client's log, and where the path of it comes from."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.log_file import LogFile, open_log
from sellia.errors import SettingsError
from tests.client.settings.cases import LayersCase


class LogFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        previous = os.umask(0)
        self.addCleanup(os.umask, previous)

    def open(self) -> LogFile:
        file = LogFile(str(self.path))
        self.addCleanup(file.close)
        return file

    def test_appends_to_what_nobody_else_can_read(self) -> None:
        for text in ("one\n", "two\n"):
            self.open().write(text)
        self.assertEqual(self.path.read_text("utf-8"), "one\ntwo\n")
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_moved_away(self) -> None:
        """As logrotate does."""
        file = self.open()
        file.write("one\n")
        self.path.rename(f"{self.path}.1")
        file.write("two\n")
        self.assertEqual(self.path.read_text("utf-8"), "two\n")
        self.assertEqual(Path(f"{self.path}.1").read_text("utf-8"), "one\n")
        self.path.unlink()
        file.write("three\n")
        self.assertEqual(self.path.read_text("utf-8"), "three\n")

    def test_what_cannot_be_written_later(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        file = LogFile(str(directory / "log"))
        self.addCleanup(file.close)
        (directory / "log").unlink()
        directory.rmdir()
        file.write("lost\n")
        directory.mkdir()
        file.write("there again \udcff\n")
        self.assertEqual((directory / "log").read_text("utf-8"), "there again \\udcff\n")

    def test_cannot_be_opened(self) -> None:
        error = self.assertRaises(SettingsError, LogFile, f"{self.path}/\x1b/log")
        said, hint = str(error).splitlines()
        self.assertEqual(said, f"log.file: cannot write {self.path}/\\x1b/log: No such file or directory")
        self.assertTrue(hint.startswith("Hint: Name a file in a directory"))


class SettingsTests(LayersCase):
    """What names it: a flag, or the user's own file."""

    HOME = "server: https://mine.example\ntunnels: {web: {target: 1}}\nlog: {file: FILE}\n"

    def test_beside_the_file_that_names_it(self) -> None:
        self.give(home=self.HOME.replace("FILE", "a.log"))
        file = open_log(self.load(None))
        assert file is not None
        self.addCleanup(file.close)
        self.assertEqual(file.path, os.path.join(self.directory, "home", "a.log"))
        self.assertTrue(os.path.exists(file.path))

    def test_the_flag_wins(self) -> None:
        self.give(home=self.HOME.replace("FILE", "a.log"))
        path = self.mktemp()
        file = open_log(self.load({"log_file": path}))
        assert file is not None
        self.addCleanup(file.close)
        self.assertEqual(file.path, os.path.abspath(path))
        self.assertFalse(os.path.exists(os.path.join(self.directory, "home", "a.log")))

    def test_none(self) -> None:
        self.give(home=self.HOME.replace("log: {file: FILE}\n", ""))
        self.assertIsNone(open_log(self.load(None)))

    def test_what_cannot_be_written_is_told_with_its_place(self) -> None:
        self.give(home=self.HOME.replace("FILE", "/nowhere/a.log"))
        error = self.assertRaises(SettingsError, open_log, self.load(None))
        self.assertRegex(
            str(error), r"/home/sellia\.yaml:3:13: log\.file: cannot write /nowhere/a\.log: No such file or directory\n"
        )
        error = self.assertRaises(SettingsError, open_log, self.load({"log_file": "/nowhere/b.log"}))
        self.assertIn("--log-file: cannot write /nowhere/b.log", str(error))

    def test_no_name_of_a_file(self) -> None:
        self.give(home=self.HOME.replace("FILE", '"a\\0b"'))
        error = self.assertRaises(SettingsError, open_log, self.load(None))
        self.assertIn("a\\x00b: this is not the name of a file", str(error))

    def test_empty(self) -> None:
        self.give(home=self.HOME.replace("FILE", "''"))
        self.assertIn("log.file", self.fault(None))
