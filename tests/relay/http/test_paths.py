"""Routing by path: the longest prefix on a border of segments, and nothing that a service could read otherwise."""

import itertools
import re
from urllib.parse import unquote_to_bytes

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http.paths import DECODINGS, SEGMENTS_LIMIT, Ambiguous, PathTable, checked_prefix


class TableCase(SynchronousTestCase):
    table = PathTable([("/", False, "web"), ("/api", False, "api"), ("/api/v2", True, "new")])

    def check(self, target: bytes, route: str, asked: bytes | None = None) -> None:
        found = self.table.find(target)
        assert found is not None, target
        self.assertEqual((found.route, found.target), (route, target if asked is None else asked), target)

    def refuse(self, *targets: bytes) -> None:
        for target in targets:
            try:
                found = self.table.find(target)
            except Ambiguous:
                continue
            self.fail(f"{target!r} went to {found}")


class PrefixTests(TableCase):
    def test_the_longest_wins(self) -> None:
        self.check(b"/", "web")
        self.check(b"/index.html?a=/api/b", "web")
        self.check(b"/api", "api")
        self.check(b"/api/", "api")
        self.check(b"/api/users?x", "api")
        self.check(b"/api/v2/users?x=%2F..", "new", b"/users?x=%2F..")
        self.check(b"/api/v2", "new", b"/")
        self.check(b"/api/v2?x", "new", b"/?x")
        self.check(b"/api/v2/", "new", b"/")

    def test_only_on_borders_of_segments(self) -> None:
        self.check(b"/apis", "web")
        self.check(b"/api-v1", "web")
        self.check(b"/api.json", "web")
        self.check(b"/api/v22", "api")
        self.check(b"/API", "web")
        self.check(b"/x/api", "web")

    def test_the_rest_is_left_as_it_came(self) -> None:
        self.check(b"/a%20b/%C3%BC;x=1?%zz", "web")
        self.check(b"/api/group%2Fproject/%E4", "api")
        self.check(b"/api/v2/a%20b//c/./d/../e%2f?q", "new", b"/a%20b//c/./d/../e%2f?q")
        self.check(b"/api//x", "api")
        self.check(b"/.well-known/x", "web")
        self.check(b"/caf\xe9", "web")

    def test_a_prefix_goes_on_as_it_is_configured(self) -> None:
        """A service that does not decode it, or takes two slashes for a host, would see something else."""
        self.check(b"/%61pi/x", "api", b"/api/x")
        self.check(b"//api/x?y", "api", b"/api/x?y")
        self.check(b"///%61p%69//v2/x", "new", b"/x")
        self.check(b"/api/v2//evil.example/", "new", b"/evil.example/")
        self.check(b"//evil.example/", "web")

    def test_targets_that_are_no_paths(self) -> None:
        self.check(b"*", "web")
        self.refuse(b"http://a.example/api", b"api", b"")

    def test_without_a_route_for_the_rest(self) -> None:
        table = PathTable([("/api", False, "api")])
        self.assertIsNone(table.find(b"/"))
        self.assertIsNone(table.find(b"/apix"))
        self.assertIsNone(table.find(b"*"))
        self.assertIsNone(table.find(b"/%20"))
        self.assertEqual(table.find(b"/api/x"), ("api", b"/api/x"))
        for target in (b"/api/../x", b"/api/%2e%2e/x", b"/x/../api", b"/api/..;/x"):
            self.assertRaises(Ambiguous, table.find, target)

    def test_a_single_stripped_route_for_all_strips_nothing(self) -> None:
        self.assertEqual(PathTable([("/", True, "web")]).find(b"//a/../b"), ("web", b"//a/../b"))


class AttackTests(TableCase):
    """Ways past a prefix that have worked against proxies."""

    def test_ways_out(self) -> None:
        self.refuse(
            b"/api/../admin",
            b"/api/./../admin",
            b"/api/%2e%2e/admin",
            b"/api/.%2E/admin",
            b"/api/..%2fadmin",
            b"/api/..%2Fadmin",
            b"/api%2f..%2fadmin/../../api/x",
            b"/api/%252e%252e%252fadmin",
            b"/api/%25252e%25252e/admin",
            b"/api/..\\admin",
            b"/api/..%5cadmin",
            b"/api/..;/admin",
            b"/api/..;a=b/admin",
            b"/api/%2e%2e%3b/admin",
            b"/api/x%2f..%2f..%2f%2561pi/",
            b"/api/x/../..",
            b"/api/#/../../admin",
        )

    def test_ways_in(self) -> None:
        self.refuse(
            b"/x/../api/users",
            b"/./api",
            b"/api%2fusers",
            b"/api%5cusers",
            b"/api\\users",
            b"/api;x=1/users",
            b"/%2561pi/users",
            b"/;/api",
            b"/%2fapi",
            b"/x/..%2fapi",
            b"\\api",
        )

    def test_ends_of_strings(self) -> None:
        self.refuse(b"/api%00/x", b"/x%00", b"/x%2500", b"/x#y")

    def test_within_one_route_all_is_well(self) -> None:
        self.check(b"/api/x/../y", "api")
        self.check(b"/a/../b", "web")
        self.check(b"/a/..;/b", "web")
        self.check(b"/api/100%25", "api")
        self.check(b"/api/%3Fx%23y", "api")

    def test_bounds(self) -> None:
        segments = b"/a" * SEGMENTS_LIMIT
        self.check(segments, "web")
        self.check(segments[2:] + b"/%20", "web")
        self.refuse(segments + b"/%20", b"/" + b"%2f" * SEGMENTS_LIMIT)
        nested = b"/%" + b"25" * DECODINGS + b"20"
        self.refuse(nested)
        self.check(nested.replace(b"25", b"", 1), "web")

    def test_every_short_path(self) -> None:
        """No service of four readings sees a path of another's, for all paths of a few tricky pieces."""
        pieces = (b"/", b"api", b"..", b".", b"%2f", b"%2e", b";x", b"\\", b"%25", b"v2", b"%61pi")
        readers = (
            lambda path: path,
            lambda path: _resolve(re.sub(rb"//+", b"/", path)),
            lambda path: _resolve(unquote_to_bytes(path)),
            lambda path: _resolve(unquote_to_bytes(unquote_to_bytes(path)).replace(b"\\", b"/")),
            lambda path: _resolve(re.sub(rb";[^/]*", b"", unquote_to_bytes(path))),
        )
        went = 0
        table = PathTable([("/", False, "web"), ("/api", False, "api")])
        for count in range(1, 5):
            for parts in itertools.product(pieces, repeat=count):
                path = b"/" + b"".join(parts)
                try:
                    found = table.find(path)
                except Ambiguous:
                    continue
                assert found is not None
                went += 1
                for read in readers:
                    below = re.match(rb"/api(/|$)", read(found.target)) is not None
                    if found.route == "api" and not below:
                        self.fail(f"{path!r} reaches {read(found.target)!r} at the api")
        self.assertGreater(went, 1000)


def _resolve(path: bytes) -> bytes:
    """Dot segments, as RFC 3986 resolves them, and empty ones."""
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b".", b""):
            kept.append(segment)
    return b"/" + b"/".join(kept)


class CheckedPrefixTests(SynchronousTestCase):
    def test_prefixes(self) -> None:
        for text, prefix in (("/", "/"), ("/api", "/api"), ("/api/", "/api"), ("/a/b.c/~d", "/a/b.c/~d")):
            self.assertEqual(checked_prefix(text), prefix)

    def test_what_is_none(self) -> None:
        for text in ("", "api", "//", "/a//b", "/a/../b", "/.", "/a%20b", "/a;b", "/a?b", "/ü", "/a b", "/a\n", "/a//"):
            self.assertRaises(ValueError, checked_prefix, text)
