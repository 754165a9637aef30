"""Flags of commands that run a client."""

from typing import Any

import click
from click.testing import CliRunner

from sellia.cli.exits import Exit
from sellia.cli.tunnel_flags import flags_for, settings_of, tunnel_flags
from sellia.client.settings import shown_routes
from tests.cli.case import CommandCase


@click.command()
@click.argument("target", required=False)
@tunnel_flags("http")
def sample(target: str | None, config: str | None, **given: Any) -> None:
    """Print what was given."""
    settings = settings_of("http", given, config, {"target": target})
    (tunnel,) = settings.tunnels
    click.echo(f"{settings.server} {shown_routes(tunnel.routes)} {tunnel.subdomain} {tunnel.forwarded} {tunnel.allow}")


class FlagTests(CommandCase):
    def run_sample(self, *arguments: str, status: int = 0) -> str:
        result = CliRunner().invoke(sample, ["--server", "http://x", *arguments])
        self.assertEqual(result.exit_code, status, result.output)
        return result.output

    def test_values(self) -> None:
        lists = ("--allow", "10.0.0.0/8", "--allow", "::1")
        shown = self.run_sample("1", "-s", "abc", "--no-forwarded", *lists)
        self.assertEqual(shown, "http://x http://localhost:1 abc False ('10.0.0.0/8', '::1')\n")
        self.assertEqual(self.run_sample("1"), "http://x http://localhost:1 None True ()\n")

    def test_old_flags_are_accepted_and_not_shown(self) -> None:
        shown = self.run_sample("1", "--local-host", "::1", "--local-scheme", "https")
        self.assertIn("https://[::1]:1 ", shown)
        self.assertNotIn("--local-host", self.run_sample("--help"))

    def test_what_is_wrong(self) -> None:
        shown = self.run_sample("x", "--auth", "y", status=Exit.SETTINGS)
        self.assertIn("TARGET: x is not a target", shown)
        self.assertIn("--auth: ", shown)

    def test_an_empty_value_is_one(self) -> None:
        """A key that is empty is to be refused, not to be forgotten."""
        self.assertIn("--api-key: is empty", self.run_sample("1", "--api-key", "", status=Exit.SETTINGS))

    def test_without_a_tunnel(self) -> None:
        names = {each.name for each in flags_for(None)}
        self.assertIn("server", names)
        self.assertEqual(names & {"subdomain", "auth", "target"}, set())
