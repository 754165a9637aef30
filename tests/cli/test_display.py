"""Options of what a client in the foreground shows."""

import click
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.display import Display, display_options


class DisplayTests(SynchronousTestCase):
    def test_options(self) -> None:
        seen = []

        @click.command()
        @click.argument("port")
        @display_options
        def command(port: str, display: Display) -> None:
            seen.append((port, display))

        for arguments, display in (
            ((), Display()),
            (("--json", "-q"), Display(as_json=True, quiet=True)),
            (("-v",), Display(verbose=1)),
            (("-v", "--verbose", "--detach"), Display(verbose=2, detach=True)),
        ):
            result = CliRunner().invoke(command, ["80", *arguments])
            self.assertEqual(result.exit_code, 0, result.output)
            self.assertEqual(seen.pop(), ("80", display))
