"""The libraries of the page are what their authors published, with relative imports, and with their licences."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.ui import vendor


def manifest() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(vendor.MANIFEST.read_text())
    return entries


class VendoredTests(SynchronousTestCase):
    def test_hashes(self) -> None:
        """Each file has the hash that is pinned, and no file is there that has none."""
        for entry in manifest():
            self.assertEqual(vendor.sha256((vendor.VENDOR / entry["name"]).read_bytes()), entry["shipped_sha256"])
        scripts = {path.name for path in vendor.VENDOR.glob("*.js")}
        self.assertEqual(scripts, {entry["name"] for entry in manifest()})

    def test_licences(self) -> None:
        """Each package's licence is shipped, and allows it."""
        for entry in manifest():
            text = (vendor.VENDOR / vendor.licence_name(entry["package"])).read_text()
            self.assertIn(entry["license"], ("MIT", "Apache-2.0"))
            self.assertIn({"MIT": "MIT License", "Apache-2.0": "Apache License"}[entry["license"]], text)

    def test_versions_are_pinned(self) -> None:
        """The npm packages of the tests are the same versions, exactly, so that a newer one is taken on purpose."""
        stated = json.loads((vendor.NODE_MODULES.parent / "package.json").read_text())["dependencies"]
        for entry in manifest():
            self.assertEqual(stated[entry["package"]], entry["version"])

    def test_published(self) -> None:
        """What npm installs, with its imports made relative, is what is shipped."""
        if not (vendor.NODE_MODULES / "preact").exists():
            raise SkipTest("the npm packages in tests/e2e/node are not installed: python -m tests.e2e.prepare")
        for entry, (package, file, name) in zip(manifest(), vendor.FILES, strict=True):
            self.assertEqual(asdict(vendor.describe(package, file, name)[0]), entry)

    def test_imports(self) -> None:
        """No import is left that a browser could not resolve, and nothing is fetched from elsewhere."""
        for path in vendor.VENDOR.glob("*.js"):
            for name in re.findall(r'from ?"([^"]+)"', path.read_text()):
                self.assertTrue((vendor.VENDOR / name).exists(), f"{path.name}: {name}")
            self.assertNotIn("sourceMappingURL", path.read_text())
