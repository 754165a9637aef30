"""Files of a page, and of the building blocks beneath it, by the path that a browser asks for."""

from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

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

#: The directory of every page in which the building blocks are found.
BLOCKS: Final = "ui"

#: Segments of a path at most.
_DEPTH: Final = 6


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file: its bytes, its media type, and its entity tag with the quotes (RFC 9110, 8.8.3)."""

    data: bytes
    type: bytes
    tag: str

    def is_known(self, tags: str) -> bool:
        """Return whether a list of tags, the value of If-None-Match, has this one."""
        return self.tag in [each.strip() for each in tags.split(",")]


class PageFiles:
    """Files below a page's directory, with the building blocks as its ``ui``."""

    def __init__(self, page: Traversable) -> None:
        self._page = page
        self._blocks = files("sellia.ui")

    def find(self, path: str) -> PageFile | None:
        """Return the file of a path; ``index.html`` of an empty one.  None: there is none."""
        segments = [each for each in path.split("/") if each] or ["index.html"]
        end = segments[-1].rpartition(".")[2].lower()
        if len(segments) > _DEPTH or any(not _plain(each) for each in segments) or end not in TYPES:
            return None
        found = self._page
        if segments[0] == BLOCKS:
            found, segments = self._blocks, segments[1:]
        for each in segments:
            found = found / each
        if not found.is_file():
            return None
        data = found.read_bytes()
        return PageFile(data, TYPES[end], f'"{blake2b(data, digest_size=12).hexdigest()}"')


def _plain(name: str) -> bool:
    """Return whether a name is that of a file, without a way out of its directory."""
    return name.isascii() and name[0] != "." and name.replace("-", "").replace("_", "").replace(".", "").isalnum()
