"""What can be set about a server."""

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SettingsError
from sellia.server.settings import ServerSettings, load
from sellia.server.settings.values import address_and_port


class ServerCase(SynchronousTestCase):
    def bad(self, flags: Any = None, environment: Any = None, config: str | None = None) -> SettingsError:
        return self.assertRaises(SettingsError, load, flags or {}, environment or {}, config)

    def write(self, text: str) -> str:
        path = os.path.abspath(self.mktemp())
        with open(path, "w") as file:
            file.write(text)
        return path


class DefaultTests(ServerCase):
    def test_defaults_of_the_design(self) -> None:
        settings = load({}, {})
        self.assertEqual(settings, ServerSettings())
        expected = {
            "host": None,
            "address": "127.0.0.1",
            "open": False,
            "port": 3000,
            "domain": "localhost",
            "gateway_path": "/ws",
            "request_timeout": 600,
            "upgrade_timeout": 60,
            "request_timeout_limit": 3600,
            "ping_interval": 5,
            "ping_timeout": 15,
            "resume_window": 120,
            "drain_timeout": 30,
            "header_limit": 65536,
            "header_fields": 128,
            "header_timeout": 10,
            "target_limit": 8192,
            "session_credit": 32 << 20,
            "session_queue": 64 << 20,
            "session_streams": 20_000,
            "tunnel_streams": 10_000,
            "websocket_frame_limit": None,
            "websocket_message_limit": None,
            "keep_alive": 60,
            "connections": 20_000,
            "connections_per_address": 4_000,
            "sessions": 20_000,
            "sessions_per_owner": 2_000,
            "tunnels": 10_000,
            "tunnels_per_owner": 2_000,
            "tunnels_per_client": 100,
            "link_burst": 2_000,
            "link_rate": 50,
            "tunnel_burst": 200,
            "tunnel_rate": 1,
            "handshake_timeout": 10,
            "body_rate": 100,
            "body_grace": 20,
            "unread_timeout": 300,
            "rate_limit": True,
            "request_burst": 2_000,
            "request_rate": 500,
            "websocket_burst": 100_000,
            "websocket_rate": 10_000,
            "websocket_fragments": 131_072,
            "control_burst": 2_000,
            "control_rate": 100,
            "auth_failures_burst": 10,
            "auth_failures_rate": 0.1,
            "state_dir": None,
            "storage": None,
            "admin_listen": None,
            "original_admin": False,
            "admin_burst": 1_000,
            "admin_rate": 100,
            "events_kept": 90 * 86400,
            "usage_kept": 800 * 86400,
        }
        self.assertEqual({name: getattr(settings, name) for name in expected}, expected)

    def test_no_default_above_the_ceiling(self) -> None:
        for name in ("request_timeout", "upgrade_timeout"):
            load({}, {}, self.write(f"{name}: 3600\n"))
            error = self.assertRaises(SettingsError, load, {}, {}, self.write(f"{name}: 3601\n"))
            self.assertIn(f"{name}: must not be longer than timeouts.request_limit (3600 s)", str(error))
            self.assertIn("Raise timeouts.request_limit", error.hint)
            load({}, {}, self.write(f"{name}: 3601\nrequest_timeout_limit: 3601\n"))

    def test_names_in_the_file(self) -> None:
        """Those of flags stand at the top, as they are for `ServerSettings`; whatever else there is has a group."""
        top = {name for name in ServerSettings.model_fields if ServerSettings.path(name) == name}
        known = {
            "tcp_ports",
            "tunnel_host",
            "tls_cert",
            "tls_tunnels",
            "udp_ports",
            "host",
            "port",
            "listen",
            "domain",
            "https",
            "public_port",
            "master_key",
            "open",
            "require_auth",
            "state_dir",
            "storage",
            "admin_listen",
            "original_admin",
        }
        self.assertEqual(
            top - known,
            {*("trust_proxy", "forwarded_fields", "interim_responses"), "offer_client", "gateway_path"}
            | {"custom_domains", "dns_server"},
        )
        paths = [ServerSettings.path(name) for name in ServerSettings.model_fields]
        self.assertEqual(len(set(paths)), len(paths))
        groups = {path.partition(".")[0] for path in paths if "." in path}
        self.assertEqual(groups, {"limits", "link", "log", "rates", "retention", "timeouts", "websocket"})

    def test_every_path_sets_its_setting(self) -> None:
        """By the name in its group, by its flat name with a caution, and by the name that it had before."""
        for name in ServerSettings.model_fields:
            path = ServerSettings.path(name)
            if path == name:
                continue
            value = {"log_level": "debug", "rate_limit": "false", "while_away_pings": "false"}.get(name, "1048577")
            others = {
                **dict.fromkeys(("header_fields", "session_streams", "request_timeout", "upgrade_timeout"), "9"),
                **dict.fromkeys(("ping_interval", "connections_per_address"), "9"),
                **dict.fromkeys(("header_limit", "target_limit"), "2048"),
                "connections": "4001",
                "session_credit": "3 MiB",
                "sessions_memory": "900 MiB",
            }
            value = others.get(name, value)
            *groups, leaf = path.split(".")
            nested = "".join(f"{'  ' * depth}{group}:\n" for depth, group in enumerate(groups))
            settings = load({}, {}, self.write(f"{nested}{'  ' * len(groups)}{leaf}: {value}\n"))
            self.assertEqual(settings.model_fields_set, {name}, path)
            self.assertNotEqual(settings, ServerSettings(), path)
            self.assertEqual(settings.cautions, ())
            old = [name, *(before for before, now in ServerSettings.RENAMED.items() if now == name)]
            for flat in old:
                again = load({}, {}, self.write(f"{flat}: {value}\n"))
                self.assertEqual(again.model_dump(), settings.model_dump())
                [caution] = again.cautions
                self.assertIn(f":1:1: {flat} is called {path} now; the next version refuses", caution)

    def test_names_of_before_in_a_program(self) -> None:
        before: dict[str, Any] = {"links_per_key": 3, "failed_auth_rate": 2.0}
        settings = ServerSettings(**before)
        self.assertEqual((settings.sessions_per_owner, settings.auth_failures_rate), (3, 2.0))
        [*warned] = self.flushWarnings()
        self.assertEqual({each["category"] for each in warned}, {DeprecationWarning})
        self.assertEqual(len(warned), 2)

    def test_every_setting_has_a_hint(self) -> None:
        for name, setting in ServerSettings.model_fields.items():
            self.assertTrue(setting.description, name)

    def test_addresses_of_dns_servers(self) -> None:
        for text, address in (
            ("127.0.0.1:5353", ("127.0.0.1", 5353)),
            ("192.0.2.53", ("192.0.2.53", 53)),
            ("2001:db8::1", ("2001:db8::1", 53)),
            ("[2001:DB8::1]:5353", ("2001:db8::1", 5353)),
        ):
            self.assertEqual(address_and_port(text), address)
            self.assertEqual(ServerSettings(dns_server=text).dns_server, text)
        for text in ("", "dns.example", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "[::1]", "[::1]:x", ":53"):
            with self.assertRaisesRegex(ValueError, "is not the address of a DNS server"):
                ServerSettings(dns_server=text)


class SourceTests(ServerCase):
    def test_variables(self) -> None:
        environment = {
            "SELLIA_HOST": "127.0.0.1",
            "SELLIA_PORT": "4000",
            "SELLIA_DOMAIN": "Example.COM.",
            "SELLIA_USE_HTTPS": "true",
            "SELLIA_REQUIRE_AUTH": "true",
            "SELLIA_MASTER_KEY": "k",
        }
        settings = load({}, environment)
        self.assertEqual((settings.host, settings.port, settings.domain), ("127.0.0.1", 4000, "example.com"))
        self.assertTrue(settings.https and settings.require_auth)
        self.assertEqual(settings.master_key.get_secret_value(), "k")

    def test_every_variable_has_a_file_twin(self) -> None:
        self.assertEqual(
            load({}, {"SELLIA_DOMAIN_FILE": self.write("example.com\n"), "SELLIA_OPEN": "1"}).domain, "example.com"
        )
        self.assertEqual(load({}, {"SELLIA_MASTER_KEY_FILE": self.write("k\n")}).master_key.get_secret_value(), "k")

    def test_file(self) -> None:
        config = self.write(
            "open: true\nrequest_timeout: 5\nsession_credit: 64 MiB\ntrust_proxy: [127.0.0.1, '10.0.0.0/8, unix']\n"
        )
        settings = load({}, {}, config)
        self.assertEqual((settings.request_timeout, settings.session_credit), (5.0, 64 << 20))
        self.assertEqual(settings.trust_proxy, ("127.0.0.1", "10.0.0.0/8", "unix"))


class KeyTests(ServerCase):
    def test_require_auth_needs_a_key(self) -> None:
        error = self.bad({"require_auth": True})
        self.assertEqual(error.line, "--require-auth: keys are required, but there is no place for them")
        self.assertIn("SELLIA_MASTER_KEY_FILE", error.hint)
        self.assertTrue(self.bad({}, {"SELLIA_REQUIRE_AUTH": "1"}).line.startswith("SELLIA_REQUIRE_AUTH: "))

    def test_a_key_that_is_set_is_required(self) -> None:
        """Whoever says otherwise contradicts himself, and is told so."""
        error = self.bad({}, {"SELLIA_REQUIRE_AUTH": "false", "SELLIA_MASTER_KEY": "k"})
        self.assertEqual(error.line, "SELLIA_REQUIRE_AUTH: a master key is set, and is then required")
        self.assertEqual(
            self.bad({"open": True, "master_key": "k"}).line, "--open: cannot be given together with a master key"
        )
        self.assertTrue(load({"require_auth": True, "master_key": "k"}, {}).master_key)

    def test_an_open_server_beyond_loopback_is_asked_for(self) -> None:
        beyond = (
            *({"domain": "example.com"}, {"host": "0.0.0.0"}, {"host": "::"}, {"host": "example.com"}),
            *({"listen": ["tcp:1"]}, {"listen": ["tcp:1:interface=127.0.0.1", "ssl:2:privateKey=k"]}),
            *({"listen": ["systemd:domain=INET:index=0"]}, {"listen": ["tcp:1:interface=\\:\\:"]}),
            {"listen": ["haproxy:tcp:1"]},
        )
        for flags in beyond:
            error = self.bad(flags)
            self.assertEqual(error.line, "without a master key everybody could open tunnels here", flags)
            self.assertIn("--open", error.hint)
            self.assertTrue(load({**flags, "open": True}, {}).open)
            self.assertTrue(load({**flags, "master_key": "k"}, {}).master_key)

    def test_loopback_may_be_open(self) -> None:
        local: tuple[dict[str, Any], ...] = (
            *({}, {"domain": "t.localhost"}, {"domain": "example.com", "host": "127.0.0.2"}, {"host": "[::1]"}),
            *({"host": "localhost"}, {"listen": ["unix:/run/s:mode=666", "tcp:1:interface=\\:\\:1"]}),
            *({"interim_responses": "10.0.0.1"}, {"public_port": "8443"}),
            {"https": True, "listen": ["tcp:1:interface=127.0.0.1", "ssl:2:interface=127.0.0.1:privateKey=k"]},
        )
        for flags in local:
            settings = load(flags, {})
            self.assertTrue(settings.local_only and not settings.behind_proxy, flags)

    def test_loopback_behind_a_proxy_is_public(self) -> None:
        """Whoever reaches the proxy reaches the gateway."""
        public = (
            *({"https": True}, {"trust_proxy": "127.0.0.1"}, {"trust_proxy": "unix", "listen": ["unix:/run/s"]}),
            {"listen": ["tcp:1:interface=127.0.0.1", "haproxy:tcp:2:interface=127.0.0.1:backlog=5"]},
            {"trust_proxy": "::1", "https": True, "listen": ["ssl:2:interface=127.0.0.1:privateKey=k"]},
        )
        for flags in public:
            error = self.bad(flags)
            self.assertIn("everybody could open tunnels here, through the reverse proxy in front", error.line, flags)
            self.assertIn("--open", error.hint)
            self.assertTrue(load({**flags, "open": True}, {}).behind_proxy)
            self.assertTrue(load({**flags, "master_key": "k"}, {}).local_only)

    def test_key_that_cannot_be_read_stops_the_start(self) -> None:
        for required in ("true", "false"):
            environment = {"SELLIA_REQUIRE_AUTH": required, "SELLIA_MASTER_KEY_FILE": "/nowhere"}
            self.assertIn("cannot read /nowhere", self.bad({}, environment).line)

    def test_key_is_not_shown(self) -> None:
        self.assertNotIn("SECRET", repr(load({"master_key": "SECRET"}, {})))
        self.assertNotIn("SECRET", str(self.bad({"master_key": "SECRET", "port": "x"})))


class ListenTests(ServerCase):
    def endpoints(self, **flags: object) -> tuple[str, ...]:
        return load({"open": True, **flags}, {}).endpoints

    def test_host_and_port(self) -> None:
        self.assertEqual(self.endpoints(), ("tcp:3000:interface=127.0.0.1:backlog=1024",))
        beyond = self.endpoints(domain="example.com")
        self.assertEqual(beyond, ("tcp:3000:interface=0.0.0.0:backlog=1024",))
        self.assertEqual(self.endpoints(host="localhost", port="81"), ("tcp:81:interface=localhost:backlog=1024",))

    def test_ipv6(self) -> None:
        for host in ("::", "[::]"):
            self.assertEqual(self.endpoints(host=host), ("tcp:3000:interface=\\:\\::backlog=1024",))

    def test_bad_host(self) -> None:
        for host in ("", "a b", "http://x", "1.2.3.4:80", "-x", "a\x1b"):
            self.assertNotIn("\x1b", self.bad({"host": host}).line)

    def test_endpoints(self) -> None:
        self.assertEqual(self.endpoints(listen=["tcp:1", "unix:/run/s"]), ("tcp:1", "unix:/run/s"))
        self.assertEqual(load({}, {}, self.write("listen: tcp:1\nopen: true\n")).endpoints, ("tcp:1",))

    def test_not_an_endpoint(self) -> None:
        for text in ("3000", "tcp", "tcp:", ":80", "127.0.0.1:80"):
            self.assertIn("is not a Twisted endpoint", self.bad({"listen": [text]}).line)

    def test_proxy_protocol(self) -> None:
        """It comes before TLS, so one listener cannot do both."""
        endpoint = "haproxy:tcp:3000:interface=127.0.0.1"
        self.assertEqual(self.endpoints(listen=[endpoint]), (endpoint,))
        self.assertEqual(load({"listen": [endpoint], "open": True}, {}).url_port, 3000)
        for text in ("haproxy:ssl:443:privateKey=k", "haproxy:tls:443"):
            error = self.bad({"listen": [text]})
            self.assertIn("asks for both the PROXY protocol and TLS", error.line)
            self.assertIn("haproxy:tcp:", error.hint)

    def test_beside_port(self) -> None:
        self.assertEqual(
            self.bad({"listen": ["tcp:1"], "port": "2"}).line, "--port: cannot be given together with --listen"
        )
        error = self.bad({}, {}, self.write("listen: [tcp:1]\nhost: '::'\n"))
        self.assertTrue(error.line.endswith(":2:7: host: cannot be given together with listen"), error.line)

    def test_stronger_source_wins(self) -> None:
        self.assertEqual(load({"listen": ["tcp:1"]}, {"SELLIA_PORT": "2", "SELLIA_OPEN": "true"}).endpoints, ("tcp:1",))
        config = self.write("listen: [tcp:1]\n")
        self.assertIn("tcp:2:", load({"port": "2"}, {}, config).endpoints[0])
        config = self.write("listen: [tcp:1]\nhost: 127.0.0.1\n")
        self.assertEqual(load({"port": "2"}, {}, config).endpoints, ("tcp:2:interface=127.0.0.1:backlog=1024",))


class UrlPortTests(ServerCase):
    def port(self, **flags: object) -> int | None:
        return load({"open": True, **flags}, {}).url_port

    def test_what_is_listened_on(self) -> None:
        self.assertEqual(self.port(), 3000)
        self.assertEqual(self.port(port="80"), 80)
        self.assertEqual(self.port(listen=["unix:/run/s", "tcp:8080:interface=127.0.0.1"]), 8080)
        self.assertEqual(self.port(listen=["unix:/run/s"]), 80)

    def test_https(self) -> None:
        """Where a proxy does TLS the port listened on is not the public one; an endpoint that does TLS is."""
        self.assertEqual(self.port(https=True), 443)
        self.assertEqual(self.port(https=True, listen=["tcp:3000"]), 443)
        self.assertEqual(self.port(https=True, listen=["tcp:3000", "ssl:8443:privateKey=k"]), 8443)

    def test_said_outright(self) -> None:
        self.assertEqual(load({"https": True, "open": True}, {}, self.write("public_port: 8443\n")).url_port, 8443)


class CheckTests(ServerCase):
    def test_domain(self) -> None:
        for domain in ("", "http://x", "a..b", "-a.b", "a_b.c d", "x:80", "münchen.de", "a." * 100 + "de"):
            self.assertIn("is not a domain name", self.bad({"domain": domain}).line)

    def test_trust_proxy(self) -> None:
        settings = load({"trust_proxy": ["127.0.0.1, ::1", "10.0.0.0/8", "unix"], "open": True}, {})
        self.assertEqual(settings.trust_proxy, ("127.0.0.1", "::1", "10.0.0.0/8", "unix"))
        self.assertIn("'x'", self.bad({"trust_proxy": ["127.0.0.1,x"]}).line)
        self.assertIn("10.0.0.0/8", self.bad({"trust_proxy": ["10.0.0.1/8"]}).line)

    def test_what_is_known_of_proxies(self) -> None:
        settings = load({"interim_responses": "unix", "forwarded_fields": "X-Forwarded-Prefix, x-forwarded-user"}, {})
        self.assertEqual(settings.interim_responses, ("unix",))
        self.assertEqual(settings.forwarded_fields, ("X-Forwarded-Prefix", "x-forwarded-user"))
        self.assertIn("in interim_responses", self.bad({"interim_responses": ["proxy"]}).line)
        for name in (
            "X-Real-IP",
            "Forwarded",
            "X-Forwarded-For",
            "x-forwarded-port",
            "X-Forwarded-",
            "X-Forwarded-A b",
        ):
            self.assertIn("X-Forwarded", self.bad({"forwarded_fields": [name]}).line)

    def test_gateway_path(self) -> None:
        for path in ("ws", "/", "/w s", "/ws?x", "//"):
            self.bad({"gateway_path": path})

    def test_head_fits_in_a_message(self) -> None:
        """A head that is let in must fit in one message of the link."""
        self.assertIn("80 KiB", self.bad({"header_limit": "1 MiB"}).line)
        self.bad({"header_fields": "1000"})

    def test_session_has_credit_for_one_stream(self) -> None:
        self.assertTrue(self.bad({"session_credit": "1 MiB"}).line.startswith("--session-credit: "))

    def test_one_address_has_no_more_connections_than_all(self) -> None:
        error = self.bad({"connections": "100", "connections_per_address": "101"})
        self.assertTrue(error.line.startswith("--connections-per-address: "))

    def test_rates_are_numbers_above_nothing(self) -> None:
        for rate in ("0", "-1", "inf", "nan", "x"):
            self.bad({"request_rate": rate})
        for burst in ("0", "0.5", "-1"):
            self.bad({"request_burst": burst})

    def test_bounds_of_what_comes(self) -> None:
        """Each takes what is needed at least, and nothing below."""
        for name in ("websocket_empty_fragments", "link_control_burst"):
            self.assertEqual(getattr(load({name: "1"}, {}), name), 1)
            for value in ("0", "-1", "x", ""):
                self.bad({name: value})
        for name in ("hello_timeout", "link_control_rate"):
            self.assertEqual(getattr(load({name: "0.5"}, {}), name), 0.5)
            for value in ("0", "-1", "inf", "nan", "x"):
                self.bad({name: value})
        self.assertEqual(load({"header_limit": "64 KiB"}, {}).header_limit, 65536)

    def test_ping_has_time_for_an_answer(self) -> None:
        self.assertTrue(self.bad({"ping_timeout": "5"}).line.startswith("--ping-timeout: "))


class StorageTests(ServerCase):
    """Where the server's memory is."""

    def test_places(self) -> None:
        settings = load({"state_dir": "state", "storage": "postgresql://me:pw@db/sellia"}, {})
        self.assertEqual(settings.state_dir, "state")
        self.assertEqual(settings.storage.get_secret_value(), "postgresql://me:pw@db/sellia")
        settings = load({}, {"SELLIA_STATE_DIR": "/var/lib/sellia", "SELLIA_STORAGE": "sqlite:////srv/a.db"})
        self.assertEqual(settings.state_dir, "/var/lib/sellia")
        self.assertNotIn("pw", repr(load({"storage": "postgresql://me:pw@db/sellia"}, {})))

    def test_url_in_a_file_of_its_own(self) -> None:
        path = self.write("postgresql://me:pw@db/sellia\n")
        self.assertEqual(
            load({}, {"SELLIA_STORAGE_FILE": path}).storage.get_secret_value(), "postgresql://me:pw@db/sellia"
        )

    def test_wrong_places(self) -> None:
        for url in ("mysql://me:pw@db/sellia", "sellia.db", "sqlite://", "postgresql://"):
            error = self.bad({"storage": url})
            self.assertIn("--storage", str(error))
            self.assertIn("Write sqlite:///FILE, or postgresql://", error.hint)
            self.assertNotIn("pw", str(error))
        self.assertIn("must be the path of a directory", str(self.bad({"state_dir": "a\nb"})))
