"""Sign-ins: an admin key that was typed into the page becomes a token, which a browser keeps in a cookie.

Need
    A page that kept the key itself would hand it to every script that gets into it.  A token is worth less: it is in a
    cookie that no script can read, ends by itself, and opens nothing once its key opens nothing.

Invariants
    * A token stands for its key and no more: whoever shows it is judged by the key, each time anew.
    * The server keeps the SHA-256 of tokens, so that what is read out of its memory opens no page.

Bounds
    ``KEPT`` sign-ins, ``KEPT_PER_KEY`` of one key; of more, the oldest of the key ends, or else the oldest of all.
    Each ends after ``LASTS`` seconds, or ``IDLE`` seconds without a request.  It reads no clock.
"""

from dataclasses import dataclass
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final

KEPT: Final = 100
KEPT_PER_KEY: Final = 10
LASTS: Final = 12 * 3600.0
IDLE: Final = 3600.0

#: Bytes of a token.
_TOKEN: Final = 32


@dataclass(slots=True)
class SignIn:
    """Somebody who is signed in with ``key``."""

    key: str
    key_id: str
    since: float
    used: float

    def left(self, now: float) -> float:
        """Return the seconds until it ends whatever is done; none are left of one that has ended."""
        return 0.0 if now - self.used >= IDLE else max(0.0, self.since + LASTS - now)


class SignIns:
    """The sign-ins of one server."""

    def __init__(self) -> None:
        self._open: dict[bytes, SignIn] = {}  # oldest first

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, key: str, key_id: str, now: float) -> str:
        """Sign in; return the token."""
        for digest in [digest for digest, each in self._open.items() if not each.left(now)]:
            del self._open[digest]
        own = [digest for digest, each in self._open.items() if each.key_id == key_id]
        if len(own) >= KEPT_PER_KEY:
            del self._open[own[0]]
        elif len(self._open) >= KEPT:
            del self._open[next(iter(self._open))]
        token = token_urlsafe(_TOKEN)
        self._open[_digest(token)] = SignIn(key, key_id, now, now)
        return token

    def find(self, token: str, now: float) -> SignIn | None:
        """Return the sign-in of a token, which is used by that; None where it has ended, or never was."""
        digest = _digest(token)
        found = self._open.get(digest)
        if found is None:
            return None
        if not found.left(now):
            del self._open[digest]
            return None
        found.used = now
        return found

    def end(self, token: str) -> None:
        """Sign out."""
        self._open.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
