"""Files, directories and texts as visitors see them."""

import os
from typing import Any

from sellia.client.local.static.files import LISTED_LIMIT, RANGES_LIMIT
from sellia.targets import Target, TargetKind
from tests.client.local.static.case import Answer, StaticCase
from tests.logs import log_events


class DirectoryTests(StaticCase):
    async def test_a_file(self) -> None:
        self.write("app.js", "let a;")
        found = await self.get("/app.js?v=1")
        self.assertEqual((found.status, found.body), (200, b"let a;"))
        self.assertEqual(found.headers[b"content-type"], b"text/javascript; charset=utf-8")
        self.assertEqual(found.headers[b"content-length"], b"6")
        self.assertEqual(found.headers[b"x-content-type-options"], b"nosniff")
        self.assertEqual(found.headers[b"cache-control"], b"no-cache")
        self.assertNotIn(b"server", found.headers)

    async def test_types(self) -> None:
        for name, wanted in (
            ("a.html", b"text/html; charset=utf-8"),
            ("a.css", b"text/css; charset=utf-8"),
            ("a.svg", b"image/svg+xml; charset=utf-8"),
            ("a.wasm", b"application/wasm"),
            ("a.woff2", b"font/woff2"),
            ("a.png", b"image/png"),
            ("a.tar.gz", b"application/gzip"),
            ("a.unknown", b"application/octet-stream"),
            ("a", b"application/octet-stream"),
        ):
            self.write(name, "a")
            found = await self.get("/" + name)
            self.assertEqual(found.headers[b"content-type"], wanted, name)
            self.assertNotIn(b"content-encoding", found.headers)

    async def test_an_index(self) -> None:
        self.write("index.html", "top")
        self.write("docs/index.html", "docs")
        self.assertEqual((await self.get("/")).body, b"top")
        self.assertEqual((await self.get("/index.html")).body, b"top")
        self.assertEqual((await self.get("/docs/")).body, b"docs")

    async def test_a_directory_without_a_slash(self) -> None:
        self.write("a b/ü/index.html", "x")
        found = await self.get("/a%20b/%C3%BC?q=1")
        self.assertEqual((found.status, found.headers[b"location"]), (302, b"/a%20b/%C3%BC/?q=1"))

    async def test_nothing_is_listed_unless_asked(self) -> None:
        self.write("docs/a.txt")
        for path in ("/", "/docs/", "/docs"):
            self.assertEqual((await self.get(path)).status, 404, path)

    async def test_a_listing(self) -> None:
        self.write("<b>.txt")
        self.write(".env")
        self.write("docs/a.txt")
        found = await self.get("/", self.target(listing=True))
        self.assertEqual(found.status, 200)
        self.assertIn(b"&lt;b&gt;.txt", found.body)
        self.assertIn(b'href="docs/"', found.body)
        self.assertNotIn(b".env", found.body)
        self.assertEqual((await self.get("/docs", self.target(listing=True))).headers[b"location"], b"/docs/")
        found = await self.get("/docs/?<script>", self.target(listing=True))
        self.assertEqual(found.status, 200)
        self.assertNotIn(b"<script>", found.body)

    async def test_a_long_listing_is_cut(self) -> None:
        for number in range(LISTED_LIMIT + 5):
            (self.root / f"{number}.txt").touch()
        found = await self.get("/", self.target(listing=True))
        self.assertEqual(found.body.count(b"<a href"), LISTED_LIMIT)

    async def test_pages_without_their_extension(self) -> None:
        self.write("about.html", "about")
        self.assertEqual((await self.get("/about")).body, b"about")
        self.assertEqual((await self.get("/about/")).status, 404)

    async def test_what_is_missing(self) -> None:
        found = await self.get("/missing")
        self.assertEqual((found.status, found.body), (404, b"There is no such file.\n"))
        self.write("404.html", "<h1>gone</h1>")
        found = await self.get("/missing", range="bytes=0-1")
        self.assertEqual((found.status, found.body), (404, b"<h1>gone</h1>"))

    async def test_the_directory_may_come_later(self) -> None:
        target = self.target(self.root / "later")
        found = await self.get("/", target)
        self.assertEqual((found.status, found.body), (404, b"What this tunnel serves does not exist yet.\n"))
        self.write("later/index.html", "here")
        self.assertEqual((await self.get("/", target)).body, b"here")

    async def test_what_may_not_be_read(self) -> None:
        if os.geteuid() == 0:
            return
        self.write("a.txt").chmod(0)
        self.assertEqual((await self.get("/a.txt")).status, 403)

    async def test_methods(self) -> None:
        self.write("a.txt", "hello")
        found = await self.get("/a.txt", method=b"HEAD")
        self.assertEqual((found.status, found.headers[b"content-length"], found.body), (200, b"5", b""))
        for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"):
            found = await self.get("/a.txt", method=method, body=b"x", content_type="multipart/form-data; boundary=x")
            self.assertEqual((found.status, found.headers[b"allow"]), (405, b"GET, HEAD"))

    async def test_single_page_applications(self) -> None:
        self.write("index.html", "app")
        spa = self.target(spa=True)
        self.assertEqual((await self.get("/users/1", spa, accept="text/html")).body, b"app")
        self.assertEqual((await self.get("/users/1", spa, accept="*/*")).status, 200)
        self.assertEqual((await self.get("/missing.js", spa, accept="*/*")).status, 404)
        self.assertEqual((await self.get("/data", spa, accept="application/json")).status, 404)
        self.assertEqual((await self.get("/users/1", spa, method=b"POST", accept="text/html")).status, 405)
        self.assertEqual((await self.get("/users/1", accept="text/html")).status, 404)


class AttackTests(StaticCase):
    """Nothing above the directory, nothing hidden, whatever the path looks like."""

    async def test_paths(self) -> None:
        self.write("a/b.txt", "fine")
        self.write(".env", "secret")
        self.write(".git/config", "secret")
        (self.root / "out").symlink_to(self.outside)
        events = log_events(self)
        for path in (
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "/a/../../secret.txt",
            "/a/..%2f..%2fsecret.txt",
            "/..%5csecret.txt",
            "/..\\secret.txt",
            "/%252e%252e/secret.txt",
            "/%c0%ae%c0%ae/secret.txt",
            "//" + str(self.outside) + "/secret.txt",
            "/" + str(self.outside).replace("/", "%2f") + "%2fsecret.txt",
            "/out/secret.txt",
            "/.env",
            "/%2eenv",
            "/.git/config",
            "/a/.%00/b.txt",
            "/a/b.txt%00.html",
            "/a/b.txt/",
            "/a/b.txt/..",
            "/..;/secret.txt",
            "/\xff",
            "*",
        ):
            for target in (self.target(), self.target(spa=True), self.target(listing=True)):
                found = await self.get(path, target)
                self.assertIn(found.status, (400, 404, 405), path)
                self.assertNotIn(b"secret", found.body.replace(b"secret.txt", b""))
        self.assertEqual([event for event in events if event.get("isError")], [])

    async def test_a_directory_with_the_same_beginning(self) -> None:
        (self.outside / "dist-private").mkdir()
        (self.outside / "dist-private" / "a.txt").write_text("secret")
        self.assertEqual((await self.get("/../dist-private/a.txt")).status, 404)

    async def test_a_redirect_stays_here(self) -> None:
        self.write("evil.example/index.html", "x")
        found = await self.get("//evil.example")
        self.assertEqual(found.status, 404)
        self.assertEqual((await self.get("/evil.example")).headers[b"location"], b"/evil.example/")


class ConditionTests(StaticCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("a.txt", "0123456789")

    async def ask(self, **headers: str) -> Answer:
        return await self.get("/a.txt", **headers)  # type: ignore[arg-type]

    async def test_tags(self) -> None:
        first = await self.ask()
        etag = first.headers[b"etag"].decode()
        for value in (etag, f'"x", {etag}', f"W/{etag}", "*"):
            found = await self.ask(if_none_match=value)
            self.assertEqual((found.status, found.body, found.headers[b"etag"].decode()), (304, b"", etag), value)
        modified = first.headers[b"last-modified"].decode()
        found = await self.ask(if_none_match='"x"', if_modified_since=modified)
        self.assertEqual(found.status, 200, "the tag counts, and not the time")
        self.write("a.txt", "0123456780")
        self.assertEqual((await self.ask(if_none_match=etag)).status, 200)

    async def test_times(self) -> None:
        modified = (await self.ask()).headers[b"last-modified"].decode()
        self.assertEqual((await self.ask(if_modified_since=modified)).status, 304)
        self.assertEqual((await self.ask(if_modified_since="Thu, 01 Jan 1970 00:00:00 GMT")).status, 200)
        self.assertEqual((await self.ask(if_modified_since="no time")).status, 200)

    async def test_ranges(self) -> None:
        for value, body, range_ in (
            ("bytes=2-4", b"234", b"bytes 2-4/10"),
            ("bytes=-3", b"789", b"bytes 7-9/10"),
            ("bytes=8-99", b"89", b"bytes 8-9/10"),
        ):
            found = await self.ask(range=value)
            self.assertEqual((found.status, found.body, found.headers[b"content-range"]), (206, body, range_))
        self.assertEqual((await self.ask(range="bytes=10-")).status, 416)
        found = await self.ask(range="bytes=0-1,4-5")
        self.assertEqual(found.status, 206)
        self.assertIn(b"multipart/byteranges", found.headers[b"content-type"])

    async def test_ranges_that_are_left_alone(self) -> None:
        events = log_events(self)
        many = "bytes=" + ",".join(["0-"] * (RANGES_LIMIT + 1))
        long = "bytes=" + "9" * 5000 + "-"
        for value in ("lines=1-2", "bytes=", "bytes=a-b", "bytes=\xff", "bytes=5-4x", many, long):
            found = await self.ask(range=value)
            self.assertEqual((found.status, found.body), (200, b"0123456789"), value[:20])
        self.assertEqual([event for event in events if event.get("isError")], [])

    async def test_ranges_of_what_has_changed(self) -> None:
        first = await self.ask()
        etag, modified = first.headers[b"etag"].decode(), first.headers[b"last-modified"].decode()
        for value, status in ((etag, 206), (modified, 206), ('"x"', 200), (f"W/{etag}", 200), ("no", 200)):
            self.assertEqual((await self.ask(range="bytes=0-1", if_range=value)).status, status, value)

    async def test_a_file_that_shrinks(self) -> None:
        """The visitor must not take the next answer for the missing part, nor wait for it."""
        big = self.write("big", b"x" * 4_000_000)
        for headers in ({}, {"range": "bytes=0-3999990"}, {"range": "bytes=0-3000000,5-3999990"}):
            big.write_bytes(b"x" * 4_000_000)
            cut: Any = big

            def shrink(path: Any = cut) -> None:
                os.truncate(path, 100)

            found = await self.get("/big", **headers, before_reading=shrink)  # type: ignore[arg-type]
            self.assertLess(len(found.body), int(found.headers[b"content-length"]))
            self.assertNotIn(b"\0", found.body)


class SingleTests(StaticCase):
    async def test_a_single_file(self) -> None:
        page = self.write("page.html", "page")
        self.write("other.html", "other")
        target = self.target(page)
        self.assertEqual((await self.get("/", target)).body, b"page")
        self.assertEqual((await self.get("/page.html", target)).body, b"page")
        for path in ("/other.html", "/page.html/", "/x", "/favicon.ico"):
            self.assertEqual((await self.get(path, target)).status, 404, path)

    async def test_a_text(self) -> None:
        text = Target(TargetKind.TEXT, text="grüezi")
        for method in (b"GET", b"POST", b"DELETE"):
            found = await self.get("/any/where?x", text, method=method)
            self.assertEqual((found.status, found.body.decode()), (200, "grüezi"))
            self.assertEqual(found.headers[b"content-type"], b"text/plain; charset=utf-8")
        found = await self.get("/", text, method=b"HEAD")
        self.assertEqual((found.body, found.headers[b"content-length"]), (b"", b"7"))
