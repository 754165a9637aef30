"""``sellia completion``: a script for each shell; they are tried in ``tests.e2e.test_completion``."""

from sellia.cli.complete import SHELLS
from sellia.cli.exits import Exit
from tests.cli.case import CommandCase


class CompletionTests(CommandCase):
    def test_scripts(self) -> None:
        for shell in SHELLS:
            self.assertIn("_SELLIA_COMPLETE", self.invoke("completion", shell))
        said = self.invoke("completion", "tcsh", status=Exit.USAGE)
        self.assertIn("There is no shell tcsh here, only bash, zsh, fish and powershell.", said)

    def test_help_says_where_each_goes(self) -> None:
        shown = self.invoke("completion", "--help")
        for place in ("~/.bashrc", "~/.zshrc", "fish/completions", "$PROFILE"):
            self.assertIn(place, shown)
