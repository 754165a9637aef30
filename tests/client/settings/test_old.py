"""The spelling of the version before: ``port``, ``local_host``, ``local_scheme``, and tunnels in a list."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings import load, shown_routes
from sellia.errors import SettingsError
from tests.client.settings.cases import BASE, ClientCase


class OldTargetTests(SynchronousTestCase):
    """A port could be the whole address of a service."""

    def leads_to(self, port: str, **more: str) -> str:
        settings = load({"server": "http://x", "port": port, **more}, {})
        (tunnel,) = settings.tunnels
        return shown_routes(tunnel.routes)

    def test_targets(self) -> None:
        for text, url in (
            ("8080", "http://localhost:8080"),
            ("https://localhost:8443", "https://localhost:8443"),
            ("https://nas.example/", "https://nas.example:443"),
            ("192.168.1.5:81", "http://192.168.1.5:81"),
            ("[::1]:81", "http://[::1]:81"),
        ):
            self.assertEqual(self.leads_to(text), url)
        self.assertEqual(self.leads_to("nas:81", local_scheme="https"), "https://nas:81")
        self.assertEqual(self.leads_to("81", local_scheme="https", local_host="::1"), "https://[::1]:81")
        self.assertEqual(self.leads_to("81", local_host="My_Box.local"), "http://my_box.local:81")

    def test_what_is_none(self) -> None:
        for text in ("80x", "ftp://x:1", "http://x:1/path", "http://u:p@x:1", "x:y", "a b:1", "host", "x:99999"):
            error = self.assertRaises(SettingsError, self.leads_to, text)
            self.assertNotIn("u:p", str(error))

    def test_twice(self) -> None:
        error = self.assertRaises(SettingsError, self.leads_to, "https://x:1", local_scheme="http")
        self.assertIn("names the scheme, and so does local_scheme", error.line)
        self.assertRaises(SettingsError, self.leads_to, "x:1", local_host="y")

    def test_verification(self) -> None:
        error = self.assertRaises(SettingsError, self.leads_to, "https://x", local_ca="/nowhere")
        self.assertIn("cannot read /nowhere", error.line)


class OldFileTests(ClientCase):
    def test_a_list(self) -> None:
        config = self.write("server: http://x\ntunnels:\n- port: 1\n- {target: 2, subdomain: abc}\n")
        settings = load({}, {}, config)
        self.assertEqual([each.name for each in settings.tunnels], ["1", "abc"])
        self.assertIn(":2:1: tunnels: is a map of tunnels by name now", settings.cautions[0])

    def test_the_top_level(self) -> None:
        settings = load({}, {}, self.write("server: http://x\nport: 1\nlocal_host: ::1\n"))
        self.assertEqual(shown_routes(settings.tunnels[0].routes), "http://[::1]:1")
        self.assertIn(":2:7: port: port, local_host and local_scheme are target now", settings.cautions[0])

    def test_in_a_map(self) -> None:
        settings = load({}, {}, self.write("server: http://x\ntunnels:\n  a: {port: 1}\n"))
        self.assertIn(":3:13: tunnels.a.port: port, local_host and local_scheme are target", settings.cautions[0])

    def test_flags(self) -> None:
        settings = load({"server": "http://x", "port": "1", "local_host": "::1"}, {})
        self.assertIn("--port: port, local_host and local_scheme are target now", settings.cautions[0])
        self.assertEqual(load(BASE, {}).cautions, ())

    def test_beside_a_target_that_is_a_port(self) -> None:
        """As in `sellia http 8080 --local-host ::1`."""
        settings = load(BASE | {"local_host": "::1"}, {})
        self.assertEqual(shown_routes(settings.tunnels[0].routes), "http://[::1]:8080")
        self.assertEqual(len(settings.cautions), 1)

    def test_a_flag_replaces_the_files_service(self) -> None:
        config = self.write("server: http://x\nport: 1\nlocal_host: ::1\n")
        self.assertEqual(shown_routes(load({"target": "2"}, {}, config).tunnels[0].routes), "http://localhost:2")

    def test_beside_a_target(self) -> None:
        error = self.bad({}, {}, self.write("server: http://x\ntunnels:\n  a: {target: 1, local_host: y}\n"))
        self.assertIn("is part of target now", error.line)
        error = self.bad({}, {}, self.write("server: http://x\ntunnels:\n  a: {target: 1, port: 2}\n"))
        self.assertIn("says what target says, too", error.line)
