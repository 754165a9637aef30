"""Flags are what the settings say of them, at the command line and at both taps."""

from typing import Any

import click
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.commands.http import command as http
from sellia.cli.tunnel_flags import flags_for
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.client.tap import Options as ClientOptions
from sellia.options import CHECK, SettingsOptions, values_of
from sellia.server.settings import ServerSettings
from sellia.server.tap import Options as ServerOptions
from sellia.settings import CONFIG, flags_of
from tests.settings.test_flags import Sample


class SampleOptions(SettingsOptions):
    models = (Sample,)


class FlagTests(SynchronousTestCase):
    def given(self, *arguments: str) -> dict[str, Any]:
        options = SampleOptions()
        options.parseOptions(list(arguments))
        return options.given

    def test_options(self) -> None:
        absent = {"port": None, "name": None, "quiet": None, "checks": None, "many": None}
        self.assertEqual(self.given(), absent)
        self.assertEqual(self.given("--port", "4", "--quiet"), absent | {"port": "4", "quiet": True})
        self.assertEqual(
            self.given("--no-checks", "--many", "a", "--many=b"), absent | {"checks": False, "many": ["a", "b"]}
        )

    def test_an_empty_value_is_one(self) -> None:
        """A key that is empty is to be refused, not to be forgotten."""
        self.assertEqual(self.given("--name", "")["name"], "")

    def test_values(self) -> None:
        self.assertEqual(
            values_of(flags_of(Sample), {"port": "", "quiet": True, "no-checks": True}.get),
            {"port": "", "name": None, "quiet": True, "checks": False, "many": None},
        )


class SourceTests(SynchronousTestCase):
    """No flag is described anywhere but at its setting."""

    def test_taps(self) -> None:
        for options, models in ((ServerOptions, (ServerSettings,)), (ClientOptions, (ClientSettings, TunnelSettings))):
            flags = {each.name: each.help for each in [*flags_of(*models), CONFIG, CHECK]}
            shown = {name: text for name, _, _, text in options.optParameters}
            shown |= {name: text for name, _, text in options.optFlags}
            methods = {name: getattr(options, f"opt_{name.replace('-', '_')}") for name in flags.keys() - shown.keys()}
            self.assertEqual(shown | {name: method.__doc__ for name, method in methods.items()}, flags)

    def test_command(self) -> None:
        flags = {each.name: each.help for each in flags_for("http")}
        for_files = {"target", "port", "kind", "remote-port", "proxy-protocol", "idle-timeout", "cert", "key"}
        self.assertEqual({each.name for each in flags_of(ClientSettings, TunnelSettings)} - flags.keys(), for_files)
        shown = {each.opts[0].removeprefix("--"): each.help for each in http.params if isinstance(each, click.Option)}
        self.assertEqual(shown.pop("config"), "Settings file, in YAML; it can describe many tunnels.")
        self.assertEqual({name: shown.get(name) for name in flags}, flags)
