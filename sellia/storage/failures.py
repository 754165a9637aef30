"""What a storage raises.  Each is a sentence in our words; the library's own error is its ``__cause__``."""

from __future__ import annotations

from sellia.errors import SelliaError


class StorageError(SelliaError):
    """A storage could not do what it was asked, and has changed nothing."""


class StorageAway(StorageError):
    """The database cannot be reached, is locked, full or damaged: the same call may work later.

    A write that fails with this has changed nothing as far as is known; where the connection went in the moment of the
    commit, it may have been done.
    """


class Conflict(StorageError):
    """A record is in the way: another one has the same identity, or others depend on one that is to be deleted."""


class Missing(StorageError):
    """A record that was to be changed, or that another one names, does not exist."""


class Unstorable(StorageError):
    """A value that no database can hold: a text with NUL or a lone surrogate, one that is too long, a number out of
    range."""


class SchemaError(StorageError):
    """The database is not one that this version can work with, such as one of a newer version."""
