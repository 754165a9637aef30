"""Targets: every form that a person may write, what it means, how it is written back, and what is said of others."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.targets import (
    SOCKET_PATH_LIMIT,
    TARGET_LIMIT,
    Target,
    TargetError,
    TargetKind,
    host_of,
    parse_target,
    split_routes,
)

ADDRESS, UNIX, FILES, TEXT = TargetKind


def address(port: int, host: str = "localhost", scheme: str = "http", verify: bool | None = None) -> Target:
    """A target over TCP."""
    return Target(ADDRESS, scheme, host, port, verify=verify)


class FormTests(SynchronousTestCase):
    def check(self, text: str, wanted: Target, written: str = "") -> None:
        found = parse_target(text, "/home/ada/project", "/home/ada")
        self.assertEqual(found, wanted)
        if written:
            self.assertEqual(str(found), written)
            self.assertEqual(parse_target(written), found, "what is shown can be typed")

    def test_ports(self) -> None:
        self.check("8080", address(8080), "http://localhost:8080")
        self.check(" :8080 ", address(8080), "http://localhost:8080")
        self.check("65535", address(65535))

    def test_addresses(self) -> None:
        self.check("localhost:8080", address(8080), "http://localhost:8080")
        self.check("192.168.1.5:80", address(80, "192.168.1.5"), "http://192.168.1.5:80")
        self.check("[::1]:8080", address(8080, "::1"), "http://[::1]:8080")
        self.check("http://App.Example:3000/", address(3000, "app.example"), "http://app.example:3000")
        self.check("http://app.example", address(80, "app.example"))
        self.check("HTTPS://app.example", address(443, "app.example", "https"), "https://app.example:443")
        self.check("http://bücher.example:1", address(1, "xn--bcher-kva.example"))
        self.check("tcp://db.example:5432", address(5432, "db.example", "tcp"), "tcp://db.example:5432")

    def test_any_certificate(self) -> None:
        wanted = address(8443, "app.example", "https", verify=False)
        self.check("https+insecure://app.example:8443", wanted, "https+insecure://app.example:8443")
        self.assertEqual((wanted.secure, wanted.insecure), (True, True))
        self.assertFalse(parse_target("https://app.example").insecure)

    def test_unix_sockets(self) -> None:
        self.check("unix:/run/app.sock", Target(UNIX, path="/run/app.sock"), "unix:/run/app.sock")
        self.check("unix:///run/app.sock", Target(UNIX, path="/run/app.sock"))
        self.check("unix:app.sock", Target(UNIX, path="/home/ada/project/app.sock"))
        self.check("unix:~/app.sock", Target(UNIX, path="/home/ada/app.sock"))
        longest = "/" + "a" * (SOCKET_PATH_LIMIT - 1)
        self.check("unix:" + longest, Target(UNIX, path=longest))

    def test_files(self) -> None:
        self.check("./dist", Target(FILES, path="/home/ada/project/dist"), "/home/ada/project/dist")
        self.check("./", Target(FILES, path="/home/ada/project"))
        self.check(".", Target(FILES, path="/home/ada/project"))
        self.check("../site/a page.html", Target(FILES, path="/home/ada/project/../site/a page.html"))
        self.check("~/site", Target(FILES, path="/home/ada/site"))
        self.check("/srv//www/", Target(FILES, path="/srv/www"))
        self.check("file:///srv/www", Target(FILES, path="/srv/www"))
        self.check("./a=b", Target(FILES, path="/home/ada/project/a=b"))

    def test_texts(self) -> None:
        self.check("text:hello", Target(TEXT, text="hello"), "text:hello")
        self.check("text: two\nlines ", Target(TEXT, text=" two\nlines "))
        self.check("text:", Target(TEXT))

    def test_what_is_served_here(self) -> None:
        self.assertTrue(parse_target("text:a").static)
        self.assertTrue(parse_target("./a", "/").static)
        self.assertFalse(parse_target("80").static)
        self.assertFalse(parse_target("unix:/a").static)


class ShownTests(SynchronousTestCase):
    """What is shown cannot steer a terminal."""

    def test_where(self) -> None:
        self.assertEqual(parse_target("8080").where, "localhost:8080")
        self.assertEqual(parse_target("[::1]:80").where, "[::1]:80")
        self.assertEqual(parse_target("text:" + "a" * 50).where, "text:" + "a" * 40 + "…")
        self.assertEqual(str(parse_target("text:\x1b[2J")), "text:\\x1b[2J")
        self.assertEqual(str(parse_target("./\x1b", "/srv")), "/srv/\\x1b")
        self.assertEqual(str(parse_target("unix:/\x07")), "unix:/\\x07")

    def test_authority(self) -> None:
        for text, wanted in (
            ("8080", "localhost:8080"),
            ("http://a.example", "a.example"),
            ("https://a.example", "a.example"),
            ("https://a.example:80", "a.example:80"),
            ("[::1]:80", "[::1]"),
            ("unix:/a", "localhost"),
            ("text:a", "localhost"),
        ):
            self.assertEqual(parse_target(text).authority, wanted, text)


class RefusalTests(SynchronousTestCase):
    def check(self, text: str, line: str, hint: str = "") -> None:
        error = self.assertRaises(TargetError, parse_target, text, "/srv")
        self.assertIn(line, str(error))
        self.assertIn(hint, error.hint)

    def test_no_target(self) -> None:
        self.check("  ", "is empty", "text:hello")
        self.check("dist", "dist is not a target", "./dist")
        self.check("localhost", "localhost is not a target", "localhost:8080")
        self.check("app.example", "app.example is not a target", "app.example:8080")
        self.check("a b:80", "a b:80 is not a target")
        self.check(".hidden", ".hidden is not a path", "./")
        self.check("..dist", "..dist is not a path")
        self.check("-a:80", "-a is not a host name")
        self.check("a..b:80", "a..b is not a host name")
        self.check("ftp://a.example:21", "the scheme ftp", "https")
        self.check("tcp://a.example", "has no port", "tcp://a.example:5432")
        self.check("file:", "has no path")
        self.check("unix:", "has no path")
        self.check("unix://host/run/a", "another machine")
        self.check("./a\0b", "NUL")
        self.check("/", "would publish every file")
        self.check("//", "would publish every file")
        self.check("file:///", "would publish every file")
        self.check("~/a", "no home directory")

    def test_ports(self) -> None:
        for text in ("0", "65536", "99999999999999999999", "localhost:0", "http://localhost:70000"):
            self.check(text, "has a port that is not one")

    def test_bounds(self) -> None:
        self.check("unix:/" + "a" * SOCKET_PATH_LIMIT, "more than 107 bytes")
        self.check("unix:/" + "ü" * 54, "more than 107 bytes")
        self.check("text:" + "a" * TARGET_LIMIT, "longer than")
        self.assertEqual(len(parse_target("text:" + "a" * (TARGET_LIMIT - 5)).text), TARGET_LIMIT - 5)

    def test_a_password_is_not_repeated(self) -> None:
        for text in (
            "http://ada:hunter2@localhost:80",
            "ada:hunter2@localhost",
            "http://localhost/?key=hunter2",
            "postgres://ada:hunter2@db/app",
            "http://localhost:80/hunter2",
        ):
            error = self.assertRaises(TargetError, parse_target, text, "/srv")
            self.assertNotIn("hunter2", f"{error} {error.hint}")

    def test_what_is_repeated_is_short_and_printable(self) -> None:
        error = self.assertRaises(TargetError, parse_target, "\x1b" * 500)
        self.assertLess(len(f"{error}"), 120)
        self.assertTrue(str(error).isprintable())


class ArgumentTests(SynchronousTestCase):
    def test_one_target(self) -> None:
        self.assertIsNone(split_routes([]))
        for text in ("8080", "./a=b", "/srv/www", "text:/=b", "unix:/a=b"):
            self.assertEqual(split_routes([text]), text)

    def test_paths(self) -> None:
        wanted = {"/": "5173", "/api": "8000"}
        for arguments in (
            ["/=5173", "/api=8000"],
            ["/", "=5173", "/api=8000"],
            ["5173", "/api=8000"],
            ["/api=8000", "5173"],
            ["/", "=5173", "/api", "=8000"],
        ):
            self.assertEqual(split_routes(arguments), wanted, arguments)
        self.assertEqual(split_routes(["/api=/srv/a=b"]), {"/api": "/srv/a=b"})

    def test_two_for_one_path(self) -> None:
        for arguments in (["80", "81"], ["/=80", "81"], ["/a=80", "/a=81"]):
            error = self.assertRaises(TargetError, split_routes, arguments)
            self.assertIn("two targets are for the path", str(error))


class HostTests(SynchronousTestCase):
    def test_hosts(self) -> None:
        self.assertEqual(host_of("[0:0::1]"), "::1")
        self.assertEqual(host_of("A.Example."), "a.example")
        self.assertRaises(TargetError, host_of, "")
        self.assertRaises(TargetError, host_of, "a" * 64)
