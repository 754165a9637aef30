"""Keys and passwords, kept as digests and compared in constant time.

What has to be compared with what somebody sends is kept as a digest of fixed length, so that neither its length nor
its beginning shows in the time that a comparison takes, and neither a log line nor a traceback can show it.

A digest here protects against timing and against carelessness, not against somebody who reads it: it is a fast hash,
it never leaves the process, and nothing stores it.
"""

from __future__ import annotations

import binascii
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

from sellia.protocol.messages import Headers

_LENGTH: Final = 32


class SecretDigest:
    """What a secret is recognised by.  Equal secrets have equal digests, so it can also stand for an owner."""

    __slots__ = ("_octets",)

    def __init__(self, secret: str | bytes) -> None:
        """Digest `secret`; an empty one raises ValueError, since everybody has it."""
        if not secret:
            raise ValueError("a secret is empty")
        self._octets = _digest(secret)

    def matches(self, candidate: str | bytes) -> bool:
        """Whether `candidate`, which may come from anybody and be of any length, is the secret."""
        return compare_digest(self._octets, _digest(candidate))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretDigest):
            return NotImplemented
        return compare_digest(self._octets, other._octets)

    def __hash__(self) -> int:
        return hash(self._octets)

    def __repr__(self) -> str:
        return "<SecretDigest>"


def _digest(secret: str | bytes) -> bytes:
    octets = secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else secret
    return blake2b(octets, digest_size=_LENGTH).digest()


def parse_authorization(headers: Headers) -> bytes | None:
    """The ``user:password`` of a request's basic authentication (RFC 7617), or None.

    None too if there is more than one ``Authorization``: a proxy might have looked at the other one.  Nothing else is
    a source of credentials, ``Proxy-Authorization`` least of all.
    """
    values = [value for name, value in headers if len(name) == 13 and name.lower() == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, token = values[0].strip(b" \t").partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        credentials = binascii.a2b_base64(token.strip(b" "), strict_mode=True)
    except binascii.Error:
        return None
    return credentials if b":" in credentials else None


def basic_auth_digest(text: str) -> SecretDigest:
    """The digest for the credentials ``USER:PASSWORD``; ValueError, which does not quote them, if they are not."""
    user, colon, password = text.partition(":")
    if not colon or not user or not password:
        raise ValueError("basic authentication needs USER:PASSWORD, with neither of them empty")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        raise ValueError("a user name or password has a control character in it")
    return SecretDigest(text)


def challenge(realm: str) -> bytes:
    """The value of ``WWW-Authenticate`` that asks for a user name and password for `realm`."""
    plain = "".join(character if " " <= character <= "~" else "?" for character in realm)
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'Basic realm="{quoted}", charset="UTF-8"'.encode("ascii")
