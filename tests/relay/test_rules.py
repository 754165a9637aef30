"""Rules that a client asks for, and those that are refused."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.messages import TunnelOptions
from sellia.relay.access import AccessList
from sellia.relay.limits.token_bucket import Rate
from sellia.relay.rules import LARGEST_BODY, LARGEST_RATE, METHODS, checked_method, rules_of


class RulesTests(SynchronousTestCase):
    def test_none(self) -> None:
        self.assertIsNone(rules_of(TunnelOptions(), None, password=False))

    def test_each(self) -> None:
        access = AccessList(["10.0.0.0/8"])
        options = TunnelOptions(methods=["GET", "GET", "PURGE"], max_body=7, visitor_burst=3, visitor_rate=0.5)
        rules = rules_of(options, access, password=True)
        assert rules is not None
        self.assertEqual((rules.access, rules.methods, rules.max_body), (access, (b"GET", b"PURGE"), 7))
        self.assertEqual((rules.rate, rules.password), (Rate(3, 0.5), True))

    def test_what_no_client_of_ours_asks_for(self) -> None:
        for options in (
            {"methods": ["GET"] * (METHODS + 1)},
            {"methods": ["G T"]},
            {"methods": ["GÉT"]},
            {"methods": [""]},
            {"methods": ["CONNECT"]},
            {"max_body": -1},
            {"max_body": LARGEST_BODY + 1},
            {"visitor_burst": 1},
            {"visitor_rate": 1.0},
            {"visitor_burst": -1, "visitor_rate": -1.0},
            {"visitor_burst": 1, "visitor_rate": float("nan")},
            {"visitor_burst": 1, "visitor_rate": float("inf")},
            {"visitor_burst": LARGEST_RATE + 1, "visitor_rate": 1.0},
        ):
            self.assertRaises(ValueError, rules_of, TunnelOptions(**options), None, password=False)  # type: ignore[arg-type]

    def test_methods(self) -> None:
        self.assertEqual(checked_method("M-SEARCH"), "M-SEARCH")
        self.assertRaises(ValueError, checked_method, "A" * 33)
