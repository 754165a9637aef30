"""``sellia auth hash``."""

from click.testing import CliRunner

from sellia.cli.exits import Exit
from sellia.cli.main import main
from sellia.relay.passwords import Users
from tests.cli.case import CommandCase


class HashTests(CommandCase):
    def test_a_line(self) -> None:
        line = CliRunner().invoke(main, ("auth", "hash", "ann"), input="s3cret:é\n").output.strip()
        self.assertTrue(Users([], [line]).verify("ann:s3cret:é".encode()))
        self.assertNotIn("s3cret", line)

    def test_what_is_none(self) -> None:
        for user, password in (("a:b", "x\n"), ("", "x\n"), ("ann", "\n"), ("ann", ""), ("ann", "a\x07b\n")):
            result = CliRunner().invoke(main, ("auth", "hash", user), input=password)
            self.assertEqual(result.exit_code, Exit.USAGE, (user, password))
