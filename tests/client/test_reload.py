"""A running client that reads its settings again, because of a signal or of a question."""

from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.reload import Reloader
from sellia.client.service import ClientService
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.errors import SettingsError
from tests.client.stage import LogLines


def settings(**more: Any) -> ClientSettings:
    return ClientSettings(**{"server": "http://x", "tunnels": (TunnelSettings(name="web", target=80),), **more})


class ReloadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = ClientService(settings(), MemoryReactorClock())
        self.wanted: ClientSettings | Exception = settings()
        self.told: list[tuple[str, bool]] = []
        self.reloader = Reloader(self.client, self.read, lambda text, failure: self.told.append((text, failure)))
        self.log = LogLines(self)

    def tearDown(self) -> None:
        for service in self.client.session.tunnels.services:
            service.stop()

    def read(self) -> ClientSettings:
        if isinstance(self.wanted, Exception):
            raise self.wanted
        return self.wanted

    def names(self) -> list[str]:
        return [tunnel.settings.name for tunnel in self.client.session.tunnels]

    def test_other_tunnels(self) -> None:
        self.wanted = settings(tunnels=(TunnelSettings(name="api", target=81),), drain_timeout=1.0)
        answer = self.reloader.answer()
        self.assertEqual((answer["opened"], answer["closed"]), (["api"], ["web"]))
        self.assertEqual((self.names(), self.client.settings.drain_timeout), (["api"], 1.0))
        self.assertEqual(self.told, [("Settings read again: opened api; closed web; changed timeouts.drain.", False)])
        self.assertIn("settings read again: ", self.log.lines[-1])

    def test_wrong_ones_change_nothing(self) -> None:
        before = self.client.settings
        self.wanted = SettingsError("sellia.yaml:3:1: tunnls is not a setting", "Did you mean tunnels?")
        self.reloader.signalled()
        error = self.assertRaises(SettingsError, self.reloader.answer)
        self.assertIs(error, self.wanted)
        self.assertEqual((self.client.settings, self.names()), (before, ["web"]))
        [(text, failure), _] = self.told
        self.assertEqual((text.splitlines()[1:], failure), (str(self.wanted).splitlines(), True))
        said = "settings not taken, the ones before go on: sellia.yaml:3:1: tunnls is not a setting. Hint: Did you mean"
        self.assertTrue(self.log.lines[-1].startswith(said), self.log.lines[-1])

    def test_another_server_changes_nothing(self) -> None:
        self.wanted = settings(server="http://y", tunnels=(TunnelSettings(name="api", target=81),))
        self.reloader.signalled()
        self.assertEqual((self.client.settings.server, self.names()), ("http://x", ["web"]))

    def test_settings_that_fail_half_way_change_nothing(self) -> None:
        """Whatever is made of settings is made before anything changes."""
        made = self.client.session.tunnels._routes_of

        def fail(tunnel: TunnelSettings) -> Any:
            if tunnel.name == "bad":
                raise SettingsError("it cannot be")
            return made(tunnel)

        self.client.session.tunnels._routes_of = fail
        self.wanted = settings(tunnels=(TunnelSettings(name="api", target=81), TunnelSettings(name="bad", target=82)))
        before = self.client.settings
        self.reloader.signalled()
        self.assertEqual((self.names(), self.client.settings), (["web"], before))

    def test_a_caution_is_told_once(self) -> None:
        """Not each time the settings are read."""
        self.wanted = settings()
        self.wanted._cautions = ("x can be read by everybody",)
        self.reloader.signalled()
        self.reloader.signalled()
        self.assertEqual(self.log.lines.count("x can be read by everybody"), 1)

    def test_a_client_that_stops(self) -> None:
        self.client.session.finish_up(0.0)
        self.reloader.signalled()
        self.assertIn("the client is about to end", self.told[0][0])
