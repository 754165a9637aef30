"""Kinds of tunnels in the settings: what each may have, and where it may lead."""

from typing import Any

from pydantic import ValidationError
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings import ClientSettings, TunnelSettings, load, shown_routes
from sellia.relay.access import ENTRIES
from tests.client.settings.cases import BASE, ClientCase


class TcpTests(SynchronousTestCase):
    def tunnel(self, **settings: Any) -> TunnelSettings:
        return TunnelSettings(**{"kind": "tcp", "target": 5432, **settings})

    def bad(self, **settings: Any) -> str:
        return str(self.assertRaises(ValidationError, self.tunnel, **settings))

    def test_targets(self) -> None:
        for target, shown in ((5432, "tcp://localhost:5432"), ("tcp://[::1]:22", "tcp://[::1]:22")):
            self.assertEqual(shown_routes(self.tunnel(target=target).routes), shown)
        self.assertEqual(shown_routes(self.tunnel(target="unix:/run/pg").routes), "unix:/run/pg")
        self.assertEqual(shown_routes(self.tunnel(target="https://db:5432").routes), "https://db:5432")

    def test_targets_that_speak_http(self) -> None:
        for target in ("./dist", "text:hello"):
            self.assertIn("is served over HTTP, and this is a tcp tunnel", self.bad(target=target))
        error = self.assertRaises(ValidationError, TunnelSettings, target="tcp://localhost:22")
        self.assertIn("leads to a tcp service, and this is an http tunnel", str(error))

    def test_the_wanted_port(self) -> None:
        self.assertIsNone(self.tunnel().wanted)
        self.assertEqual(self.tunnel(remote_port=20017).wanted, "20017")
        for port in (0, 65536, "x"):
            self.bad(remote_port=port)

    def test_options(self) -> None:
        options = self.tunnel(idle_timeout=60, allow=["10.0.0.0/8, ::1"], deny="10.0.0.1").options
        self.assertEqual(
            (options.idle_timeout, options.allow, options.deny), (60.0, ["10.0.0.0/8", "::1"], ["10.0.0.1"])
        )

    def test_slots(self) -> None:
        """Two tunnels of a client differ, and one is the same the next day."""
        slots = {
            self.tunnel().slot,
            self.tunnel(name="1").slot,
            self.tunnel(target=22).slot,
            self.tunnel(name="db").slot,
            self.tunnel(name="db", target=5433).slot,
        }
        self.assertEqual(len(slots), 3)
        self.assertEqual(TunnelSettings(target=5432).slot, "")
        self.assertNotIn("5432", self.tunnel().slot)

    def test_what_it_cannot_have(self) -> None:
        said = self.bad(subdomain="demo")
        self.assertIn("is for http and tls tunnels, and this is a tcp tunnel", said)
        self.assertIn("is for http tunnels", self.bad(auth="u:p"))
        error = self.assertRaises(ValidationError, TunnelSettings, kind="tcp", paths={"/": 1})
        self.assertIn("is for http tunnels", str(error))

    def test_what_http_cannot_have(self) -> None:
        for more in ({"remote_port": 5}, {"proxy_protocol": 2}, {"idle_timeout": 5}):
            error = self.assertRaises(ValidationError, TunnelSettings, target=80, **more)
            self.assertIn("tunnels, and this is an http tunnel", str(error))

    def test_proxy_protocol(self) -> None:
        self.assertEqual([self.tunnel(proxy_protocol=version).proxy_protocol for version in (1, 2)], [1, 2])
        for version in (0, 3, "v2"):
            self.bad(proxy_protocol=version)


class AccessTests(SynchronousTestCase):
    def test_what_is_for_directories(self) -> None:
        for name in ("spa", "listing"):
            error = self.assertRaises(ValueError, TunnelSettings, target=8080, **{name: True})
            self.assertIn("is for directories, and this tunnel serves none", str(error))
            TunnelSettings(target="./dist", **{name: True})
            TunnelSettings(paths={"/": 80, "/a": "./a"}, **{name: True})

    def test_for_every_kind(self) -> None:
        self.assertEqual(TunnelSettings(target=80, allow=["10.0.0.0/8"]).options.allow, ["10.0.0.0/8"])

    def test_entries(self) -> None:
        for entry, said in (
            ("example.com", "example.com is not an address or a network"),
            ("10.1.0.0/8", "10.1.0.0/8 has bits to the right of its mask: write 10.0.0.0/8"),
        ):
            error = self.assertRaises(ValidationError, TunnelSettings, target=80, deny=[entry])
            self.assertIn(said, str(error))
        self.assertRaises(ValidationError, TunnelSettings, target=80, allow=["10.0.0.1"] * (ENTRIES + 1))


class FileTests(ClientCase):
    def test_a_file(self) -> None:
        config = self.write(
            "server: http://x\ntunnels:\n  db: {kind: tcp, target: 5432, remote_port: 20017, proxy_protocol: 2}\n"
            "  web: {target: 80, allow: [10.0.0.0/8, '::1']}\n"
        )
        db, web = load({}, {}, config).tunnels
        self.assertEqual((db.kind, db.wanted, db.proxy_protocol), ("tcp", "20017", 2))
        self.assertEqual((web.kind, web.allow), ("http", ("10.0.0.0/8", "::1")))

    def test_two_ask_for_one_port(self) -> None:
        one = "{kind: tcp, target: 1, remote_port: 20017}"
        error = self.bad({}, {}, self.write(f"server: http://x\ntunnels:\n  a: {one}\n  b: {one}\n"))
        self.assertIn("two tunnels ask for the remote_port 20017", error.line)

    def test_flags(self) -> None:
        (tunnel,) = load(BASE | {"kind": "tcp", "remote_port": "20017", "deny": ["10.0.0.1"]}, {}).tunnels
        self.assertEqual((tunnel.kind, tunnel.remote_port, tunnel.deny), ("tcp", 20017, ("10.0.0.1",)))


class TlsTests(SynchronousTestCase):
    def test_names_and_certificates(self) -> None:
        tunnel = TunnelSettings(kind="tls", target=8443, subdomain="demo")
        self.assertEqual(
            (tunnel.wanted, tunnel.slot, str(tunnel.routes[0].target)), ("demo", "", "tcp://localhost:8443")
        )
        for more, said in (
            ({"cert": "x.pem"}, "is of no use without key"),
            ({"key": "x.pem"}, "is of no use without cert"),
            ({"cert": "/none.pem", "key": "/none.key"}, "cannot read /none.pem"),
            ({"cert": __file__, "key": __file__}, "is no certificate in PEM that belongs to the key"),
            ({"remote_port": 5}, "is for tcp and udp tunnels, and this is a tls tunnel"),
        ):
            error = self.assertRaises(ValidationError, TunnelSettings, kind="tls", target=1, **more)
            self.assertIn(said, str(error))


class UdpTests(SynchronousTestCase):
    def test_targets(self) -> None:
        for target in (53, "udp://localhost:53"):
            tunnel = TunnelSettings(kind="udp", target=target, remote_port=20017)
            self.assertEqual((str(tunnel.routes[0].target), tunnel.wanted), ("udp://localhost:53", "20017"))
        for target in ("unix:/run/x", "https://localhost:53", "./dist", "tcp://localhost:53"):
            self.assertRaises(ValidationError, TunnelSettings, kind="udp", target=target)
        for kind in ("http", "tcp", "tls"):
            error = self.assertRaises(ValidationError, TunnelSettings, kind=kind, target="udp://localhost:53")
            self.assertIn("leads to a udp service", str(error))


class PoolTests(SynchronousTestCase):
    def bad(self, **settings: Any) -> str:
        return str(self.assertRaises(ValidationError, TunnelSettings, **{"target": 8080, **settings}))

    def test_what_the_server_is_told(self) -> None:
        options = TunnelSettings(target=8080, pool=True, sticky="cookie", health="/health?x=1").options
        self.assertEqual((options.pool, options.sticky), (True, "cookie"))
        self.assertEqual(TunnelSettings(target=8080).options.pool, False)

    def test_for_pools_only(self) -> None:
        for setting in ({"sticky": "address"}, {"health": "/health"}):
            self.assertIn("is of no use for a single client", self.bad(**setting))

    def test_for_http_only(self) -> None:
        for kind in ("tcp", "tls"):
            self.assertIn("is for http tunnels", self.bad(kind=kind, pool=True))
            TunnelSettings(kind=kind, target=8080, pool=False)

    def test_two_places_of_one_client(self) -> None:
        """One name may be asked for twice where both are of a pool."""
        one, two = (TunnelSettings(target=port, subdomain="demo", pool=True) for port in (1, 2))
        settings = ClientSettings(server="http://x", tunnels=(one, two))
        self.assertEqual([tunnel.wanted for tunnel in settings.tunnels], ["demo", "demo"])
        alone = TunnelSettings(target=3, subdomain="demo")
        error = self.assertRaises(ValidationError, ClientSettings, server="http://x", tunnels=(one, alone))
        self.assertIn("two tunnels ask for the subdomain demo", str(error))

    def test_paths(self) -> None:
        for path in ("health", "", "/a b", "/a\r\nX: y", "/ä", "/a#b", "/" + "x" * 1024):
            self.assertIn("is not a path", self.bad(pool=True, health=path))
