"""What can be set about one tunnel."""

import os
from typing import Any

from pydantic import ValidationError
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings import PATH_LIMIT, RouteSettings, TunnelSettings, shown_routes
from sellia.targets import Target, TargetKind, parse_target
from tests.client.settings.cases import BASE, ClientCase


class RouteTests(SynchronousTestCase):
    def routes(self, **settings: Any) -> dict[str, str]:
        return {each.prefix: str(each.target) for each in TunnelSettings(**settings).routes}

    def bad(self, **settings: Any) -> str:
        return str(self.assertRaises(ValidationError, TunnelSettings, **settings))

    def test_one_target(self) -> None:
        self.assertEqual(self.routes(target=8080), {"/": "http://localhost:8080"})
        self.assertEqual(self.routes(target="https://nas.example"), {"/": "https://nas.example:443"})
        (route,) = TunnelSettings(target="./dist", spa=True).routes
        self.assertEqual((route.target.path, route.target.spa), (os.path.join(os.getcwd(), "dist"), True))

    def test_paths_the_longest_first(self) -> None:
        tunnel = TunnelSettings(paths={"/": 1, "/api/v2": 2, "/api": {"target": "unix:/run/a", "strip": True}})
        self.assertEqual([each.prefix for each in tunnel.routes], ["/api/v2", "/api", "/"])
        self.assertEqual([each.strip for each in tunnel.routes], [False, True, False])
        self.assertEqual(
            shown_routes(tunnel.routes), "/api/v2=http://localhost:2, /api=unix:/run/a, /=http://localhost:1"
        )

    def test_what_is_no_path(self) -> None:
        for prefix in ("", "api", "/a?b", "/a#b", "/a b", "/%zz", "//", "/a/../b", "/./a", "/\x00", "http://x/"):
            self.assertIn("is not a path", self.bad(paths={prefix: 1}), prefix)
        self.assertIn("must be 1 to 64 paths", self.bad(paths={}))
        most = {f"/{number}": 1 for number in range(PATH_LIMIT)}
        self.assertEqual(len(self.routes(paths=most)), PATH_LIMIT)
        self.assertIn("must be 1 to 64 paths", self.bad(paths={**most, "/": 1}))

    def test_one_of_the_ways_to_say_it(self) -> None:
        self.assertIn("it is not said what to expose", self.bad())
        self.assertIn("says what target says, too", self.bad(target=1, paths={"/": 1}))

    def test_no_target(self) -> None:
        values: tuple[Any, ...] = (True, 1.5, [], {}, 0, 65536, "x", "http://u:SECRET@x:1")
        for value in values:
            self.assertNotIn("SECRET", self.bad(target=value))

    def test_certificates(self) -> None:
        (route,) = TunnelSettings(target="https://x", local_verify=False).routes
        self.assertIs(route.target.verify, False)
        (route,) = TunnelSettings(target="http://x", local_verify=False).routes
        self.assertIsNone(route.target.verify)
        self.assertIn("contradicts https+insecure", self.bad(target="https+insecure://x", local_verify=True))

    def test_spa_and_listing_of_a_path_come_before_the_tunnels(self) -> None:
        tunnel = TunnelSettings(paths={"/a": {"target": "./a", "spa": False}, "/": "./b"}, spa=True, listing=True)
        self.assertEqual(
            [(each.target.spa, each.target.listing) for each in tunnel.routes], [(False, True), (True, True)]
        )

    def test_names(self) -> None:
        for name in ("a", "my-app_2.x", "x" * 63):
            self.assertEqual(TunnelSettings(name=name, target=1).name, name)
        for name in ("a b", "-a", "a/b", "x" * 64, "\x1b", "é", "a."):
            self.assertIn("cannot name a tunnel", self.bad(name=name, target=1))

    def test_a_target_that_is_made_already(self) -> None:
        target = parse_target("8080")
        self.assertEqual(TunnelSettings(target=target).routes, (RouteSettings("/", target),))
        self.assertEqual(target, Target(TargetKind.ADDRESS, host="localhost", port=8080))


class TunnelValueTests(ClientCase):
    def test_auth(self) -> None:
        for text in ("SECRET", ":SECRET", "SECRET:", "", "SECRET:\n"):
            error = self.bad(BASE | {"auth": text})
            self.assertTrue(error.line.startswith("--auth: "))
            self.assertNotIn("SECRET", str(error))

    def test_auth_preflight(self) -> None:
        self.assertIn("must be 'pass' or 'refuse', not on", self.bad(BASE | {"auth_preflight": "on"}).line)

    def test_subdomain(self) -> None:
        for text in ("ab", "-abc", "a_b_c", "a.b.c", "x" * 64, "www", "é" * 5, ""):
            self.assertIn("cannot be the name of a tunnel", self.bad(BASE | {"subdomain": text}).line)
