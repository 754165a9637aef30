"""Files of the inspector's page, from package data, and nothing else."""

from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from sellia.client.inspector.answers import Answer, ApiError

#: Media types by the ends of names; a file with another end is not served.
TYPES: Final = {
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "mjs": b"text/javascript; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "svg": b"image/svg+xml",
    "png": b"image/png",
    "ico": b"image/x-icon",
    "json": b"application/json",
    "map": b"application/json",
    "txt": b"text/plain; charset=utf-8",
    "woff2": b"font/woff2",
}

#: Segments of a path at most.
_DEPTH: Final = 6


class PageFiles:
    """Files below a directory of package data."""

    def __init__(self, root: Traversable | None = None) -> None:
        self._root = root if root is not None else files("sellia.client.inspector") / "page"

    def get(self, path: str, known: str = "") -> Answer:
        """Return a file, or 304 for one whose tag is ``known``.  Raises ApiError for what is none."""
        segments = [each for each in path.split("/") if each] or ["index.html"]
        end = segments[-1].rpartition(".")[2].lower()
        if len(segments) > _DEPTH or any(not _plain(each) for each in segments) or end not in TYPES:
            raise ApiError(404, "no-such-file", "The inspector has no such page.")
        found = self._root
        for each in segments:
            found = found / each
        if not found.is_file():
            raise ApiError(404, "no-such-file", "The inspector has no such page.")
        data = found.read_bytes()
        tag = f'"{blake2b(data, digest_size=12).hexdigest()}"'
        headers = {b"ETag": tag.encode(), b"Cache-Control": b"no-cache"}
        if tag in [each.strip() for each in known.split(",")]:
            return Answer(304, b"", TYPES[end], headers)
        return Answer(200, data, TYPES[end], headers)


def _plain(name: str) -> bool:
    """Return whether a name is that of a file, without a way out of its directory."""
    return name.isascii() and name[0] != "." and name.replace("-", "").replace("_", "").replace(".", "").isalnum()
