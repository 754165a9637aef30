"""Settings of who may come, with what and how often."""

from typing import Any

from pydantic import ValidationError
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings import TunnelSettings
from sellia.client.settings.access import VisitorRate


def tunnel(**settings: Any) -> TunnelSettings:
    return TunnelSettings(**{"target": 80, **settings})


class AccessSettingsTests(SynchronousTestCase):
    def bad(self, **settings: Any) -> str:
        return str(self.assertRaises(ValidationError, tunnel, **settings))

    def test_methods(self) -> None:
        self.assertEqual(tunnel(methods=["get, head", "PURGE", "GET"]).options.methods, ["GET", "HEAD", "PURGE"])
        self.assertEqual(tunnel(methods="GET").methods, ("GET",))
        self.assertIn("is not a method", self.bad(methods=["G T"]))
        self.assertIn("never passes", self.bad(methods="connect"))
        self.assertIn("has no method in it", self.bad(methods=" , "))
        self.assertIn("more than 32", self.bad(methods=["GET"] * 33))

    def test_the_largest_body(self) -> None:
        self.assertEqual(tunnel(max_body="10 MiB").options.max_body, 10 * 1024 * 1024)
        self.assertEqual(tunnel(max_body=5).options.max_body, 5)
        for value in (0, -1, "much"):
            self.bad(max_body=value)

    def test_the_rate(self) -> None:
        for written, burst, per_second in (
            ({"burst": 50, "per_second": 10}, 50, 10.0),
            ({"per_second": 0.5}, 5, 0.5),
            ("10/s", 100, 10.0),
            ("300/m:7", 7, 5.0),
            ("3600/h", 10, 1.0),
            (" 2.5 ", 25, 2.5),
            (4, 40, 4.0),
        ):
            options = tunnel(visitor_rate=written).options
            self.assertEqual((options.visitor_burst, options.visitor_rate), (burst, per_second), written)
        for text in ("0/s", "ten", "10/d", "10/s:", "1/s:0", "-1", True, {"burst": 1}, {"per_second": 0}, 1e9):
            self.bad(visitor_rate=text)
        self.assertEqual(VisitorRate(per_second=0.01).at_once, 1)

    def test_other_kinds(self) -> None:
        for setting in ({"methods": "GET"}, {"max_body": 1}, {"visitor_rate": 1}):
            self.assertIn("is for http tunnels", self.bad(kind="tcp", **setting))
