"""Resources that serve a directory, a single file or a text.

What a path names is decided in :mod:`sellia.client.local.static.paths`; the file that was found is served by
twisted.web's ``File``, which has ranges and producers.  Here are the rules around it:

* A directory is its ``index.html``; without one it is listed if that was asked for, and else there is nothing.  A path
  without an extension is tried with ``.html`` as well.
* With ``spa``, a page that is no file is the ``index.html`` at the top: GET and HEAD for HTML, of a path whose last
  segment has no dot, so that a missing script is still 404.  Without, a ``404.html`` at the top says that.
* Every file has an ``ETag`` made of its inode, size and time of change; ``If-None-Match`` and ``If-Range`` are
  honoured as RFC 9110 has them, and a browser is told to ask each time (``no-cache``).
* A file that shrinks while it is sent ends the connection: its length was told before.
"""

import os
import re
from email.utils import parsedate_to_datetime
from io import FileIO
from typing import Any, Final
from urllib.parse import quote

from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import Request
from twisted.web.static import Data, DirectoryLister, File

from sellia.client.local.static.paths import listed_names, open_regular, plain_names, resolve
from sellia.targets import Target
from sellia.text import printable

#: Files of a directory that stand for it, in the order of looking.
INDEX: Final = ("index.html", "index.htm")

#: Ranges of one request that are served; of more, the whole file is.
RANGES_LIMIT: Final = 8

#: Names of a directory that are listed, and bytes of a page for what is not found.
LISTED_LIMIT: Final = 2_000
PAGE_LIMIT: Final = 1024 * 1024

_ONE: Final = rb"(?:\d{1,18}-\d{0,18}|-\d{1,18})"
_RANGE: Final = re.compile(rb"bytes=[ \t]*%b(?:[ \t]*,[ \t]*%b)*" % (_ONE, _ONE))

#: Types that the tables of older systems lack.
_TYPES: Final = {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
_TEXT_TYPES: Final = ("application/json", "application/manifest+json", "application/xml", "image/svg+xml")


class TextResource(Data):
    """Text that answers every request, whatever its method and path."""

    isLeaf = True

    def __init__(self, text: str) -> None:
        super().__init__(text.encode("utf-8", "surrogateescape"), "text/plain; charset=utf-8")

    def render(self, request: Request) -> Any:
        _common(request)
        return self.render_GET(request)


class FilesResource(Resource):
    """A directory and what is below it, or one file."""

    isLeaf = True

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target
        self._root = target.path

    def render(self, request: Request) -> Any:
        _common(request)
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"allow", b"GET, HEAD")
            return _page(request, http.NOT_ALLOWED, "Only GET and HEAD are answered here.")
        try:
            return self._answer(request)
        except PermissionError:
            return _page(request, http.FORBIDDEN, "The client of this tunnel may not read this file.")

    def _answer(self, request: Request) -> Any:
        segments = request.postpath or [b""]
        names = plain_names(segments) if request.path.startswith(b"/") else None
        if names is None:
            return self._nothing(request)
        slash = not segments[-1]
        if os.path.isfile(self._root):
            asked = not names or (names == [os.path.basename(self._root)] and not slash)
            found = resolve(os.path.dirname(self._root), [os.path.basename(self._root)]) if asked else None
            return self._nothing(request) if found is None else _serve(request, found)
        found = resolve(self._root, names)
        if found is not None and os.path.isdir(found):
            return self._directory(request, names, found, slash)
        if found is None and names and "." not in names[-1]:
            found = resolve(self._root, [*names[:-1], names[-1] + ".html"])
            if found is not None and os.path.isdir(found):
                found = None
        return self._nothing(request) if found is None or slash else _serve(request, found)

    def _directory(self, request: Request, names: list[str], directory: str, slash: bool) -> Any:
        index = None
        for each in INDEX:
            index = resolve(self._root, [*names, each])
            if index is not None and os.path.isfile(index):
                break
            index = None
        if index is None and not self._target.listing:
            return self._nothing(request)
        if not slash and names:
            return _redirect(request, names)
        if index is not None:
            return _serve(request, index)
        request.uri = _path_of(names)  # the lister shows it, and reads it as ASCII
        request.setHeader(b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'")
        lister = DirectoryLister(directory, listed_names(directory, self._root, LISTED_LIMIT))
        return lister.render(request)

    def _nothing(self, request: Request) -> Any:
        """Answer a request for what is not there."""
        if not os.path.exists(self._root):
            shown = "What this tunnel serves does not exist yet."
            return _page(request, http.NOT_FOUND, shown)
        if self._target.spa and _wants_page(request):
            index = resolve(self._root, [INDEX[0]])
            if index is not None and os.path.isfile(index):
                return _serve(request, index)
        page = None if os.path.isfile(self._root) else resolve(self._root, ["404.html"])
        if page is not None and os.path.isfile(page):
            with FileIO(open_regular(page)) as file:
                body = file.read(PAGE_LIMIT) or b""
            return _page(request, http.NOT_FOUND, body, b"text/html; charset=utf-8")
        return _page(request, http.NOT_FOUND, "There is no such file.")


def _serve(request: Request, path: str) -> Any:
    try:
        return ServedFile(path).render_GET(request)
    except FileNotFoundError:
        return _page(request, http.NOT_FOUND, "There is no such file.")


class ServedFile(File):
    """One file, open from the start, so that its length and its time are those of what is sent.

    Raises OSError where it cannot be opened.
    """

    contentEncodings = {}

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._file = FileIO(open_regular(path))
        self._stat = os.fstat(self._file.fileno())
        self.type, self.encoding = _type_of(path), None

    def render_GET(self, request: Request) -> Any:
        facts = self._stat
        etag = b'"%x-%x-%x"' % (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        request.setHeader(b"etag", etag)
        asked = request.getHeader(b"if-none-match")
        if asked is not None:
            request.requestHeaders.removeHeader(b"if-modified-since")
            if _matches(asked, etag):
                request.setLastModified(int(facts.st_mtime))
                request.setResponseCode(http.NOT_MODIFIED)
                self._file.close()
                return b""
        self._check_range(request, etag)
        self._request = request
        return super().render_GET(request)

    def restat(self, reraise: bool = True) -> None:
        """Nothing to do: what counts is the file that is open."""

    def exists(self) -> bool:
        return True

    def isdir(self) -> bool:
        return False

    def getsize(self) -> int:
        return self._stat.st_size

    def getModificationTime(self) -> float:
        return float(int(self._stat.st_mtime))  # rounded up, it could be in the future

    def openForReading(self) -> Any:
        return Steadfast(self._file, self._stat.st_size, self._request)

    def _check_range(self, request: Request, etag: bytes) -> None:
        """Leave a ``Range`` to ``File`` only if it is one, if there are few, and if its condition holds."""
        asked = request.getHeader(b"range")
        if asked is None:
            return
        condition = request.getHeader(b"if-range")
        if (
            _RANGE.fullmatch(asked) is None
            or asked.count(b",") >= RANGES_LIMIT
            or (condition is not None and not self._still(condition.strip(), etag))
        ):
            request.requestHeaders.removeHeader(b"range")

    def _still(self, condition: bytes, etag: bytes) -> bool:
        """Return whether the condition of ``If-Range`` holds (RFC 9110, section 13.1.5)."""
        if condition.startswith((b'"', b"W/")):
            return condition == etag
        try:
            return parsedate_to_datetime(condition.decode("ascii")).timestamp() == int(self._stat.st_mtime)
        except (ValueError, TypeError, OverflowError):
            return False


class Steadfast:
    """File that has its size to the end: where it was cut short meanwhile, the connection is, and zeros are read.

    Twisted's producers would read an end that comes too early for ever.
    """

    def __init__(self, file: FileIO, size: int, request: Request) -> None:
        self._file = file
        self._left = size
        self._size = size
        self._request: Request | None = request

    def read(self, count: int) -> bytes:
        """Return up to ``count`` bytes, none at the end."""
        count = min(count, self._left)
        data = self._file.read(count) or b"" if self._request is not None else b""
        if count and not data:
            request, self._request = self._request, None
            channel: Any = request.channel if request is not None else None
            if channel is not None:
                channel.transport.abortConnection()
            data = bytes(count)
        self._left -= len(data)
        return data

    def seek(self, offset: int) -> None:
        """Go on at this offset."""
        self._left = self._size - offset
        self._file.seek(offset)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _common(request: Request) -> None:
    request.setHeader(b"x-content-type-options", b"nosniff")
    request.setHeader(b"cache-control", b"no-cache")


def _page(request: Request, status: int, text: str | bytes, kind: bytes = b"text/plain; charset=utf-8") -> bytes:
    body = text if isinstance(text, bytes) else printable(text).encode() + b"\n"
    request.setResponseCode(status)
    request.setHeader(b"content-type", kind)
    request.setHeader(b"content-length", b"%d" % len(body))
    return b"" if request.method == b"HEAD" else body


def _redirect(request: Request, names: list[str]) -> bytes:
    """Send the visitor to the same directory with a slash: by a path, for the public URL is not known here."""
    query = request.uri.partition(b"?")[1:]
    request.setHeader(b"location", _path_of(names) + b"".join(query))
    return _page(request, http.FOUND, "This is a directory.")


def _path_of(names: list[str]) -> bytes:
    """Return the path of a directory, as a URL has it."""
    return b"/" + b"".join(quote(name, safe="").encode("ascii") + b"/" for name in names)


def _type_of(path: str) -> str:
    extension = os.path.splitext(path)[1].lower()
    kind = _TYPES.get(extension) or File.contentTypes.get(extension, "application/octet-stream")
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind in _TEXT_TYPES else kind


def _matches(asked: bytes, etag: bytes) -> bool:
    """Return whether ``If-None-Match`` names this tag, by weak comparison (RFC 9110, section 13.1.2)."""
    tags = [each.strip(b" \t").removeprefix(b"W/") for each in asked.split(b",")]
    return etag in tags or tags == [b"*"]


def _wants_page(request: Request) -> bool:
    """Return whether a request is for a page, and not for a part of one."""
    if b"." in request.path.rpartition(b"/")[2]:
        return False
    accept = request.getHeader(b"accept")
    return accept is None or b"text/html" in accept.lower() or b"*/*" in accept
