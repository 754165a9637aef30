"""The files of the admin page: to everybody, as they are, and nothing else."""

from tests.server.admin.stage import AdminCase


class FileTests(AdminCase):
    async def test_the_page(self) -> None:
        said = await self.ask("GET", "/", key=None)
        self.assertEqual((said.status, said.headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("script-src 'self'", said.headers["content-security-policy"])
        self.assertNotIn("unsafe", said.headers["content-security-policy"])
        for path, kind in (
            ("/app.js", "text/javascript; charset=utf-8"),
            ("/ui/base.css", "text/css; charset=utf-8"),
            ("/ui/vendor/preact.js", "text/javascript; charset=utf-8"),
            ("/icon.svg", "image/svg+xml"),
        ):
            said = await self.ask("GET", path, key=None)
            self.assertEqual((said.status, said.headers["content-type"]), (200, kind), path)
            for name, value in (
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("cross-origin-resource-policy", "same-origin"),
                ("referrer-policy", "no-referrer"),
                ("cache-control", "no-cache"),
            ):
                self.assertEqual(said.headers[name], value, path)
            self.assertIn("frame-ancestors 'none'", said.headers["content-security-policy"])

    async def test_what_a_browser_has_already(self) -> None:
        said = await self.ask("GET", "/app.js", key=None)
        again = await self.ask("GET", "/app.js", key=None, headers={"If-None-Match": said.headers["etag"]})
        self.assertEqual((again.status, again.body), (304, b""))
        head = await self.ask("HEAD", "/app.js", key=None)
        self.assertEqual((head.status, head.body, head.headers["etag"]), (200, b"", said.headers["etag"]))

    async def test_what_is_none(self) -> None:
        for path in (
            "/nothing.html",
            "/../service.py",
            "/%2e%2e/service.py",
            "/ui/files.py",
            "/types.d",
            "/.git",
            "/ui",
        ):
            said = await self.ask("GET", path, key=None)
            self.assertEqual((said.status, said.word), (404, "no-such-page"), path)
        said = await self.ask("POST", "/", {}, key=None)
        self.assertEqual((said.status, said.headers["allow"]), (405, "GET, HEAD"))
