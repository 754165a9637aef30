"""What is not left to a server that would ignore it."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.protection import too_old
from sellia.protocol.messages import ACCESS, DOMAINS, POOL, RULES, USERS, WILDCARDS, TunnelOptions


class TooOldTests(SynchronousTestCase):
    def test_each(self) -> None:
        cases: list[tuple[dict[str, Any], str, str]] = [
            ({"allow": ["::1"]}, ACCESS, "keep out visitors by address"),
            ({"deny": ["::1"]}, ACCESS, "keep out visitors by address"),
            ({"methods": ["GET"]}, RULES, "look at what requests are"),
            ({"max_body": 1}, RULES, "look at what requests are"),
            ({"visitor_burst": 1, "visitor_rate": 1.0}, RULES, "look at what requests are"),
            ({"passwords": ["u:p"]}, USERS, "know several users"),
            ({"digests": ["u:h"]}, USERS, "know several users"),
            ({"pool": True}, POOL, "let several clients share a name"),
            ({"domains": ["a.example"]}, DOMAINS, "give tunnels other domains than its own"),
            ({"wildcard": True}, WILDCARDS, "have names below names"),
        ]
        every = {ACCESS, RULES, USERS, POOL, WILDCARDS, DOMAINS}
        for options, capability, said in cases:
            self.assertIn(f"too old to {said}", too_old(TunnelOptions(**options), every - {capability}))
            self.assertEqual(too_old(TunnelOptions(**options), [capability]), "")
        self.assertEqual(too_old(TunnelOptions(request_timeout=1.0), ()), "")

    def test_names(self) -> None:
        for name in ("api.myapp", "*.myapp"):
            self.assertIn("too old to have names below names", too_old(TunnelOptions(), (), name))
            self.assertEqual(too_old(TunnelOptions(), [WILDCARDS], name), "")
        self.assertEqual(too_old(TunnelOptions(), (), "myapp"), "")
