"""What can be set about a client."""

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings import TUNNEL_LIMIT, ClientSettings, TunnelSettings, load
from sellia.errors import SettingsError

BASE = {"server": "http://localhost:3000", "port": "8080"}


class ClientCase(SynchronousTestCase):
    def bad(self, flags: Any, environment: Any = None, config: str | None = None) -> SettingsError:
        error = self.assertRaises(SettingsError, load, flags, environment or {}, config)
        self.assertTrue(error.hint)
        return error

    def write(self, text: str) -> str:
        path = os.path.abspath(self.mktemp())
        with open(path, "w") as file:
            file.write(text)
        return path


class OneTunnelTests(ClientCase):
    def test_flags(self) -> None:
        settings = load(BASE, {})
        self.assertEqual(settings.server, "http://localhost:3000")
        self.assertIsNone(settings.api_key)
        (tunnel,) = settings.tunnels
        self.assertEqual(tunnel, TunnelSettings(port=8080))
        self.assertEqual((tunnel.local_host, tunnel.local_scheme, tunnel.subdomain), ("localhost", "http", None))

    def test_all_flags(self) -> None:
        more = {"local_host": "[::1]", "local_scheme": "https", "subdomain": "MyApp", "auth": "u:p:q"}
        (tunnel,) = load(BASE | more, {}).tunnels
        self.assertEqual((tunnel.local_host, tunnel.local_scheme, tunnel.subdomain), ("::1", "https", "myapp"))
        self.assertEqual(tunnel.auth.get_secret_value(), "u:p:q")

    def test_variables(self) -> None:
        settings = load({"port": "80"}, {"SELLIA_SERVER": "https://example.com", "SELLIA_API_KEY": "k"})
        self.assertEqual(settings.server, "https://example.com")
        self.assertEqual(settings.api_key.get_secret_value(), "k")
        self.assertEqual(load(BASE, {"SELLIA_API_KEY_FILE": self.write("k\n")}).api_key.get_secret_value(), "k")

    def test_the_servers_port_is_not_read(self) -> None:
        self.assertEqual(load(BASE, {"SELLIA_PORT": "3000"}).tunnels[0].port, 8080)
        self.bad({"server": "http://x"}, {"SELLIA_PORT": "3000"})

    def test_top_level_of_the_file(self) -> None:
        config = self.write("server: http://localhost\nport: 1\nsubdomain: abc\n")
        self.assertEqual(load({"port": "2"}, {}, config).tunnels, (TunnelSettings(port=2, subdomain="abc"),))

    def test_missing(self) -> None:
        self.assertEqual(self.bad({"port": "1"}).line, "it is not said which server to connect to")
        self.assertEqual(self.bad({"server": "http://x"}).line, "it is not said which port to expose")

    def test_where_it_came_from(self) -> None:
        self.assertTrue(self.bad(BASE | {"port": "x"}).line.startswith("--port: must be a valid integer"))
        error = self.bad({}, {}, self.write("server: http://x\nport: 99999\n"))
        self.assertTrue(error.line.endswith("line 2: port: must be less than or equal to 65535, not 99999"), error.line)


class ManyTunnelsTests(ClientCase):
    def test_file(self) -> None:
        config = self.write("server: http://x\ntunnels:\n- port: 1\n- port: 2\n  subdomain: abc\n  auth: a:b\n")
        first, second = load({}, {}, config).tunnels
        self.assertEqual((first.port, second.port, second.subdomain), (1, 2, "abc"))

    def test_a_flag_for_one_tunnel_beside_the_tunnels_of_a_file(self) -> None:
        """Which of them it is for, nobody said."""
        config = self.write("server: http://x\ntunnels:\n- port: 1\n- port: 2\n")
        for flags in ({"port": "3"}, {"subdomain": "abc"}, {"auth": "a:b"}):
            error = self.bad(flags, {}, config)
            (name,) = flags
            self.assertEqual(error.line, f"--{name}: cannot be given together with the tunnels of {config}")
            self.assertIn("leave the file out", error.hint)

    def test_a_misspelt_name_is_told_before_what_it_leaves_missing(self) -> None:
        for text, near in (
            ("sevrer: http://x\nport: 1\n", "server"),
            ("server: http://x\nprt: 1\n", "port"),
            ("server: http://x\ntunnels:\n- prt: 1\n", "port"),
            ("server: http://x\ntunnel:\n- port: 1\n", "tunnels"),
        ):
            error = self.bad({}, {}, self.write(text))
            self.assertIn("is not a setting", error.line)
            self.assertEqual(error.hint, f"Did you mean {near}?")

    def test_a_key_in_the_clear(self) -> None:
        for server, told in (
            ("http://t.example", True),
            ("ws://10.0.0.1:3000", True),
            ("https://t.example", False),
            ("http://localhost:3000", False),
            ("http://127.0.0.1", False),
        ):
            cautions = load({"server": server, "port": "1", "api_key": "k"}, {}).cautions
            self.assertEqual(len(cautions), int(told), server)
        self.assertEqual(load({"server": "http://t.example", "port": "1"}, {}).cautions, ())

    def test_beside_a_single_one(self) -> None:
        error = self.bad({}, {}, self.write("server: http://x\ntunnels:\n- port: 1\nport: 2\n"))
        self.assertTrue(error.line.endswith("line 4: port: is not used beside tunnels"), error.line)

    def test_bounds(self) -> None:
        self.bad({}, {}, self.write("server: http://x\ntunnels: []\n"))
        self.bad({}, {}, self.write("server: http://x\ntunnels: 1\n"))
        tunnels = "- port: 1\n" * TUNNEL_LIMIT
        self.assertEqual(len(load({}, {}, self.write("server: http://x\ntunnels:\n" + tunnels)).tunnels), TUNNEL_LIMIT)
        self.bad({}, {}, self.write("server: http://x\ntunnels:\n- port: 1\n" + tunnels))

    def test_same_name_twice(self) -> None:
        config = self.write("server: http://x\ntunnels:\n- {port: 1, subdomain: abc}\n- {port: 2, subdomain: ABC}\n")
        self.assertIn("two tunnels ask for the subdomain abc", self.bad({}, {}, config).line)

    def test_place(self) -> None:
        config = self.write("server: http://x\ntunnels:\n- port: 1\n- port: 2\n  subdomain: a_b\n")
        self.assertIn("line 5: tunnels[1].subdomain: a_b cannot be", self.bad({}, {}, config).line)


class ServerUrlTests(ClientCase):
    def server(self, text: str) -> ClientSettings:
        return load({"server": text, "port": "1"}, {})

    def test_forms(self) -> None:
        for text, server, link in (
            ("http://localhost:3000", "http://localhost:3000", "ws://localhost:3000/ws"),
            ("HTTPS://Example.COM/", "https://example.com", "wss://example.com/ws"),
            ("ws://example.com", "http://example.com", "ws://example.com/ws"),
            ("wss://example.com:8443/ws", "https://example.com:8443/ws", "wss://example.com:8443/ws"),
            ("http://example.com/tunnel/", "http://example.com/tunnel", "ws://example.com/tunnel"),
            ("http://[::1]:3000", "http://[::1]:3000", "ws://[::1]:3000/ws"),
            ("https://bücher.example", "https://xn--bcher-kva.example", "wss://xn--bcher-kva.example/ws"),
        ):
            settings = self.server(text)
            self.assertEqual((settings.server, settings.link_url), (server, link))

    def test_without_a_scheme(self) -> None:
        """It is told what to write, unless a password may be in it."""
        for text, hint in (
            ("localhost:3000", "http://localhost:3000."),
            ("127.0.0.1", "http://127.0.0.1."),
            ("t.example", "https://t.example."),
            ("u:p@t.example", "http://localhost:3000 or https://example.com."),
        ):
            error = self.assertRaises(SettingsError, self.server, text)
            self.assertEqual(error.hint, f"Write it as {hint}")

    def test_wrong(self) -> None:
        for text in (
            "",
            "localhost:3000",
            "ftp://x",
            "http://",
            "http://x:0",
            "http://x:99999",
            "http://x y",
            "http://[::1",
            "http://x/?a=b",
            "http://x/#a",
            "http://x/a b",
            "http://a..b",
            "http://" + "a" * 300,
        ):
            error = self.bad({"server": text, "port": "1"})
            self.assertTrue(error.line.startswith("--server: "), text)

    def test_password_is_not_repeated(self) -> None:
        for text in ("http://u:SECRET@host", "http://SECRET@host", "x://u:SECRET@h", "http://u:SECRET@h:99999"):
            self.assertNotIn("SECRET", str(self.bad({"server": text, "port": "1"})))


class TunnelValueTests(ClientCase):
    def test_auth(self) -> None:
        for text in ("SECRET", ":SECRET", "SECRET:", "", "SECRET:\n"):
            error = self.bad(BASE | {"auth": text})
            self.assertTrue(error.line.startswith("--auth: "))
            self.assertNotIn("SECRET", str(error))

    def test_auth_preflight(self) -> None:
        self.assertIn("must be 'pass' or 'refuse', not on", self.bad(BASE | {"auth_preflight": "on"}).line)

    def test_subdomain(self) -> None:
        for text in ("ab", "-abc", "a_b_c", "a.b.c", "x" * 64, "www", "é" * 5, ""):
            self.assertIn("cannot be the name of a tunnel", self.bad(BASE | {"subdomain": text}).line)

    def test_local_scheme(self) -> None:
        self.assertIn("must be 'http' or 'https', not ftp", self.bad(BASE | {"local_scheme": "ftp"}).line)

    def test_local_host(self) -> None:
        for text in ("", "a b", "http://x", "x:80", "a/b"):
            self.assertTrue(self.bad(BASE | {"local_host": text}).line.startswith("--local-host: "))
        self.assertEqual(load(BASE | {"local_host": "My_Box.local"}, {}).tunnels[0].local_host, "my_box.local")

    def test_ping(self) -> None:
        config = self.write("ping_timeout: 5\n")
        self.assertIn("ping_timeout: must be longer than timeouts.ping_interval", self.bad(BASE, {}, config).line)

    def test_secrets_are_not_shown(self) -> None:
        shown = repr(load(BASE | {"auth": "u:SECRET", "api_key": "SECRET"}, {}))
        self.assertNotIn("SECRET", shown)


class TargetTests(SynchronousTestCase):
    """A port may be the whole address of a service."""

    def tunnel(self, port: str, **more: str) -> tuple[str, str, int]:
        settings = load({"server": "http://x", "port": port, **more}, {})
        (tunnel,) = settings.tunnels
        return tunnel.local_scheme, tunnel.local_host, tunnel.port

    def test_targets(self) -> None:
        for text, parts in (
            ("8080", ("http", "localhost", 8080)),
            ("https://localhost:8443", ("https", "localhost", 8443)),
            ("https://nas.example/", ("https", "nas.example", 443)),
            ("http://nas.example", ("http", "nas.example", 80)),
            ("192.168.1.5:81", ("http", "192.168.1.5", 81)),
            ("[::1]:81", ("http", "::1", 81)),
        ):
            self.assertEqual(self.tunnel(text), parts)
        self.assertEqual(self.tunnel("nas:81", local_scheme="https"), ("https", "nas", 81))

    def test_what_is_none(self) -> None:
        for text in ("80x", "ftp://x:1", "http://x:1/path", "http://u:p@x:1", "x:y", "a b:1", "host", "x:99999"):
            error = self.assertRaises(SettingsError, self.tunnel, text)
            self.assertTrue(error.line.startswith("--port: "), error.line)
            self.assertNotIn("u:p", str(error))

    def test_twice(self) -> None:
        error = self.assertRaises(SettingsError, self.tunnel, "https://x:1", local_scheme="http")
        self.assertEqual(error.line, "--port: names the scheme, and so does local_scheme")
        self.assertRaises(SettingsError, self.tunnel, "x:1", local_host="y")

    def test_verification(self) -> None:
        error = self.assertRaises(SettingsError, self.tunnel, "https://x", local_ca="/nowhere")
        self.assertIn("cannot read /nowhere", error.line)
        settings = load({"server": "http://x", "port": "https://x", "local_verify": "false"}, {})
        self.assertIs(settings.tunnels[0].local_verify, False)
