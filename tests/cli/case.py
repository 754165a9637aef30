"""The ``sellia`` command, called in this process."""

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.main import main
from tests.test_process import clean_environment


class CommandCase(SynchronousTestCase):
    def setUp(self) -> None:
        clean_environment(self)

    def invoke(self, *arguments: str, status: int = 0) -> str:
        """What the command prints; it must leave with this status."""
        return self.result(*arguments, status=status).output

    def result(self, *arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(main, arguments)
        self.assertEqual(result.exit_code, status, result.output)
        return result
