"""Who is believed, and who the visitor is then."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SettingsError
from sellia.protocol.messages import Headers
from sellia.relay.http.forwarded import (
    REMEMBERED_PEERS,
    Origin,
    TrustedPeers,
    counted_address,
    origin,
    plain_address,
    port_of,
    standard_field,
)


class TrustedPeersTests(SynchronousTestCase):
    def test_nobody_is_trusted_by_default(self) -> None:
        peers = TrustedPeers()
        for address in ("127.0.0.1", "::1", "unix", "", "10.0.0.1"):
            self.assertFalse(peers.is_trusted(address))

    def test_addresses_and_networks(self) -> None:
        peers = TrustedPeers(["127.0.0.1", " 10.0.0.0/8 ", "2001:db8::/32"])
        for address in ("127.0.0.1", "10.255.0.1", "::ffff:10.1.2.3", "2001:db8::7", "2001:DB8:0::7"):
            self.assertTrue(peers.is_trusted(address), address)
        for address in ("127.0.0.2", "11.0.0.1", "::1", "2001:db9::7", "unix", "", "nonsense", "10.0.0.1, 10.0.0.2"):
            self.assertFalse(peers.is_trusted(address), address)

    def test_a_zone_is_no_part_of_an_address(self) -> None:
        self.assertTrue(TrustedPeers(["fe80::/10"]).is_trusted("fe80::1%eth0"))

    def test_unix_sockets(self) -> None:
        peers = TrustedPeers(["unix"])
        self.assertTrue(peers.is_trusted("unix"))
        self.assertTrue(peers.is_trusted(""))
        self.assertFalse(peers.is_trusted("127.0.0.1"))

    def test_a_wrong_setting_says_what_is_right(self) -> None:
        self.assertIn("10.0.0.0/8", str(self.assertRaises(SettingsError, TrustedPeers, ["10.0.0.1/8"])))
        for setting in ("localhost", "", "*", "10.0.0.0/33"):
            self.assertIn("unix", str(self.assertRaises(SettingsError, TrustedPeers, [setting])))

    def test_a_flood_of_addresses_is_not_remembered(self) -> None:
        peers = TrustedPeers(["10.0.0.0/8"])
        for number in range(REMEMBERED_PEERS + 100):
            peers.is_trusted(f"10.0.{number // 256}.{number % 256}")
        self.assertLessEqual(peers.is_trusted.cache_info().currsize, REMEMBERED_PEERS)  # type: ignore[attr-defined]


class OriginTests(SynchronousTestCase):
    trusted = TrustedPeers(["10.0.0.0/8", "unix"])

    def seen(self, peer: str, *headers: tuple[bytes, bytes]) -> Origin:
        section: Headers = list(headers)
        return origin(section, peer=peer, scheme=b"http", host=b"demo.localhost", trusted=self.trusted)

    def test_an_untrusted_peer_is_the_visitor(self) -> None:
        """Whatever it says."""
        seen = self.seen("203.0.113.7", (b"X-Forwarded-For", b"198.51.100.1"), (b"X-Forwarded-Proto", b"https"))
        self.assertEqual(seen, Origin(b"203.0.113.7", b"http", b"demo.localhost", b"80", "203.0.113.7"))

    def test_a_trusted_proxy_says_who_it_is(self) -> None:
        seen = self.seen(
            "10.0.0.1",
            (b"X-Forwarded-For", b"198.51.100.1"),
            (b"x-forwarded-proto", b"HTTPS"),
            (b"X-Forwarded-Host", b"Demo.example:8443"),
            (b"X-FORWARDED-PORT", b"444"),
        )
        hops = b"198.51.100.1, 10.0.0.1"
        self.assertEqual(seen, Origin(hops, b"https", b"Demo.example:8443", b"444", "198.51.100.1", True))

    def test_what_it_does_not_say(self) -> None:
        seen = self.seen("10.0.0.1", (b"X-Forwarded-Proto", b"wss"), (b"X-Forwarded-For", b""))
        self.assertEqual(seen, Origin(b"10.0.0.1", b"https", b"demo.localhost", b"443", "10.0.0.1", True))
        self.assertEqual(self.seen("10.0.0.1", (b"X-Forwarded-Host", b"a:81")).port, b"81")
        self.assertEqual(self.seen("unix").hops, b"unknown")
        self.assertEqual(self.seen("unix", (b"X-Forwarded-For", b"198.51.100.1")).hops, b"198.51.100.1")

    def test_what_it_has_added_counts(self) -> None:
        """Before it stands what a visitor may have made up."""
        seen = self.seen(
            "10.0.0.1",
            (b"X-Forwarded-For", b"6.6.6.6, 198.51.100.1"),
            (b"X-Forwarded-Host", b"evil.example"),
            (b"X-Forwarded-Host", b"evil.example, demo.localhost"),
            (b"X-Forwarded-Proto", b"http, https"),
            (b"X-Forwarded-Port", b"666,443"),
        )
        hops = b"198.51.100.1, 10.0.0.1"
        self.assertEqual(seen, Origin(hops, b"https", b"demo.localhost", b"443", "198.51.100.1", True))

    def test_ports(self) -> None:
        for host, scheme, port in (
            (b"a", b"http", b"80"),
            (b"a", b"https", b"443"),
            (b"a:3000", b"https", b"3000"),
            (b"[::1]", b"http", b"80"),
            (b"[::1]:81", b"http", b"81"),
            (b"a:", b"http", b"80"),
        ):
            self.assertEqual(port_of(host, scheme), port)
        for said in (b"0", b"65536", b"-1", b"+80", b"80x", b"", b"000080"):
            self.assertEqual(self.seen("10.0.0.1", (b"X-Forwarded-Port", said)).port, b"80")

    def test_in_the_words_of_the_standard(self) -> None:
        where = Origin(b"", b"https", b"a.example:3000", b"", "2001:db8::1")
        self.assertEqual(standard_field(where), b'for="[2001:db8::1]";host="a.example:3000";proto=https')

    def test_the_last_that_is_not_trusted_counts(self) -> None:
        """What stands left of it, a visitor may have made up."""
        chain = ((b"X-Forwarded-For", b"6.6.6.6, 198.51.100.1"), (b"X-Forwarded-For", b"10.0.0.3,10.0.0.2"))
        self.assertEqual(self.seen("unix", *chain).address, "198.51.100.1")

    def test_a_chain_of_trusted_hops_only(self) -> None:
        self.assertEqual(self.seen("10.0.0.1", (b"X-Forwarded-For", b"10.0.0.9, 10.0.0.2")).address, "10.0.0.9")

    def test_nonsense_ends_the_search(self) -> None:
        self.assertEqual(self.seen("10.0.0.1", (b"X-Forwarded-For", b"198.51.100.1, unknown")).address, "10.0.0.1")
        self.assertEqual(self.seen("", (b"X-Forwarded-For", b"\x1b[2J")).address, "unix")
        seen = self.seen("10.0.0.1", (b"X-Forwarded-Proto", b"gopher"), (b"X-Forwarded-Host", b"a b"))
        self.assertEqual(seen, Origin(b"10.0.0.1", b"http", b"demo.localhost", b"80", "10.0.0.1", True))

    def test_entries_with_ports_and_brackets(self) -> None:
        self.assertEqual(self.seen("10.0.0.1", (b"X-Forwarded-For", b"198.51.100.1:5000")).address, "198.51.100.1")
        self.assertEqual(self.seen("10.0.0.1", (b"X-Forwarded-For", b"[::1]x")).hops, b"::1, 10.0.0.1")
        self.assertEqual(self.seen("10.0.0.1", (b"X-Forwarded-For", b"[2001:DB8::1]:5000")).address, "2001:db8::1")
        self.assertEqual(self.seen("10.0.0.1", (b"X-Forwarded-For", b"::ffff:192.0.2.1")).address, "192.0.2.1")

    def test_a_very_long_chain_is_looked_at_in_part(self) -> None:
        chain = b"198.51.100.1," + b"10.0.0.2," * 5000 + b"10.0.0.3"
        self.assertEqual(self.seen("10.0.0.1", (b"X-Forwarded-For", chain)).address, "10.0.0.2")

    def test_plain_address(self) -> None:
        self.assertEqual(plain_address("::ffff:192.0.2.1"), "192.0.2.1")
        self.assertEqual(plain_address("fe80::1%eth0"), "fe80::1")
        self.assertEqual(plain_address(""), "unix")


class CountedAddressTests(SynchronousTestCase):
    """What limits by address count."""

    def test_ipv4(self) -> None:
        self.assertEqual(counted_address("192.0.2.1"), "192.0.2.1")
        self.assertEqual(counted_address("::ffff:192.0.2.1"), "192.0.2.1")

    def test_ipv6_by_network(self) -> None:
        """Who has one address of a /64 has two to the sixty-fourth."""
        for address in (
            "2001:db8:0:1::",
            "2001:db8:0:1::7",
            "2001:DB8:0:1:ffff:ffff:ffff:ffff",
            "2001:db8:0:1::7%eth0",
        ):
            self.assertEqual(counted_address(address), "2001:db8:0:1::/64")
        self.assertEqual(counted_address("2001:db8:0:2::7"), "2001:db8:0:2::/64")

    def test_no_address(self) -> None:
        self.assertEqual(counted_address(""), "unix")
        self.assertEqual(counted_address("unix"), "unix")
