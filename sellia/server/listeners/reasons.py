"""Reasons for which the files of a certificate cannot be used, in words for people."""

from typing import Final

#: What OpenSSL's reasons mean, by how they end.
_REASONS: Final = {
    "key values mismatch": "the key is not the one of the certificate",
    "private keys do not match": "the key is not the one of the certificate",
    "key type mismatch": "the key is not the one of the certificate",
    "no start line": "a file has no certificate, or no key, in PEM",
    "bad base64 decode": "a file is damaged, or written in part",
    "bad end line": "a file is damaged, or written in part",
    "bad decrypt": "the key has a passphrase, which cannot be asked for",
    "bad password read": "the key has a passphrase, which cannot be asked for",
    "ee key too small": "the key is too weak",
}


class CannotRenew(Exception):
    """The files of a certificate cannot be used; `str` says why, in words for people."""


def reason_of(error: Exception) -> str:
    """Return why a certificate cannot be used, in words for people."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    text = str(error) or type(error).__name__
    return next((words for known, words in _REASONS.items() if known in text), text)
