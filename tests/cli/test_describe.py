"""``commands.json`` says what the commands say."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.describe import PATH, describe, written
from sellia.cli.main import COMMANDS


class DescribeTests(SynchronousTestCase):
    def test_is_current(self) -> None:
        """After a change to a command or a flag: ``python -m sellia.cli.describe``."""
        self.assertEqual(PATH.read_text("utf-8"), written(describe()))

    def test_commands(self) -> None:
        described = describe()
        self.assertEqual(described[""]["commands"], list(COMMANDS))
        self.assertEqual(set(COMMANDS) - set(described), set())
        names = [name for each in described["http"]["options"] for name in each["names"]]
        self.assertIn("--subdomain", names)
        self.assertIn("-s", names)
        self.assertIn("--trust-proxy", [name for each in described["server"]["options"] for name in each["names"]])
