"""One canonical host for each request, or none; and the public URLs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http import hosts
from sellia.relay.http.hosts import (
    Place,
    Side,
    canonical_domain,
    canonical_host,
    is_address,
    is_loopback,
    locate,
    public_url,
    split_target,
    tunnel_label,
)


class CanonicalHostTests(SynchronousTestCase):
    def test_all_spellings_come_to_one(self) -> None:
        for spelling in (b"demo.example.com", b"DEMO.Example.com", b"demo.example.com.", b"demo.example.com:3000",
                         b"Demo.example.com.:80", b"demo.example.com:"):  # fmt: skip
            self.assertEqual(canonical_host([spelling]), "demo.example.com")

    def test_addresses(self) -> None:
        self.assertEqual(canonical_host([b"127.0.0.1:3000"]), "127.0.0.1")
        self.assertEqual(canonical_host([b"[::1]"]), "[::1]")
        self.assertEqual(canonical_host([b"[2001:DB8:0:0::1]:443"]), "[2001:db8::1]")

    def test_there_must_be_exactly_one(self) -> None:
        self.assertRaises(ValueError, canonical_host, [])
        self.assertRaises(ValueError, canonical_host, [b"a.example", b"a.example"])
        self.assertRaises(ValueError, locate, [b"a.example", b"a.example"], "example")

    def test_what_is_no_host(self) -> None:
        for value in (
            b"",
            b".",
            b"a..b",
            b"demo.example.com..",
            b".example.com",
            b"user@example.com",
            b"user:pass@example.com",
            b" example.com",
            b"example.com ",
            b"exam ple.com",
            b"example.com\0",
            b"example.com\n",
            b"example.com/path",
            b"example.com?x",
            b"example.com#x",
            b"example.com\\x",
            b"exa%6dple.com",
            b"http://example.com",
            b"a,b",
            b"-a.example",
            b"a-.example",
            b"d\xc3\xa4mo.example",
            b"d\xe4mo.example",
            b"a" * 64 + b".example",
            b"a." * 127 + b"aa",
            b"example.com:0",
            b"example.com:65536",
            b"example.com:000080",
            b"example.com:+80",
            b"example.com: 80",
            b"example.com:80:80",
            b"example.com:8x",
            b":80",
            b"::1",
            b"[::1",
            b"[::1]x",
            b"[::g]",
            b"[fe80::1%25eth0]",
            b"[127.0.0.1]",
            b"[]",
            b"a" * 100_000,
        ):
            with self.assertRaises(ValueError, msg=repr(value[:80])):
                canonical_host([value])

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=20) | st.text("aA0-_.:[]@%", max_size=20).map(str.encode))
    def test_what_comes_out_goes_in_again(self, value: bytes) -> None:
        """A canonical host is its own canonical form, so comparing two is comparing the hosts."""
        try:
            host = canonical_host([value])
        except ValueError:
            return
        self.assertEqual(canonical_host([host.encode()]), host)

    def test_domain_of_a_setting(self) -> None:
        self.assertEqual(canonical_domain("Tunnel.Example.COM."), "tunnel.example.com")
        self.assertRaises(ValueError, canonical_domain, "example.com:3000")
        self.assertRaises(ValueError, canonical_domain, "\N{KELVIN SIGN}.example")


class LocateTests(SynchronousTestCase):
    def test_base_tunnel_and_foreign(self) -> None:
        for value, place in (
            (b"Localhost:3000", Place(Side.BASE, "localhost")),
            (b"MyApp.localhost.:3000", Place(Side.TUNNEL, "myapp.localhost", "myapp")),
            (b"a.B.localhost", Place(Side.TUNNEL, "a.b.localhost", "a.b")),
            (b"xlocalhost", Place(Side.FOREIGN, "xlocalhost")),
            (b"localhost.example", Place(Side.FOREIGN, "localhost.example", "localhost.example.")),
            (b"127.0.0.1", Place(Side.FOREIGN, "127.0.0.1")),
            (b"[::1]:3000", Place(Side.FOREIGN, "[::1]")),
        ):
            self.assertEqual(locate([value], "localhost"), place)

    def test_one_server_per_domain(self) -> None:
        """What is remembered for one base domain is not the answer for another."""
        self.assertEqual(locate([b"a.example"], "example").label, "a")
        self.assertEqual(locate([b"a.example"], "a.example").side, Side.BASE)
        self.assertEqual(locate([b"a.example"], "localhost").side, Side.FOREIGN)

    def test_label(self) -> None:
        self.assertEqual(tunnel_label("myapp.t.example.com", "t.example.com"), "myapp")
        self.assertIsNone(tunnel_label("t.example.com", "t.example.com"))
        self.assertEqual(tunnel_label("a.b.t.example.com", "t.example.com"), "a.b")
        for host in ("xt.example.com", "t.example.com.example", "example.com", ""):
            self.assertIsNone(tunnel_label(host, "t.example.com"))

    def test_a_flood_of_hosts_is_not_remembered(self) -> None:
        for number in range(hosts.REMEMBERED_HOSTS + 500):
            locate([b"flood-%d.localhost" % number], "localhost")
        self.assertLessEqual(hosts._locate.cache_info().currsize, hosts.REMEMBERED_HOSTS)


class TargetTests(SynchronousTestCase):
    def test_origin_form_is_left_alone(self) -> None:
        for target in (b"/", b"//evil.example/x", b"/a?b=http://c/", b"*"):
            self.assertEqual(split_target(target), (target, None))

    def test_absolute_form_is_taken_apart(self) -> None:
        self.assertEqual(split_target(b"http://demo.localhost:3000/a//b?c"), (b"/a//b?c", b"demo.localhost:3000"))
        self.assertEqual(split_target(b"HTTPS://demo.localhost"), (b"/", b"demo.localhost"))
        self.assertEqual(split_target(b"http://demo.localhost?x=/"), (b"/?x=/", b"demo.localhost"))
        self.assertEqual(split_target(b"http://a@b/"), (b"/", b"a@b"))
        self.assertRaises(ValueError, canonical_host, [b"a@b"])

    def test_others_are_refused(self) -> None:
        for target in (b"", b"demo.localhost:443", b"ftp://demo.localhost/", b"a/b", b"**", b"?x", b"http:/x"):
            self.assertRaises(ValueError, split_target, target)


class PublicUrlTests(SynchronousTestCase):
    def test_usual_ports_are_left_out(self) -> None:
        self.assertEqual(public_url("demo", "localhost", 3000, False), "http://demo.localhost:3000")
        self.assertEqual(public_url("demo", "example.com", 80, False), "http://demo.example.com")
        self.assertEqual(public_url("demo", "example.com", 443, True), "https://demo.example.com")
        self.assertEqual(public_url("demo", "example.com", 8443, True), "https://demo.example.com:8443")

    def test_behind_a_proxy_that_does_tls(self) -> None:
        self.assertEqual(public_url("demo", "example.com", 80, True), "https://demo.example.com")

    def test_base_domain(self) -> None:
        self.assertEqual(public_url(None, "localhost", 3000, False), "http://localhost:3000")


class AddressTests(SynchronousTestCase):
    def test_addresses_and_names(self) -> None:
        for host in ("127.0.0.1", "[::1]"):
            self.assertTrue(is_address(host))
        for host in ("localhost", "1.example.com", "a1"):
            self.assertFalse(is_address(host))


class LoopbackTests(SynchronousTestCase):
    def test_what_is_loopback(self) -> None:
        for host in ("localhost", "app.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
            self.assertTrue(is_loopback(host), host)
        for host in ("example.com", "notlocalhost", "10.0.0.1", "::2", "127.0.0.1.example.com", "", "::ffff:1.2.3.4"):
            self.assertFalse(is_loopback(host), host)
