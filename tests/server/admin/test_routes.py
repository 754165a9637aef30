"""The router: which route a request means, and what stands in its path."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import METHOD_NOT_ALLOWED, NO_SUCH_PAGE
from sellia.server.admin.routes import SEGMENT_LIMIT, Route, Router, Scope


async def _call(call: Any) -> None:
    return None


def route(method: str, path: str, name: str) -> Route:
    return Route(method, path, name, "Do it.", Scope.READ, _call)


ROUTER = Router(
    (
        route("GET", "/api/v1/keys", "list"),
        route("POST", "/api/v1/keys", "create"),
        route("DELETE", "/api/v1/keys/{key}", "revoke"),
        route("POST", "/api/v1/keys/{key}/rotate", "rotate"),
        route("DELETE", "/api/v1/names/{kind}/{name}", "release"),
    )
)


class RouterTests(SynchronousTestCase):
    def found(self, method: bytes, path: bytes) -> tuple[str, dict[str, str]]:
        found, names = ROUTER.find(method, path)
        return found.name, names

    def test_routes(self) -> None:
        for method, path, name, names in (
            (b"GET", b"/api/v1/keys", "list", {}),
            (b"HEAD", b"/api/v1/keys", "list", {}),
            (b"POST", b"/api/v1/keys", "create", {}),
            (b"DELETE", b"/api/v1/keys/key_1", "revoke", {"key": "key_1"}),
            (b"POST", b"/api/v1/keys/key_1/rotate", "rotate", {"key": "key_1"}),
            (b"DELETE", b"/api/v1/names/port/tcp%2F20000", "release", {"kind": "port", "name": "tcp/20000"}),
            (
                b"DELETE",
                b"/api/v1/names/subdomain/m%C3%BC",
                "release",
                {"kind": "subdomain", "name": "m\u00fc"},
            ),
        ):
            self.assertEqual(self.found(method, path), (name, names), path)

    def test_paths_that_are_none(self) -> None:
        long = b"/api/v1/keys/" + b"x" * (SEGMENT_LIMIT + 1)
        for path in (
            *(b"/", b"", b"*", b"/api/v1", b"/api/v1/keys/", b"//api/v1/keys", b"/api/v1/keys/a/b", b"/API/v1/keys"),
            *(b"http://x/api/v1/keys", b"/api/v1/keys/%ff", b"/api/v1/keys/%00", b"/api/v1/keys/%0d%0a", long),
        ):
            error = self.assertRaises(ProblemError, ROUTER.find, b"DELETE", path)
            self.assertEqual(error.problem, NO_SUCH_PAGE, path)

    def test_longest_segment(self) -> None:
        name = "x" * SEGMENT_LIMIT
        self.assertEqual(self.found(b"DELETE", b"/api/v1/keys/" + name.encode())[1], {"key": name})

    def test_methods(self) -> None:
        """OPTIONS is one that there is not: no page of another site is allowed anything."""
        for method in (b"PUT", b"OPTIONS", b"get", b"\xff"):
            error = self.assertRaises(ProblemError, ROUTER.find, method, b"/api/v1/keys")
            self.assertEqual((error.problem, error.allow), (METHOD_NOT_ALLOWED, b"GET, POST, HEAD"))
        error = self.assertRaises(ProblemError, ROUTER.find, b"GET", b"/api/v1/keys/key_1")
        self.assertEqual(error.allow, b"DELETE")
