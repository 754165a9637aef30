"""What a key permits: scopes, patterns of names, networks; and what cannot be written down as one."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import INVALID_VALUE
from sellia.server.accounts.grants import (
    PATTERNS,
    SCOPES,
    Grant,
    checked_networks,
    checked_patterns,
    checked_scopes,
)


class GrantTests(SynchronousTestCase):
    def test_scopes(self) -> None:
        grant = Grant(["http", "admin:write"], [], [])
        self.assertEqual([grant.has(each) for each in SCOPES], [True, False, False, False, True, True])
        self.assertFalse(Grant(["admin:read"], [], []).has("admin:write"))

    def test_names(self) -> None:
        grant = Grant([], ["app-*", "mine", "*.example.com"], [])
        for name in ("app-one", "app-", "mine", "www.example.com"):
            self.assertTrue(grant.may_hold(name), name)
        for name in ("app", "my-app-one", "app-one.evil.example", "mine2", "a.b.example.com", "example.com"):
            self.assertFalse(grant.may_hold(name), name)
        self.assertTrue(grant.may_hold("tcp/20000"), "patterns of hosts say nothing of ports")

    def test_ports(self) -> None:
        grant = Grant([], ["tcp/20000", "udp/*"], [])
        for name in ("tcp/20000", "udp/20000", "any", "a.b"):
            self.assertTrue(grant.may_hold(name), name)
        self.assertFalse(grant.may_hold("tcp/20001"))

    def test_all(self) -> None:
        for names in ([], ["*"]):
            self.assertTrue(Grant([], names, []).may_hold("a.b.c"))

    def test_networks(self) -> None:
        grant = Grant([], [], ["192.0.2.0/24", "2001:db8::/32"])
        for address in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::7"):
            self.assertTrue(grant.admits(address), address)
        for address in ("198.51.100.1", "", "unix"):
            self.assertFalse(grant.admits(address), address)
        self.assertTrue(Grant([], [], []).admits("anything"))


class CheckTests(SynchronousTestCase):
    def test_what_is_right(self) -> None:
        self.assertEqual(checked_scopes(["admin:read", "http", "http"]), ("http", "admin:read"))
        self.assertEqual(checked_patterns([" App-* ", "app-*", "tcp/20000"]), ("app-*", "tcp/20000"))
        self.assertEqual(checked_networks(["10.0.0.0/8", "10.0.0.0/8", "::1"]), ("10.0.0.0/8", "::1"))

    def test_what_is_not(self) -> None:
        for check, values in (
            (checked_scopes, ["admin"]),
            (checked_scopes, []),
            (checked_patterns, ["a b"]),
            (checked_patterns, ["a****"]),
            (checked_patterns, ["x" * 254]),
            (checked_patterns, ["ftp/1"]),
            (checked_patterns, ["(a+)+"]),
            (checked_patterns, [""]),
            (checked_patterns, ["a"] * (PATTERNS + 1)),
            (checked_networks, ["10.0.0.1/8"]),
            (checked_networks, ["here"]),
            (checked_networks, ["10.0.0.0/8"] * (PATTERNS + 1)),
        ):
            error = self.assertRaises(ProblemError, check, values)
            self.assertIs(error.problem, INVALID_VALUE)
            self.assertTrue(str(error).endswith("."), str(error))

    def test_no_pattern_takes_long(self) -> None:
        """As many stars as there may be, and a name that almost matches."""
        pattern = checked_patterns(["*a*a*b"])
        self.assertFalse(Grant([], pattern, []).may_hold("a" * 63))
