"""Cursors of pages: an opaque text that says behind which entry the next page begins.

A cursor holds its list's name and the position, so that one of another list is refused.  It proves nothing: whoever
makes one up sees no more than a request without it shows.
"""

import base64
import binascii
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import INVALID_VALUE

_VERSION: Final = "1"


def cursor_of(name: str, position: str) -> str:
    """Return the cursor for what is behind ``position`` in the list ``name``."""
    return base64.urlsafe_b64encode(f"{_VERSION}:{name}:{position}".encode()).decode().rstrip("=")


def position_of(name: str, cursor: str | None) -> str | None:
    """Return the position that a cursor of the list ``name`` means; None for the beginning.

    Raises ProblemError for a text that is no cursor of this list.
    """
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True).decode()
        version, of, position = text.split(":", 2)
    except (ValueError, binascii.Error):
        version = of = position = ""
    if version != _VERSION or of != name or not position:
        detail = "cursor is none of this list's: give the `next` of the page before, or leave it out."
        raise ProblemError(INVALID_VALUE, detail)
    return position
