"""Heads of a service under another name or path, case by case: the tables of ``docs/headers.rst`` are these."""

from pathlib import Path
from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.messages import Headers
from sellia.relay.http.changes import changes_of
from sellia.relay.http.rewriting import FOREIGN, HeaderRules, HeaderSet, Rewriter, Undo

HOST: Final = b"app.example"
LOCAL: Final = HeaderRules(HeaderSet.LOCAL)
HYBRID: Final = HeaderRules(HeaderSet.HYBRID)
PUBLIC: Final = HeaderRules()

#: Fields of a request: what the visitor says, and what the service at localhost:8080 reads under its own name.
REQUEST_CASES: Final = (
    ("Host", "app.example", "localhost:8080"),
    ("Origin", "https://app.example", "http://localhost:8080"),
    ("Origin", "https://evil.example", "https://evil.example"),
    ("Origin", "http://app.example", "http://app.example"),
    ("Origin", "null", "null"),
    ("Origin", "http://localhost:8080", "http://foreign.invalid"),
    ("Origin", "http://localhost:3000", "http://foreign.invalid"),
    ("Referer", "https://app.example/a?b", "http://localhost:8080/a?b"),
    ("Referer", "https://app.example.evil.example/", "https://app.example.evil.example/"),
    ("Referer", "http://localhost:8080/a", "http://foreign.invalid/"),
    ("Destination", "https://app.example/a", "http://localhost:8080/a"),
    ("X-Forwarded-For", "203.0.113.7", "203.0.113.7"),
    ("X-Forwarded-Host", "app.example", None),
    ("X-Forwarded-Proto", "https", None),
    ("X-Forwarded-Port", "443", None),
    ("Forwarded", "for=203.0.113.7;host=app.example", None),
    ("Cookie", "a=http://localhost:8080", "a=http://localhost:8080"),
)

#: Fields of its responses, and what the visitor reads.
RESPONSE_CASES: Final = (
    ("Location", "http://localhost:8080/login?a#b", "https://app.example/login?a#b"),
    ("Location", "/login", "/login"),
    ("Location", "//localhost:8080/login", "https://app.example/login"),
    ("Location", "http://localhost:8081/", "http://localhost:8081/"),
    ("Location", "http://localhost:8080.evil.example/", "http://localhost:8080.evil.example/"),
    (
        "Location",
        "https://login.example/?next=http://localhost:8080/",
        "https://login.example/?next=http://localhost:8080/",
    ),
    ("Content-Location", "http://localhost:8080/a", "https://app.example/a"),
    ("Refresh", "5; url=http://localhost:8080/a", "5; url=https://app.example/a"),
    ("Link", "<http://localhost:8080/a.css>; rel=preload", "<https://app.example/a.css>; rel=preload"),
    ("Set-Cookie", "a=b; Domain=localhost; Path=/", "a=b; Domain=app.example; Path=/"),
    ("Set-Cookie", "a=b; Domain=other.example", "a=b; Domain=other.example"),
    ("Set-Cookie", "a=b; Secure; HttpOnly", "a=b; Secure; HttpOnly"),
    ("Access-Control-Allow-Origin", "http://localhost:8080", "https://app.example"),
    ("Access-Control-Allow-Origin", "*", "*"),
    ("Access-Control-Allow-Origin", "https://evil.example", "https://evil.example"),
    (
        "Content-Security-Policy",
        "default-src 'self' http://localhost:8080; connect-src ws://localhost:8080 localhost:8081",
        "default-src 'self' https://app.example; connect-src wss://app.example localhost:8081",
    ),
    ("X-Other", "http://localhost:8080/", "http://localhost:8080/"),
)

#: Fields of responses of a service below /api that is asked without it, under the visitor's names.
STRIPPED_CASES: Final = (
    ("Location", "/login", "/api/login"),
    ("Location", "/", "/api/"),
    ("Location", "/api/login", "/api/login"),
    ("Location", "/apis", "/api/apis"),
    ("Location", "login", "login"),
    ("Location", "//cdn.example/a", "//cdn.example/a"),
    ("Location", "https://app.example/login", "https://app.example/api/login"),
    ("Location", "https://login.example/", "https://login.example/"),
    ("Content-Location", "/a", "/api/a"),
    ("Refresh", "0;URL='/a'", "0;URL='/api/a'"),
    ("Refresh", "30", "30"),
    ("Link", "</a.css>; rel=preload, <https://cdn.example/b>", "</api/a.css>; rel=preload, <https://cdn.example/b>"),
    ("Set-Cookie", "a=b; Path=/", "a=b; Path=/api"),
    ("Set-Cookie", "a=b; Path=/admin; Secure", "a=b; Path=/api/admin; Secure"),
    ("Set-Cookie", "a=b; path=/api/x", "a=b; path=/api/x"),
    ("Set-Cookie", "a=b", "a=b"),
    ("Set-Cookie", "__Host-a=b; Path=/; Secure", "__Host-a=b; Path=/; Secure"),
)


def rewriter(rules: HeaderRules, prefix: str = "", scheme: str = "http", authority: str = "localhost:8080") -> Rewriter:
    return Rewriter(rules, scheme, authority, prefix)


def forwarded(scheme: bytes = b"https", host: bytes = HOST) -> Headers:
    """The fields with which the server tells where a request comes from."""
    return [(b"Host", host), (b"X-Forwarded-Proto", scheme), (b"X-Forwarded-Host", host)]


def undo(rules: HeaderRules, prefix: str = "", scheme: bytes = b"https", target: bytes = b"/") -> Undo:
    return rewriter(rules, prefix).request(forwarded(scheme), target, b"http")[1]


class RewritingCase(SynchronousTestCase):
    def asked(
        self, rules: HeaderRules, *fields: tuple[bytes, bytes], target: bytes = b"/", prefix: str = ""
    ) -> Headers:
        return rewriter(rules, prefix).request([*forwarded(), *fields], target, b"http")[0]


class LocalTests(RewritingCase):
    def test_requests(self) -> None:
        for name, said, read in REQUEST_CASES:
            base = [pair for pair in forwarded() if pair[0] != name.encode()]
            told = [*base, (name.encode(), said.encode())]
            if name == "X-Forwarded-Proto":
                told = [*told, (b"Host", HOST)]
            headers, _ = rewriter(LOCAL).request(told, b"/", b"https")
            values = [value.decode() for each, value in headers if each.decode() == name]
            self.assertEqual(values, [] if read is None else [read], (name, said))

    def test_responses(self) -> None:
        for name, said, read in RESPONSE_CASES:
            [(_, value)] = undo(LOCAL).response([(name.encode(), said.encode())], 200)
            self.assertEqual(value.decode(), read, (name, said))

    def test_default_ports(self) -> None:
        plain = rewriter(LOCAL, authority="shop.test").request(forwarded(), b"/", b"http")[1]
        for said in (b"http://shop.test/a", b"http://shop.test:80/a", b"HTTP://Shop.Test/a"):
            self.assertEqual(plain.url(said), b"https://app.example/a")
        self.assertEqual(plain.url(b"https://shop.test/a"), b"https://shop.test/a")

    def test_the_visitors_port(self) -> None:
        headers = [*forwarded(b"http", b"app.example:8443"), (b"Origin", b"http://app.example:8443")]
        asked, back = rewriter(LOCAL).request(headers, b"/", b"https")
        self.assertIn((b"Origin", b"http://localhost:8080"), asked)
        self.assertEqual(back.url(b"http://localhost:8080/a"), b"http://app.example:8443/a")

    def test_a_server_that_tells_nothing(self) -> None:
        """Its dialect has no place for it: the tunnel's own URL says the scheme."""
        asked, back = rewriter(LOCAL).request([(b"host", HOST), (b"origin", b"https://app.example")], b"/", b"https")
        self.assertEqual(asked, [(b"host", b"localhost:8080"), (b"origin", b"http://localhost:8080")])
        self.assertEqual(back.url(b"http://localhost:8080/"), b"https://app.example/")

    def test_spellings_of_the_own_host(self) -> None:
        for origin in (b"https://localhost", b"http://LOCALHOST:1", b"http://localhost.:3000", b"ws://localhost:8080"):
            self.assertIn((b"Origin", FOREIGN), self.asked(LOCAL, (b"Origin", origin)), origin)

    def test_origins_that_only_look_like_ours(self) -> None:
        for origin in (
            b"https://app.example:443",
            b"https://app.example/",
            b"https://APP.example",
            b"https://app.example.",
            b"https://app.example@evil.example",
            b"https://evil.example/https://app.example",
            b" https://app.example",
            b"",
        ):
            self.assertIn((b"Origin", origin), self.asked(LOCAL, (b"Origin", origin)), origin)

    def test_a_secure_cookie_of_a_visitor_without_tls(self) -> None:
        back = undo(LOCAL, scheme=b"http")
        for said, read in (
            (b"a=b; Secure; HttpOnly", b"a=b; HttpOnly"),
            (b"__Secure-a=b; Secure", b"__Secure-a=b; Secure"),
            (b"a=b; SameSite=None; Secure", b"a=b; SameSite=None; Secure"),
            (b"a=b; Secure; Partitioned", b"a=b; Secure; Partitioned"),
        ):
            self.assertEqual(back.response([(b"Set-Cookie", said)], 200), [(b"Set-Cookie", read)])
        self.assertEqual(
            undo(PUBLIC, "/api", b"http").response([(b"Set-Cookie", b"a=b; Secure")], 200)[0][1], b"a=b; Secure"
        )

    def test_another_name(self) -> None:
        rules = HeaderRules(HeaderSet.LOCAL, host="shop.test")
        asked = self.asked(rules, (b"Origin", b"https://app.example"))
        self.assertEqual(asked, [(b"Host", b"shop.test"), (b"Origin", b"http://shop.test")])
        self.assertEqual(undo(rules).url(b"http://shop.test/a"), b"https://app.example/a")


class HybridTests(RewritingCase):
    def test_only_below_the_paths(self) -> None:
        ours = (b"Origin", b"https://app.example")
        for target, origin in (
            (b"/_next/webpack-hmr?id=1", b"http://localhost:8080"),
            (b"/__nextjs_original-stack-frame", b"http://localhost:8080"),
            (b"/", b"https://app.example"),
            (b"/api/_next/", b"https://app.example"),
        ):
            asked = self.asked(HYBRID, ours, target=target)
            self.assertEqual(asked, [*forwarded(), (b"Origin", origin)], target)

    def test_foreign_origins_stay_foreign(self) -> None:
        for origin, read in ((b"https://evil.example", b"https://evil.example"), (b"http://localhost:3000", FOREIGN)):
            self.assertIn((b"Origin", read), self.asked(HYBRID, (b"Origin", origin), target=b"/_next/x"))

    def test_what_the_service_allows_is_put_right(self) -> None:
        said = [(b"Access-Control-Allow-Origin", b"http://localhost:8080")]
        self.assertEqual(undo(HYBRID, target=b"/_next/x").response(said, 200)[0][1], b"https://app.example")
        self.assertEqual(undo(HYBRID).response(said, 200), said)


class StrippedTests(RewritingCase):
    def test_responses(self) -> None:
        for name, said, read in STRIPPED_CASES:
            [(_, value)] = undo(PUBLIC, "/api").response([(name.encode(), said.encode())], 302)
            self.assertEqual(value.decode(), read, (name, said))

    def test_under_its_own_name(self) -> None:
        back = undo(LOCAL, "/api")
        for said, read in (
            (b"http://localhost:8080/login", b"https://app.example/api/login"),
            (b"http://localhost:8080", b"https://app.example/api/"),
            (b"http://localhost:8080?a", b"https://app.example/api/?a"),
            (b"/login", b"/api/login"),
        ):
            self.assertEqual(back.url(said), read)

    def test_the_service_is_told(self) -> None:
        self.assertEqual(self.asked(PUBLIC, prefix="/api"), [*forwarded(), (b"X-Forwarded-Prefix", b"/api")])
        self.assertEqual(self.asked(HeaderRules(forwarded=False), prefix="/api"), [(b"Host", HOST)])

    def test_destinations(self) -> None:
        for said, read in (
            (b"https://app.example/api/a", b"https://app.example/a"),
            (b"https://app.example/api", b"https://app.example/"),
            (b"https://app.example/apis", b"https://app.example/apis"),
            (b"https://other.example/api/a", b"https://other.example/api/a"),
        ):
            self.assertIn((b"Destination", read), self.asked(PUBLIC, (b"Destination", said), prefix="/api"))


class ChangeTests(RewritingCase):
    def test_changes_come_last(self) -> None:
        request = changes_of(["Cookie"], {"X-Forwarded-Proto": "https", "x-env": "dev"}, {"Accept": "b"})
        asked = self.asked(
            HeaderRules(HeaderSet.LOCAL, request=request), (b"Accept", b"a"), (b"COOKIE", b"x"), (b"X-Env", b"1")
        )
        wanted = [(b"Host", b"localhost:8080"), (b"Accept", b"a"), (b"x-env", b"dev")]
        self.assertEqual(asked, [*wanted, (b"X-Forwarded-Proto", b"https"), (b"Accept", b"b")])

    def test_only_final_responses(self) -> None:
        back = undo(HeaderRules(response=changes_of(["Server"], {}, {"X-Robots-Tag": "noindex"})))
        final = back.response([(b"server", b"x"), (b"A", b"b")], 200)
        self.assertEqual(final, [(b"A", b"b"), (b"X-Robots-Tag", b"noindex")])
        self.assertEqual(back.response([(b"server", b"x")], 103), [(b"server", b"x")])
        self.assertEqual(back.response([(b"server", b"x")], 101), [(b"server", b"x")])

    def test_order_case_and_repetition_stay(self) -> None:
        fields = ((b"accept", b"a"), (b"Cookie", b"1"), (b"cookie", b"2"), (b"X-A", b""))
        self.assertEqual(self.asked(HeaderRules(forwarded=False), *fields), [(b"Host", HOST), *fields])


def table(cases: tuple[tuple[str, str, str | None], ...], before: str, after: str) -> str:
    """The rows of ``docs/headers.rst`` for these cases."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for name, said, read in (("field", before, after), *((f"``{n}``", f"``{s}``", r) for n, s, r in cases)):
        shown = (
            read if name == "field" else "taken off" if read is None else "the same" if f"``{read}``" == said else ""
        )
        lines += [f"   * - {name}", f"     - {said}", f"     - {shown or f'``{read}``'}"]
    return "\n".join(lines) + "\n"


class DocumentTests(SynchronousTestCase):
    def test_the_tables_are_these_cases(self) -> None:
        page = Path(__file__).parents[3].joinpath("docs", "headers.rst").read_text("utf-8")
        self.assertIn(table(REQUEST_CASES, "from the visitor", "at the service"), page)
        self.assertIn(table(RESPONSE_CASES, "from the service", "at the visitor"), page)
        self.assertIn(table(STRIPPED_CASES, "from the service", "at the visitor"), page)
