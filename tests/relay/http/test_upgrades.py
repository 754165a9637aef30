"""Which protocols may pass behind an upgrade: those that the tunnel lists, and never HTTP or TLS."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http.upgrades import PROTOCOL_LIMIT, PROTOCOLS, listed_upgrade, upgrade_fault


class UpgradeTests(SynchronousTestCase):
    def test_what_is_listed_passes_as_it_is_spelled(self) -> None:
        listed = ["tcp", "spdy/3.1"]
        for field, passes in (
            (b"tcp", b"tcp"),
            (b"TCP", b"TCP"),
            (b"SPDY/3.1", b"SPDY/3.1"),
            (b"other,\tSPDY/3.1, tcp", b"SPDY/3.1"),
            (b"spdy", b""),
            (b"spdy/3.10", b""),
            (b"", b""),
            (b"t\xc3\xa7p", b""),
        ):
            self.assertEqual(listed_upgrade(field, listed), passes, field)

    def test_nothing_passes_that_is_not_listed(self) -> None:
        self.assertEqual(listed_upgrade(b"tcp", ()), b"")

    def test_http_and_tls_never_pass(self) -> None:
        for never in ("h2c", "H2C", "h2", "HTTP/2.0", "http/1.1", "TLS/1.0", "tls", "websocket"):
            self.assertTrue(upgrade_fault(never), never)
            self.assertEqual(listed_upgrade(never.encode(), [never, never.lower()]), b"", "whatever a client lists")

    def test_names_that_are_none(self) -> None:
        for wrong in ("", "a b", "a,b", "a\r\nX: y", "a/", "/1", "é", "a" * (PROTOCOL_LIMIT + 1)):
            self.assertEqual(upgrade_fault(wrong), "is not the name of a protocol", wrong)
        self.assertEqual(upgrade_fault("a" * PROTOCOL_LIMIT), "")

    def test_a_list_that_is_too_long_is_cut(self) -> None:
        listed = [f"p{number}" for number in range(PROTOCOLS + 1)]
        self.assertEqual(listed_upgrade(b"p15", listed), b"p15")
        self.assertEqual(listed_upgrade(b"p16", listed), b"")
