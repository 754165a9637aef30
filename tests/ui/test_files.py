"""Files of a page and of the building blocks beneath it."""

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.ui.files import PageFile, PageFiles


class FilesTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name) / "page"
        self.root.mkdir()
        (self.root / "index.html").write_text("first")
        (self.root / ".secret.txt").write_text("x")
        (self.root / "code.py").write_text("x")
        (self.root.parent / "outside.txt").write_text("x")
        self.files = PageFiles(self.root)

    def find(self, path: str) -> PageFile:
        found = self.files.find(path)
        assert found is not None, path
        return found

    def test_page(self) -> None:
        for path in ("", "/", "/index.html"):
            self.assertEqual(self.find(path).data, b"first")
        self.assertEqual(self.find("/").type, b"text/html; charset=utf-8")

    def test_blocks(self) -> None:
        """The building blocks are found beneath every page, their libraries with them."""
        self.assertIn(b"export const html", self.find("/ui/html.js").data)
        self.assertEqual(self.find("/ui/base.css").type, b"text/css; charset=utf-8")
        self.assertIn(b"export", self.find("/ui/vendor/preact.js").data)

    def test_nothing_else(self) -> None:
        """No path leads out, to what is hidden, or to what is no part of a page."""
        for path in (
            "/../outside.txt",
            "/ui/../../outside.txt",
            "/.secret.txt",
            "/code.py",
            "/ui/files.py",
            "/ui",
            "/missing.js",
            "/ui/../ui/html.js",
            "/a/b/c/d/e/f/g.js",
            "/\0.js",
            "/ui//../html.js",
            "/..%2foutside.txt",
            "/C:\\x.js",
        ):
            self.assertIsNone(self.files.find(path), path)

    def test_tags(self) -> None:
        """A file that changes gets another tag; the tag is found in a list of them."""
        before = self.find("/")
        (self.root / "index.html").write_text("second")
        after = self.find("/")
        self.assertNotEqual(before.tag, after.tag)
        self.assertTrue(after.is_known(f"{before.tag}, {after.tag}"))
        self.assertFalse(after.is_known(before.tag))
        self.assertFalse(after.is_known(""))
