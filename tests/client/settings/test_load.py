"""What can be set about a client, wherever it was said."""

import os

from sellia.client.settings import TUNNEL_LIMIT, load, shown_routes
from tests.client.settings.cases import BASE, ClientCase


class OneTunnelTests(ClientCase):
    def test_flags(self) -> None:
        settings = load(BASE, {})
        self.assertEqual(settings.server, "http://localhost:3000")
        self.assertIsNone(settings.api_key)
        (tunnel,) = settings.tunnels
        self.assertEqual(shown_routes(tunnel.routes), "http://localhost:8080")
        self.assertEqual((tunnel.name, tunnel.subdomain), ("1", None))

    def test_all_flags(self) -> None:
        more = {"target": "https://[::1]:8080", "subdomain": "MyApp", "auth": "u:p:q"}
        (tunnel,) = load(BASE | more, {}).tunnels
        self.assertEqual((shown_routes(tunnel.routes), tunnel.subdomain), ("https://[::1]:8080", "myapp"))
        self.assertEqual(tunnel.auth.get_secret_value(), "u:p:q")

    def test_variables(self) -> None:
        settings = load({"target": "80"}, {"SELLIA_SERVER": "https://example.com", "SELLIA_API_KEY": "k"})
        self.assertEqual(settings.server, "https://example.com")
        self.assertEqual(settings.api_key.get_secret_value(), "k")
        self.assertEqual(load(BASE, {"SELLIA_API_KEY_FILE": self.write("k\n")}).api_key.get_secret_value(), "k")

    def test_the_servers_port_is_not_read(self) -> None:
        self.assertEqual(shown_routes(load(BASE, {"SELLIA_PORT": "3000"}).tunnels[0].routes), "http://localhost:8080")
        self.bad({"server": "http://x"}, {"SELLIA_PORT": "3000"})

    def test_top_level_of_the_file(self) -> None:
        config = self.write("server: http://localhost\ntarget: 1\nsubdomain: abc\n")
        (tunnel,) = load({"target": "2"}, {}, config).tunnels
        self.assertEqual((shown_routes(tunnel.routes), tunnel.subdomain), ("http://localhost:2", "abc"))

    def test_missing(self) -> None:
        self.assertEqual(self.bad({"target": "1"}).line, "it is not said which server to connect to")
        self.assertEqual(self.bad({"server": "http://x"}).line, "it is not said what to expose")

    def test_where_it_came_from(self) -> None:
        self.assertTrue(self.bad(BASE | {"target": "x"}).line.startswith("--target: x is not a target"))
        error = self.bad({}, {}, self.write("server: http://x\ntarget: 99999\n"))
        self.assertTrue(error.line.endswith(":2:9: target: has a port that is not one"), error.line)


class VariableTests(ClientCase):
    """Variables of others."""

    def test_a_proxy_that_is_none(self) -> None:
        environment = {"HTTP_PROXY": "socks4://me:secret@x"}
        error = self.bad(BASE, environment)
        self.assertTrue(error.line.startswith("HTTP_PROXY: is a SOCKS proxy"), error.line)
        self.assertNotIn("secret", str(error))
        self.assertEqual(load(BASE | {"proxy": "none"}, environment).proxy.get_secret_value(), "none")

    def test_authorities_that_are_none(self) -> None:
        """OpenSSL would ignore them, and say of every certificate that nobody knows who signed it."""
        secure = BASE | {"server": "https://example.com"}
        for path, words in (("/nowhere", "cannot read /nowhere"), (__file__, "has no certificate in PEM")):
            error = self.bad(secure, {"SSL_CERT_FILE": path})
            self.assertTrue(error.line.startswith("SSL_CERT_FILE: "), error.line)
            self.assertIn(words, error.line)
            load(BASE, {"SSL_CERT_FILE": path})


class ManyTunnelsTests(ClientCase):
    def test_file(self) -> None:
        config = self.write("server: http://x\ntunnels:\n  a: {target: 1}\n  b:\n    target: 2\n    subdomain: abc\n")
        first, second = load({}, {}, config).tunnels
        self.assertEqual((first.name, second.name, second.subdomain), ("a", "b", "abc"))
        self.assertEqual(shown_routes(first.routes + second.routes), "/=http://localhost:1, /=http://localhost:2")

    def test_a_flag_for_one_tunnel_beside_the_tunnels_of_a_file(self) -> None:
        """Which of them it is for, nobody said."""
        config = self.write("server: http://x\ntunnels:\n  a: {target: 1}\n  b: {target: 2}\n")
        for flags in ({"subdomain": "abc"}, {"auth": "a:b"}):
            error = self.bad(flags, {}, config)
            (name,) = flags
            self.assertEqual(error.line, f"--{name}: cannot be given together with the tunnels of {config}")
            self.assertIn("give a target", error.hint)
        settings = load({"target": "3", "subdomain": "abc"}, {}, config)
        self.assertEqual([shown_routes(each.routes) for each in settings.tunnels], ["http://localhost:3"])

    def test_a_misspelt_name_is_told_before_what_it_leaves_missing(self) -> None:
        for text, near in (
            ("sevrer: http://x\ntarget: 1\n", "server"),
            ("server: http://x\ntraget: 1\n", "target"),
            ("server: http://x\ntunnels:\n  a: {traget: 1}\n", "target"),
            ("server: http://x\ntunnel:\n  a: {target: 1}\n", "tunnels"),
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
            cautions = load({"server": server, "target": "1", "api_key": "k"}, {}).cautions
            self.assertEqual(len(cautions), int(told), server)
        self.assertEqual(load({"server": "http://t.example", "target": "1"}, {}).cautions, ())

    def test_beside_a_single_one(self) -> None:
        error = self.bad({}, {}, self.write("server: http://x\ntunnels:\n  a: {target: 1}\ntarget: 2\n"))
        self.assertTrue(error.line.endswith(":4:1: target: is not used beside tunnels"), error.line)

    def test_bounds(self) -> None:
        self.bad({}, {}, self.write("server: http://x\ntunnels: {}\n"))
        self.bad({}, {}, self.write("server: http://x\ntunnels: 1\n"))
        tunnels = "".join(f"  t{number}: {{target: 1}}\n" for number in range(TUNNEL_LIMIT))
        self.assertEqual(len(load({}, {}, self.write("server: http://x\ntunnels:\n" + tunnels)).tunnels), TUNNEL_LIMIT)
        self.bad({}, {}, self.write("server: http://x\ntunnels:\n  more: {target: 1}\n" + tunnels))

    def test_same_name_twice(self) -> None:
        config = self.write(
            "server: http://x\ntunnels:\n  a: {target: 1, subdomain: abc}\n  b: {target: 2, subdomain: ABC}\n"
        )
        self.assertIn("two tunnels ask for the subdomain abc", self.bad({}, {}, config).line)

    def test_place(self) -> None:
        config = self.write("server: http://x\ntunnels:\n  a: {target: 1}\n  b:\n    target: 2\n    subdomain: a_b\n")
        self.assertIn(":6:16: tunnels.b.subdomain: a_b cannot be", self.bad({}, {}, config).line)

    def test_ping(self) -> None:
        config = self.write("ping_timeout: 5\n")
        self.assertIn("ping_timeout: must be longer than timeouts.ping_interval", self.bad(BASE, {}, config).line)

    def test_secrets_are_not_shown(self) -> None:
        shown = repr(load(BASE | {"auth": "u:SECRET", "api_key": "SECRET"}, {}))
        self.assertNotIn("SECRET", shown)

    def test_relative_paths_start_from_the_files_directory(self) -> None:
        config = self.write(
            "server: http://x\ntunnels:\n  a: {target: ./dist}\n  b: {paths: {/: ./c, /d: {target: ../e}}}\n"
        )
        where = os.path.dirname(config)
        self.assertEqual(
            [str(route.target) for tunnel in load({}, {}, config).tunnels for route in tunnel.routes],
            [f"{where}/dist", f"{where}/../e", f"{where}/c"],
        )
        self.assertEqual(shown_routes(load(BASE | {"target": "./f"}, {}).tunnels[0].routes), f"{os.getcwd()}/f")

    def test_the_name_is_the_key(self) -> None:
        error = self.bad({}, {}, self.write("server: http://x\ntunnels:\n  a: {target: 1, name: b}\n"))
        self.assertIn(":3:18: tunnels.a.name: is not a setting", error.line)
        error = self.bad({}, {}, self.write("server: http://x\ntunnels:\n  a b: {target: 1}\n"))
        self.assertIn("a b cannot name a tunnel", error.line)

    def test_what_is_no_tunnel(self) -> None:
        error = self.bad({}, {}, self.write("server: http://x\ntunnels:\n  a:\n"))
        self.assertIn("it is not said what to expose", error.line)
        self.bad({}, {}, self.write("server: http://x\ntunnels:\n  a: 8080\n"))
