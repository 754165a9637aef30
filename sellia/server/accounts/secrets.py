"""Secrets of keys: how they are made, what of one may be shown, and what it is recognised by.

A secret is ``sl_live_`` and 47 letters and digits: the first four may be seen by anybody who may see the key, the other
43 are 256 random bits.  What is stored is its SHA-256 alone.  A fast hash is right here: nobody can try out 256 bits.
"""

import secrets
from hashlib import sha256
from string import ascii_letters, digits
from typing import Final

#: The beginning of every secret, by which people and scanners know one.
MARK: Final = "sl_live_"

#: Characters of a secret that may be seen: the mark and four more.
SHOWN: Final = len(MARK) + 4

_ALPHABET: Final = ascii_letters + digits
_LENGTH: Final = 4 + 43


def new_secret() -> str:
    """Return a new secret."""
    return MARK + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def shown(secret: str) -> str:
    """Return what of a secret may be seen."""
    return secret[:SHOWN]


def digest(secret: str) -> bytes:
    """Return what a secret is recognised by, 32 bytes; any text has one."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()
