"""URLs of databases, read without a database library: for settings, and for messages.

``sqlite:///FILE`` names a file (``sqlite:////var/lib/...`` an absolute one).  ``postgresql://...`` is what libpq takes:
several hosts, Unix sockets and parameters such as ``sslmode`` included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from sellia.text import printable

FORMS: Final = "Write sqlite:///FILE, or postgresql://USER:PASSWORD@HOST/DATABASE."

#: Name of the database in a state directory.
FILE_NAME: Final = "sellia.db"


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """Where a database is.  ``file`` is of SQLite, ``conninfo`` of PostgreSQL, and may have a password in it."""

    file: str = ""
    conninfo: str = ""

    @property
    def shown(self) -> str:
        """Text for people, without user name, password and parameters."""
        if self.file:
            return printable(self.file)
        scheme, _, rest = self.conninfo.partition("://")
        return printable(f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}")

    def __repr__(self) -> str:
        return f"<DatabaseUrl {self.shown}>"


def parse_url(text: str) -> DatabaseUrl:
    """Return where a database is.  Raises ValueError, with a sentence that repeats no more than the scheme."""
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator:
        raise ValueError("is not the URL of a database")
    if scheme == "sqlite":
        host, slash, path = rest.partition("/")
        path = unquote(path.partition("?")[0])
        if host or not slash or not path or "\0" in path:
            raise ValueError("names no file: three slashes stand before it, and four before an absolute path")
        return DatabaseUrl(file=path)
    if scheme in ("postgresql", "postgres"):
        if not rest:
            raise ValueError("names no database")
        return DatabaseUrl(conninfo=f"postgresql://{rest}")
    raise ValueError(f"is the URL of no database that is known here ({printable(scheme)[:20]})")
