"""The page from a Vite development server, through a real client: it is updated while it is open."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.stage import node_argv, node_module
from tests.page.live import Live, LiveTests
from tests.processes import Process, free_port
from tests.ui.vendor import BLOCKS

PAGE = BLOCKS.parent / "client" / "inspector" / "page"
CONFIG = Path(__file__).with_name("vite.config.js")


class ViteTests(LiveTests):
    """Vite, with copies of the page's sources."""

    vite: Process
    sources: Path

    @classmethod
    def make(cls) -> Live:
        script = node_module("vite/bin/vite.js")
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.sources = Path(directory.name).resolve()
        shutil.copytree(PAGE, cls.sources / "page")
        shutil.copytree(BLOCKS, cls.sources / "ui", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        port = free_port()
        env = {"PAGE": str(cls.sources / "page"), "BLOCKS": str(cls.sources / "ui")}
        env["VITE_CACHE"] = str(cls.sources / "cache")
        argv = node_argv(script, "--config", str(CONFIG), "--port", str(port), "--clearScreen", "false")
        cls.vite = Process(argv, name="vite", env=env, port=port)
        cls.addClassCleanup(cls.vite.stop)
        cls.vite.wait_for_port()
        return Live("dev", {"app": port}, "--inspector-dev", f"http://127.0.0.1:{port}")

    def test_hot_update(self) -> None:
        """A style that is edited is in the open page at once, and a module that is edited reloads it."""
        self.open()
        expect(self.page.locator(".linkstate")).to_contain_text("Connected")
        self.page.evaluate("window.before = true")
        style = self.sources / "page" / "style" / "frame.css"
        style.write_text(style.read_text() + "\n.topbar { outline: 7px solid rgb(1, 2, 3); }\n")
        expect(self.page.locator(".topbar")).to_have_css("outline-color", "rgb(1, 2, 3)")
        self.assertTrue(self.page.evaluate("window.before"))
        topbar = self.sources / "page" / "views" / "topbar.js"
        topbar.write_text(topbar.read_text().replace("<span>Sellia</span>", "<span>Edited</span>"))
        expect(self.page.locator(".brand")).to_contain_text("Edited")
