"""Resolution of a request's path below a served directory: the file that it names, or nothing.

Invariants
    * Nothing outside the directory is ever returned: every segment is a plain name, and symbolic links are followed
      first and judged by where they lead.
    * Nothing hidden is returned (``.git``, ``.env``, also where a link leads to it), but ``/.well-known`` (RFC 8615).
    * Only directories and regular files are returned: opening a named pipe would wait for its writer.

What is returned has no symbolic link in it, so that what is opened is what was judged.
"""

import os
import stat
from collections.abc import Sequence
from typing import Final

#: The one hidden name that is served, at the top only.
_WELL_KNOWN: Final = ".well-known"

#: Octets that no name of a file has, or that some system takes for a separator or for another stream of the file.
_NEVER: Final = ("\0", "/", "\\") if os.name != "nt" else ("\0", "/", "\\", ":", '"', "<", ">", "|", "?", "*")


def plain_names(segments: Sequence[bytes]) -> list[str] | None:
    """Return the segments of a path, which are decoded already, as names of files; None where one cannot be one.

    An empty segment at the end, of a path that ends with a slash, is left out.
    """
    names = []
    for index, segment in enumerate(segments):
        if not segment and index == len(segments) - 1:
            break
        try:
            name = segment.decode("utf-8")
        except UnicodeDecodeError:
            return None
        if not name or any(each in name for each in _NEVER) or (os.name == "nt" and name[-1] in " ."):
            return None
        if name.startswith(".") and (index or name != _WELL_KNOWN):
            return None
        names.append(name)
    return names


def resolve(root: str, names: Sequence[str]) -> str | None:
    """Return the path of the directory or regular file that ``names`` lead to below ``root``, or None.

    Raises PermissionError where this user may not look.
    """
    try:
        top = os.path.realpath(root, strict=True)
        path = os.path.realpath(os.path.join(top, *names), strict=True)
    except PermissionError:
        raise
    except (OSError, ValueError):
        return None
    if path != top:
        if os.path.commonpath((top, path)) != top:
            return None
        within = os.path.relpath(path, top).split(os.sep)
        if any(part.startswith(".") for part in within[1:]) or (within[0][:1] == "." and within[0] != _WELL_KNOWN):
            return None
    try:
        mode = os.stat(path, follow_symlinks=False).st_mode
    except OSError:
        return None
    return path if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else None


def open_regular(path: str) -> int:
    """Open a regular file for reading; return its descriptor.  Raises OSError, also for what is none (any more)."""
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise FileNotFoundError(path)


def listed_names(directory: str, root: str, limit: int) -> list[str]:
    """Return the names in a directory that may be served, in order, ``limit`` at most."""
    names = []
    with os.scandir(directory) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith(".") or any(each in name for each in _NEVER) or not _encodable(name):
                continue
            names.append(name)
            if len(names) >= limit:
                break
    return [name for name in sorted(names) if _within(root, directory, name)]


def _within(root: str, directory: str, name: str) -> bool:
    try:
        relative = os.path.relpath(directory, os.path.realpath(root))
        return resolve(root, [*(part for part in relative.split(os.sep) if part != "."), name]) is not None
    except OSError:
        return False


def _encodable(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
