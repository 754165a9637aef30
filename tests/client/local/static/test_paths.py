"""What a path names below a served directory: nothing that is outside, hidden, or no file."""

import os

from sellia.client.local.static.paths import listed_names, open_regular, plain_names, resolve
from tests.client.local.static.case import StaticCase


class NameTests(StaticCase):
    def test_names(self) -> None:
        self.assertEqual(plain_names([b"a", b"b c", "ü".encode()]), ["a", "b c", "ü"])
        self.assertEqual(plain_names([b""]), [])
        self.assertEqual(plain_names([b"a", b""]), ["a"])
        self.assertEqual(plain_names([b".well-known", b"acme"]), [".well-known", "acme"])

    def test_what_is_none(self) -> None:
        for segments in (
            [b".."],
            [b"."],
            [b"a", b"..", b"b"],
            [b"a/b"],
            [b"../b"],
            [b"a\\b"],
            [b"a\0.html"],
            [b"", b"a"],
            [b"a", b"", b"b"],
            [b".git", b"config"],
            [b".env"],
            [b"a", b".well-known"],
            [b"\xff"],
            [b"\xc0\xae\xc0\xae"],
        ):
            self.assertIsNone(plain_names(segments), segments)


class ResolveTests(StaticCase):
    def test_files_and_directories(self) -> None:
        path = self.write("a/b.txt")
        self.assertEqual(resolve(str(self.root), ["a", "b.txt"]), str(path))
        self.assertEqual(resolve(str(self.root), ["a"]), str(path.parent))
        self.assertEqual(resolve(str(self.root), []), str(self.root))
        self.assertIsNone(resolve(str(self.root), ["missing"]))
        self.assertIsNone(resolve(str(self.root), ["a", "b.txt", "c"]))
        self.assertIsNone(resolve(str(self.root / "missing"), []))

    def test_links_are_judged_by_where_they_lead(self) -> None:
        inside = self.write("a.txt")
        (self.root / "in").symlink_to(inside)
        (self.root / "out").symlink_to(self.outside / "secret.txt")
        (self.root / "up").symlink_to("..")
        (self.root / "loop").symlink_to("loop")
        (self.outside / "dist-other").mkdir()
        (self.root / "sibling").symlink_to(self.outside / "dist-other")
        self.assertEqual(resolve(str(self.root), ["in"]), str(inside))
        for names in (["out"], ["up", "secret.txt"], ["up"], ["loop"], ["sibling"]):
            self.assertIsNone(resolve(str(self.root), names), names)

    def test_the_directory_itself_may_be_a_link(self) -> None:
        path = self.write("a.txt")
        (self.outside / "current").symlink_to(self.root)
        self.assertEqual(resolve(str(self.outside / "current"), ["a.txt"]), str(path))

    def test_a_link_does_not_uncover_what_is_hidden(self) -> None:
        self.write(".git/config")
        (self.root / "git").symlink_to(".git")
        self.assertIsNone(resolve(str(self.root), ["git", "config"]))
        self.assertIsNone(resolve(str(self.root), ["git"]))
        self.assertIsNotNone(resolve(str(self.root), []))

    def test_a_hidden_directory_may_be_served_itself(self) -> None:
        path = self.write(".vitepress/dist/a.txt")
        self.assertEqual(resolve(str(path.parent), ["a.txt"]), str(path))

    def test_pipes_and_sockets_are_not_opened(self) -> None:
        os.mkfifo(self.root / "pipe")
        self.assertIsNone(resolve(str(self.root), ["pipe"]))
        with self.assertRaises(OSError):
            open_regular(str(self.root / "pipe"))
        with self.assertRaises(OSError):
            open_regular("/dev/null")

    def test_a_link_that_came_after_the_look_is_not_followed(self) -> None:
        (self.root / "a.txt").symlink_to(self.outside / "secret.txt")
        with self.assertRaises(OSError):
            open_regular(str(self.root / "a.txt"))


class ListTests(StaticCase):
    def test_only_what_may_be_served(self) -> None:
        for name in ("b", "a", ".env", "sub/c"):
            self.write(name)
        (self.root / "out").symlink_to(self.outside / "secret.txt")
        os.mkfifo(self.root / "pipe")
        os.mkdir(os.path.join(os.fsencode(self.root), b"\xff"))
        self.assertEqual(listed_names(str(self.root), str(self.root), 10), ["a", "b", "sub"])
        self.assertEqual(listed_names(str(self.root / "sub"), str(self.root), 10), ["c"])

    def test_a_bound(self) -> None:
        for number in range(5):
            self.write(str(number))
        self.assertEqual(len(listed_names(str(self.root), str(self.root), 3)), 3)
