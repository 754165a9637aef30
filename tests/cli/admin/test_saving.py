"""Files that downloads are saved in."""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.admin.saving import NewFile
from sellia.errors import SettingsError


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.path = self.directory / "file"

    def test_a_file(self) -> None:
        """It has its name when it is complete, and its owner alone may read it."""
        with NewFile(str(self.path)) as saved:
            saved.write(b"some")
            saved.write(b"thing")
            self.assertFalse(self.path.exists())
        self.assertEqual((self.path.read_bytes(), saved.size), (b"something", 9))
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(self.directory), ["file"])

    def test_nothing_is_overwritten(self) -> None:
        self.path.write_bytes(b"mine")
        error = self.assertRaises(SettingsError, NewFile(str(self.path)).__enter__)
        self.assertIn("exists already", error.line)
        self.assertEqual(self.path.read_bytes(), b"mine")

    def test_what_broke_off_leaves_nothing(self) -> None:
        (self.directory / "file.part").write_bytes(b"of a download that was killed")
        with self.assertRaises(RuntimeError):
            with NewFile(str(self.path)) as saved:
                saved.write(b"some")
                raise RuntimeError
        self.assertEqual(os.listdir(self.directory), [])

    def test_a_place_that_cannot_be_written(self) -> None:
        error = self.assertRaises(SettingsError, NewFile(str(self.directory / "none" / "file")).__enter__)
        self.assertIn("cannot be written: No such file or directory", error.line)
