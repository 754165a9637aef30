"""What is said of a word that is none of the known ones."""

import click
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.word import Word


class WordTests(SynchronousTestCase):
    def test_words(self) -> None:
        shells = Word("shell", ["bash", "zsh", "fish"])
        self.assertEqual(shells.convert("zsh", None, None), "zsh")
        self.assertEqual(list(shells.choices), ["bash", "zsh", "fish"])
        error = self.assertRaises(click.UsageError, shells.convert, "bsh", None, None)
        self.assertEqual(str(error), "There is no shell bsh here, only bash, zsh and fish. Did you mean bash?")
        error = self.assertRaises(click.UsageError, shells.convert, "\x1b[2J" + "x" * 99, None, None)
        self.assertNotIn("\x1b", str(error))
