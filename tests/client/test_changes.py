"""What differs between settings, and which of it may change while a client runs."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.changes import AT_ONCE, LINK, Changes, compare, differ, keyed
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.client.settings.inspector import InspectorSettings
from sellia.errors import SettingsError


def settings(**more: Any) -> ClientSettings:
    return ClientSettings(**{"server": "http://x", "tunnels": (TunnelSettings(name="web", target=80),), **more})


class CompareTests(SynchronousTestCase):
    def test_nothing(self) -> None:
        merged, changes = compare(settings(), settings())
        self.assertEqual(
            (merged, changes.as_json(), str(changes)), (settings(), Changes().as_json(), "nothing has changed")
        )

    def test_another_link_changes_nothing(self) -> None:
        """Tunnels that were written for another server must not be opened at this one."""
        for more, told in (
            ({"server": "http://y"}, "server"),
            ({"api_key": "secret"}, "api_key"),
            ({"proxy": "http://proxy:3128"}, "proxy"),
        ):
            error = self.assertRaises(SettingsError, compare, settings(), settings(drain_timeout=1.0, **more))
            self.assertTrue(error.line.startswith(f"{told} cannot change while the client runs"), error.line)
            self.assertNotIn("secret", str(error))
            self.assertIn("sellia stop", error.hint)

    def test_at_once(self) -> None:
        wanted = settings(drain_timeout=1.0, service_connect_timeout=2.0, ping_interval=1.0)
        merged, changes = compare(settings(), wanted)
        self.assertEqual(merged, wanted)
        self.assertEqual(changes.changed, ["timeouts.ping_interval", "timeouts.service_connect", "timeouts.drain"])
        self.assertTrue(changes.rebuild)

    def test_what_waits_keeps_its_value_and_is_named(self) -> None:
        merged, changes = compare(settings(), settings(log_level="debug", drain_timeout=1.0))
        self.assertEqual((merged.log_level, merged.drain_timeout, changes.rebuild), ("info", 1.0, False))
        self.assertEqual(str(changes), "changed timeouts.drain; log.level after a restart only")
        _, again = compare(merged, settings(log_level="debug", drain_timeout=1.0))
        self.assertEqual(again.waiting, ["log.level"])

    def test_every_setting_is_known(self) -> None:
        """A new one has to be decided on; what nobody decides waits for a restart."""
        others = {"tunnels", "defaults", "profile", "profiles", "log_level", "log_file"}
        others |= InspectorSettings.model_fields.keys()
        self.assertEqual(AT_ONCE | LINK | others, set(ClientSettings.model_fields))


class TunnelTests(SynchronousTestCase):
    def test_differ(self) -> None:
        one = TunnelSettings(name="web", target=80, auth="u:p")
        self.assertFalse(differ(one, TunnelSettings(name="other", target=80, auth="u:p", autostart=True)))
        self.assertTrue(differ(one, TunnelSettings(name="web", target=81, auth="u:p")))
        self.assertTrue(differ(one, TunnelSettings(name="web", target=80, auth="u:q")))

    def test_keys(self) -> None:
        """Names tell tunnels apart; those of a program may have none."""
        tunnels = [
            TunnelSettings(name="web", target=80, subdomain="abc"),
            TunnelSettings(target=80, subdomain="abc"),
            TunnelSettings(target=80),
            TunnelSettings(target=80, subdomain="abc"),
        ]
        self.assertEqual(list(keyed(tunnels)), ["web", "abc", "3", "abc#4"])

    def test_as_text(self) -> None:
        changes = Changes(opened=["a"], closed=["b", "c"])
        changes.add(Changes(altered=["d"], opened=["e"]))
        self.assertEqual(str(changes), "opened a, e; closed b, c; altered d")
