"""Directories of the user whose environment a process has."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.directories import user_directory


class UserDirectoryTests(SynchronousTestCase):
    def test_user(self) -> None:
        self.assertEqual(user_directory({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}), "/x/sellia")
        self.assertEqual(user_directory({"XDG_CONFIG_HOME": "x", "HOME": "/h"}), "/h/.config/sellia")
        self.assertEqual(user_directory({"HOME": "relative"}), "")
        self.assertTrue(user_directory({}))
