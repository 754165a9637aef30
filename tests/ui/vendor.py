"""Copies the libraries of pages out of ``tests/e2e/node/node_modules``: ``python -m tests.ui.vendor``.

A browser resolves no bare names without an import map, and the page's policy forbids an inline one, so the names in
``import … from "preact"`` become relative paths.  Nothing else is changed but the comment that names a source map,
which is not shipped.  ``vendor/manifest.json`` says for each file which version of which package it is, and the SHA-256
of it as published and as shipped; `tests.ui.test_vendor` holds the files to it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import sellia

BLOCKS: Final = Path(sellia.__file__).resolve().parent / "ui"
VENDOR: Final = BLOCKS / "vendor"
MANIFEST: Final = VENDOR / "manifest.json"
NODE_MODULES: Final = Path(__file__).resolve().parent.parent / "e2e" / "node" / "node_modules"

#: What is shipped: the package, its file, and the name here.
FILES: Final = (
    ("preact", "dist/preact.mjs", "preact.js"),
    ("preact", "hooks/dist/hooks.mjs", "hooks.js"),
    ("@preact/signals-core", "dist/signals-core.mjs", "signals-core.js"),
    ("@preact/signals", "dist/signals.mjs", "signals.js"),
    ("htm", "dist/htm.mjs", "htm.js"),
)

#: Bare names of modules, and where they are here.
NAMES: Final = {"preact": "./preact.js", "preact/hooks": "./hooks.js", "@preact/signals-core": "./signals-core.js"}

_SOURCE_MAP = re.compile(r"\n?//# sourceMappingURL=\S+\s*$")


@dataclass(frozen=True, slots=True)
class Vendored:
    """A file that is shipped, and where it is from."""

    name: str
    package: str
    version: str
    license: str
    file: str
    published_sha256: str
    shipped_sha256: str


def shipped(published: str) -> str:
    """Return the text of a library as it is shipped."""
    for name, path in NAMES.items():
        published = published.replace(f'from"{name}"', f'from"{path}"')
    return _SOURCE_MAP.sub("", published).rstrip("\n") + "\n"


def licence_name(package: str) -> str:
    """Return the name of the file with a package's licence."""
    return f"LICENSE.{package.lstrip('@').replace('/', '-')}"


def sha256(data: bytes) -> str:
    """Return a hash in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def describe(package: str, file: str, name: str) -> tuple[Vendored, str]:
    """Return what is installed of a file, and its text as it is shipped."""
    root = NODE_MODULES / package
    stated: dict[str, Any] = json.loads((root / "package.json").read_text())
    published = (root / file).read_bytes()
    text = shipped(published.decode())
    hashes = sha256(published), sha256(text.encode())
    return Vendored(name, package, stated["version"], stated["license"], file, *hashes), text


def main() -> None:
    """Write the files, their licences and the manifest."""
    VENDOR.mkdir(exist_ok=True)
    entries = []
    for package, file, name in FILES:
        entry, text = describe(package, file, name)
        entries.append(asdict(entry))
        (VENDOR / name).write_text(text)
        (VENDOR / licence_name(package)).write_bytes((NODE_MODULES / package / "LICENSE").read_bytes())
    MANIFEST.write_text(json.dumps(entries, indent=2) + "\n")


if __name__ == "__main__":
    main()
