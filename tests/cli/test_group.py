"""Groups of commands: found without importing them."""

from importlib import import_module
from keyword import iskeyword

import click

from sellia.cli.commands import config
from sellia.cli.exits import Exit
from tests.cli.case import CommandCase


class GroupTests(CommandCase):
    def test_lines_of_help_are_those_of_the_commands(self) -> None:
        shown = self.invoke("config", "--help")
        for name, line in config.COMMANDS.items():
            module = f"{name}_" if iskeyword(name) else name
            command: click.Command = import_module(f"{config.__name__}.{module}").command
            self.assertEqual((command.help or "").partition("\n")[0], line, name)
            self.assertRegex(shown, rf"(?m)^  {name} +{line}$")

    def test_mistyped(self) -> None:
        shown = self.invoke("config", "chekc", status=Exit.USAGE)
        self.assertRegex(
            shown, r"No such command: chekc\. Did you mean check\? '\w+ config --help' lists the commands\."
        )
