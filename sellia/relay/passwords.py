"""Users of a tunnel and their passwords, some of which are known only as slow hashes.

Need
    A tunnel has several users.  Whoever has a settings file under version control keeps hashes in it, not passwords,
    and a hash that deserves the name takes a server tens of milliseconds to compare with.

How
    `Users.matches` says at once what can be said at once: whether credentials are right that are known as they are, or
    that have been found right before.  Of others it says None, and `Users.verify`, which computes the hash, is called
    where nothing waits for it (`sellia.server.passwords`).  What it has found right is told by `Users.learn`.

Invariants
    * Nobody learns which users there are: an unknown one takes as long as one whose password is wrong.
    * What is kept of credentials that were right is a digest, one for each user: the table cannot grow.
    * Neither passwords nor hashes get into an error, a log or the text of an object.

Bounds
    ``USERS`` of a tunnel; a hash takes ``MEMORY`` bytes and ``WORK`` (N times r times p) at most.

Designs not chosen
    *bcrypt*, which is what ``htpasswd -B`` writes: it cuts passwords off at 72 bytes, and needs a library that Python
    does not come with.  *A cache of wrong passwords*: whoever guesses does not guess the same one twice.
"""

import binascii
import hashlib
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hmac import compare_digest
from typing import Final

from msgspec.structs import replace

from sellia.protocol.messages import TunnelOptions
from sellia.relay.secrets import SecretDigest, basic_auth_digest

#: Maximum number of users of a tunnel.
USERS: Final = 64

#: Maximum bytes that computing a hash may take, and its work.
MEMORY: Final = 32 * 1024 * 1024
WORK: Final = 2**18

#: Parameters of new hashes: 16 MiB, some 50 ms.
_LN: Final = 14
_R: Final = 8
_P: Final = 1

_FORM: Final = re.compile(r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})\$([^$]{1,128})\$([^$]{1,128})")
_ANOTHER: Final = "is not a hash of the kind $scrypt$: make the line with `sellia auth hash`"


class PasswordHash:
    """Hash of a password by scrypt (RFC 7914), as ``$scrypt$ln=14,r=8,p=1$SALT$HASH``.

    Raises ValueError, with a sentence's end about it, for a text that is none, or that would take too much.
    """

    __slots__ = ("_hash", "_n", "_p", "_r", "_salt")

    def __init__(self, text: str) -> None:
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError(_ANOTHER)
        ln, self._r, self._p = int(found[1]), int(found[2]), int(found[3])
        try:
            self._salt, self._hash = _decoded(found[4]), _decoded(found[5])
        except (binascii.Error, ValueError):
            raise ValueError(_ANOTHER) from None
        if not (1 <= ln <= 31 and self._r and self._p and 8 <= len(self._salt) <= 64 and 16 <= len(self._hash) <= 64):
            raise ValueError(_ANOTHER)
        self._n = 1 << ln
        if 128 * self._n * self._r > MEMORY or self._n * self._r * self._p > WORK:
            raise ValueError("takes more memory or time than a server gives it: at most ln=15,r=8,p=1")

    def matches(self, password: bytes) -> bool:
        """Compute the hash of a password and compare.  It takes tens of milliseconds, in which other threads run."""
        made = hashlib.scrypt(
            password, salt=self._salt, n=self._n, r=self._r, p=self._p, maxmem=2 * MEMORY, dklen=len(self._hash)
        )
        return compare_digest(made, self._hash)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PasswordHash):
            return NotImplemented
        return (self._n, self._r, self._p, self._salt) == (other._n, other._r, other._p, other._salt) and (
            compare_digest(self._hash, other._hash)
        )

    def __hash__(self) -> int:
        return hash(self._salt)

    def __repr__(self) -> str:
        return "<PasswordHash>"


def hash_password(password: str, salt: bytes | None = None) -> str:
    """Return the hash of a password as text, with a new salt unless one is given."""
    salt = salt or os.urandom(16)
    made = hashlib.scrypt(password.encode(), salt=salt, n=1 << _LN, r=_R, p=_P, maxmem=2 * MEMORY, dklen=32)
    return f"$scrypt$ln={_LN},r={_R},p={_P}${_encoded(salt)}${_encoded(made)}"


def checked_user(user: str) -> str:
    """Return a user's name.  Raises ValueError, with a sentence's end about it, if basic authentication has no such."""
    if not user or len(user) > 255 or ":" in user or not user.isprintable():
        raise ValueError("is not a user's name: it has 1 to 255 characters, and no colon or control character")
    return user


class Users:
    """Users of one tunnel: ``passwords`` as ``USER:PASSWORD``, and ``digests`` as ``USER:HASH``.

    Raises ValueError, with a sentence or its end, for what is neither, for too many, and for a user who is there twice.
    """

    __slots__ = ("_hashes", "_passwords", "_stand_in", "_verified")

    def __init__(self, passwords: Sequence[str], digests: Sequence[str]) -> None:
        if len(passwords) + len(digests) > USERS:
            raise ValueError(f"a tunnel has {USERS} users at most")
        self._passwords = {each.partition(":")[0].encode(): basic_auth_digest(each) for each in passwords}
        self._hashes: dict[bytes, PasswordHash] = {}
        for each in digests:
            user, _, text = each.partition(":")
            try:
                self._hashes[checked_user(user).encode()] = PasswordHash(text)
            except ValueError as error:
                raise ValueError(f"a line of auth_file {error}") from None
        if len(self._passwords.keys() | self._hashes.keys()) < len(passwords) + len(digests):
            raise ValueError("a user has two passwords: keep one of them")
        #: Hash that is computed for users that there are not.
        self._stand_in = next(iter(self._hashes.values()), None)
        #: Credentials that were found right, by user.
        self._verified: dict[bytes, SecretDigest] = {}

    def matches(self, credentials: bytes) -> bool | None:
        """Return whether ``USER:PASSWORD`` is right, or None if its hash has to be computed to know."""
        user = credentials.partition(b":")[0]
        password = self._passwords.get(user)
        if password is not None:
            return password.matches(credentials)
        verified = self._verified.get(user)
        if verified is not None and verified.matches(credentials):
            return True
        return False if self._stand_in is None else None

    def verify(self, credentials: bytes) -> bool:
        """Compute the hash, and return whether the credentials are right.  Nothing is changed: a thread may call it."""
        user, _, password = credentials.partition(b":")
        known = self._hashes.get(user)
        computed = known or self._stand_in
        return computed is not None and computed.matches(password) and known is not None

    def learn(self, credentials: bytes) -> None:
        """Note that the credentials were found right."""
        user = credentials.partition(b":")[0]
        if user in self._hashes:
            self._verified[user] = SecretDigest(credentials)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Users):
            return NotImplemented
        return self._passwords == other._passwords and self._hashes == other._hashes

    def __hash__(self) -> int:
        return hash(frozenset(self._passwords.keys() | self._hashes.keys()))

    def __repr__(self) -> str:
        return f"<Users {len(self._passwords) + len(self._hashes)}>"


#: What visitors of a tunnel have to know.
Credentials = SecretDigest | Users


def without_secrets(options: TunnelOptions) -> TunnelOptions:
    """Return the options of a tunnel without passwords and hashes."""
    if not (options.passwords or options.digests):
        return options
    return replace(options, passwords=[], digests=[])


def _encoded(data: bytes) -> str:
    return b64encode(data).decode("ascii").rstrip("=")


def _decoded(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4), validate=True)
