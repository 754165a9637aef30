"""Origins, and the fields that name them."""

import time

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http.origins import Url, mapped_cookie, mapped_link, mapped_policy, mapped_refresh

OWN = Url(b"http", b"localhost:8080")
PUBLIC = Url(b"https", b"App.Example:443")


class UrlTests(SynchronousTestCase):
    def test_origin(self) -> None:
        self.assertEqual((PUBLIC.origin, PUBLIC.host), (b"https://app.example", b"app.example"))
        self.assertEqual(Url(b"http", b"[::1]:80").origin, b"http://[::1]")
        self.assertEqual(Url(b"http", b"[::1]:8080").host, b"[::1]")

    def test_paths(self) -> None:
        for url, path in (
            (b"https://app.example", b""),
            (b"https://app.example:443/a", b"/a"),
            (b"HTTPS://APP.EXAMPLE?a", b"?a"),
            (b"//app.example#a", b"#a"),
            (b"https://app.example:4430/", None),
            (b"https://app.example.evil/", None),
            (b"https://app.example\\@evil", None),
            (b"https://app.example@evil", None),
            (b"http://app.example/", None),
            (b"/a", None),
            (b"", None),
        ):
            self.assertEqual(PUBLIC.path_in(url), path, url)

    def test_hosts(self) -> None:
        for url, host in (
            (b"https://a.example:80/x", b"a.example"),
            (b"https://user:pass@A.example.", b"a.example"),
            (b"http://[::1]:80", b"[::1]"),
            (b"http://a.example\\@b.example", b"a.example"),
            (b"null", None),
            (b"", None),
            (b"//a.example", None),
        ):
            self.assertEqual(Url.host_in(url), host, url)


class FieldTests(SynchronousTestCase):
    def test_refresh(self) -> None:
        for said, read in (
            (b"5;url=/a", b"5;url=!/a"),
            (b'0, URL = "/a;b"', b'0, URL = "!/a;b"'),
            (b"5; /a", b"5; !/a"),
            (b"5", b"5"),
            (b"5;", b"5;"),
            (b"soon", b"soon"),
        ):
            self.assertEqual(mapped_refresh(said, lambda url: b"!" + url), read, said)

    def test_link(self) -> None:
        self.assertEqual(mapped_link(b"</a>; rel=x, </b>", lambda url: b"!" + url), b"<!/a>; rel=x, <!/b>")

    def test_policy(self) -> None:
        for said, read in (
            (b"img-src localhost:8080/a", b"img-src app.example/a"),
            (b"img-src  http://localhost:8080", b"img-src  https://app.example"),
            (
                b"connect-src ws://LOCALHOST:8080 wss://localhost:8080/x",
                b"connect-src wss://app.example wss://app.example/x",
            ),
            (b"img-src *.localhost:8080 localhost:80800", b"img-src *.localhost:8080 localhost:80800"),
            (b"img-src 'self'", b"img-src 'self'"),
        ):
            self.assertEqual(mapped_policy(said, OWN, PUBLIC), read, said)
        self.assertEqual(mapped_policy(b"x ws://localhost:8080", OWN, Url(b"http", b"a.example")), b"x ws://a.example")

    def test_cookies_of_many_pieces(self) -> None:
        self.assertEqual(mapped_cookie(b"a=b", OWN, PUBLIC, b""), b"a=b")
        self.assertEqual(mapped_cookie(b"a=b;domain=.LOCALHOST", OWN, PUBLIC, b""), b"a=b; Domain=app.example")
        self.assertEqual(mapped_cookie(b"a=b; Path", OWN, PUBLIC, b"/x"), b"a=b; Path")

    def test_long_values_take_linear_time(self) -> None:
        began = time.process_time()
        for size in (30_000, 60_000):
            junk = b"5;" + b" ;," * size
            mapped_refresh(junk, lambda url: url)
            mapped_link(b"<" * size, lambda url: url)
            mapped_policy(b"localhost:8080 " * (size // 15), OWN, PUBLIC)
            mapped_cookie(b"a; " * size, OWN, PUBLIC, b"/x")
            Url.host_in(b"http://" + b"@" * size)
        self.assertLess(time.process_time() - began, 5.0)
