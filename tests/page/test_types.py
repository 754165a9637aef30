"""The types of the pages hold: TypeScript reads its comments (``tsc --checkJs``) and finds nothing wrong."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.e2e.stage import node_argv, node_module, run
from tests.ui.vendor import BLOCKS

#: The inspector's page and the admin page, and what is in both of them.
PAGES = (BLOCKS.parent / "client" / "inspector" / "page", BLOCKS.parent / "server" / "admin" / "page")
FILES = [
    *(path for page in PAGES for path in page.rglob("*")),
    *(path for path in BLOCKS.glob("*") if path.suffix in (".js", ".css")),
]

#: Lines of a module at most, as in the rest.
LINES = 400


class TypeTests(SynchronousTestCase):
    def test_types(self) -> None:
        compiler = node_module("typescript/bin/tsc")
        for page in PAGES:
            finished = run(node_argv(compiler, "--project", str(page / "tsconfig.json"), "--pretty", "false"))
            self.assertEqual((finished.output.decode(), finished.status), ("", 0))

    def test_all_modules_are_checked(self) -> None:
        """No module opts out, and none is of a kind that is not looked at."""
        for path in FILES:
            if path.is_file():
                self.assertIn(path.suffix, (".js", ".css", ".html", ".svg", ".json", ".ts"), path.name)
                self.assertNotIn("@ts-nocheck", path.read_text(), path.name)

    def test_sizes(self) -> None:
        """Modules and styles are short."""
        for path in FILES:
            if path.is_file():
                self.assertLessEqual(path.read_text().count("\n"), LINES, path.name)


class MarkupTests(SynchronousTestCase):
    """What the page's content security policy forbids is not there."""

    def test_nothing_inline(self) -> None:
        """Scripts and styles come from files, and no markup is made of text."""
        for page in PAGES:
            text = (page / "index.html").read_text()
            for forbidden in ("<style", "style=", "javascript:", " on", "<script>"):
                self.assertNotIn(forbidden, text)
        for path in FILES:
            if path.suffix != ".js":
                continue
            code = path.read_text()
            for forbidden in (
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
            ):
                self.assertNotIn(forbidden, code, path.name)

    def test_nothing_from_elsewhere(self) -> None:
        """No address of another host is in the page."""
        for path in FILES:
            if path.suffix in (".html", ".css", ".js"):
                self.assertNotRegex(path.read_text(), r"[\"'(]https?://\w", path.name)
