"""The commands of ``sellia auth``."""

from sellia.cli.commands.auth import COMMANDS, command
from sellia.cli.exits import Exit
from tests.cli.case import CommandCase


class GroupTests(CommandCase):
    def test_help_is_that_of_the_modules(self) -> None:
        shown = self.invoke("auth", "--help")
        for name, text in COMMANDS.items():
            self.assertIn(text, shown)
            found = command.get_command(None, name)  # type: ignore[arg-type]
            assert found is not None
            self.assertEqual((found.help or "").partition("\n")[0], text)

    def test_mistyped(self) -> None:
        self.assertIn("Did you mean login?", self.invoke("auth", "lgoin", status=Exit.USAGE))
