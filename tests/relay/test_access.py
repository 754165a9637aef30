"""Access by address: who is let in, and who is kept out."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.access import ENTRIES, AccessList, parse_network


class DecisionTests(SynchronousTestCase):
    def test_no_lists(self) -> None:
        self.assertTrue(AccessList().admits("203.0.113.7"))
        self.assertTrue(AccessList().admits("unix"))

    def test_allow(self) -> None:
        lists = AccessList(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"])
        for address, admitted in (
            ("10.255.0.1", True),
            ("11.0.0.1", False),
            ("192.0.2.1", True),
            ("192.0.2.2", False),
            ("2001:db8:ffff::1", True),
            ("2001:db9::1", False),
            ("::1", False),
        ):
            self.assertIs(lists.admits(address), admitted, address)

    def test_deny_wins(self) -> None:
        lists = AccessList(["10.0.0.0/8"], ["10.1.0.0/16", "10.2.3.4"])
        found = [lists.admits(each) for each in ("10.0.0.1", "10.1.2.3", "10.2.3.4", "10.2.3.5", "192.0.2.1")]
        self.assertEqual(found, [True, False, False, True, False])

    def test_deny_alone(self) -> None:
        lists = AccessList(deny=["203.0.113.0/24", "::1"])
        found = [lists.admits(each) for each in ("203.0.113.7", "203.0.114.7", "::1", "::2")]
        self.assertEqual(found, [False, True, False, True])

    def test_mapped(self) -> None:
        """An IPv4 address is one, however it is written, here and there."""
        for entry in ("192.0.2.0/24", "::ffff:192.0.2.0/120"):
            for address in ("192.0.2.9", "::ffff:192.0.2.9", "::ffff:c000:209"):
                self.assertTrue(AccessList([entry]).admits(address), (entry, address))
                self.assertFalse(AccessList(deny=[entry]).admits(address), (entry, address))

    def test_everything(self) -> None:
        """One version of IP says nothing of the other."""
        self.assertFalse(AccessList(["0.0.0.0/0"]).admits("2001:db8::1"))
        self.assertTrue(AccessList(["0.0.0.0/0", "::/0"]).admits("2001:db8::1"))
        self.assertTrue(AccessList(deny=["::/0"]).admits("192.0.2.1"))
        self.assertFalse(AccessList(deny=["::/0"]).admits("::1"))

    def test_no_address(self) -> None:
        """Where there is a list, whoever cannot be looked up is kept out."""
        for lists in (AccessList(["0.0.0.0/0"]), AccessList(deny=["192.0.2.1"])):
            for address in ("", "unix", "unknown", "192.0.2", "1.2.3.4:80", "[::1]"):
                self.assertFalse(lists.admits(address), address)

    def test_zone(self) -> None:
        self.assertTrue(AccessList(["fe80::/10"]).admits("fe80::1%eth0"))


class EntryTests(SynchronousTestCase):
    def test_what_is_none(self) -> None:
        for text in ("", "example.com", "10.0.0.0/33", "10.0.0/8", "1.2.3.4-5", "10.0.0.0/255.255.255.0x", "unix"):
            error = self.assertRaises(ValueError, parse_network, text)
            self.assertIn("is not an address or a network", str(error))

    def test_bits_behind_the_mask(self) -> None:
        error = self.assertRaises(ValueError, parse_network, "10.1.2.3/8")
        self.assertIn("write 10.0.0.0/8", str(error))

    def test_bound(self) -> None:
        entries = [f"10.0.{number >> 8}.{number & 255}" for number in range(ENTRIES)]
        lists = AccessList(entries)
        self.assertTrue(lists.admits("10.0.0.255"))
        self.assertRaises(ValueError, AccessList, entries, ["10.9.9.9"])
