"""Sentences about records, the same from every storage.  They quote names, never a key's digest."""

from __future__ import annotations

from typing import Final

from sellia.storage.records import Account, DirectoryRecord, Key, LimitsClass, ReservedName
from sellia.text import printable

ANSWERED: Final = "There is an answer for this idempotency key already."


def described(record: DirectoryRecord) -> str:
    """Return what a record is, such as ``account 'shop'``."""
    match record:
        case Account():
            return f"account '{printable(record.name)}'"
        case Key():
            return f"key '{printable(record.id)}'"
        case ReservedName():
            return f"{record.kind} '{printable(record.name)}'"
        case LimitsClass():
            return f"limits class '{printable(record.name)}'"


def taken(record: DirectoryRecord) -> str:
    """Return that there is another one."""
    return f"The {described(record)} exists already."


def absent(record: DirectoryRecord) -> str:
    """Return that there is none."""
    return f"There is no {described(record)}."


def needed(record: DirectoryRecord) -> str:
    """Return that others depend on it."""
    return f"The {described(record)} is still in use: delete what belongs to it first."


def named(record: DirectoryRecord) -> str:
    """Return that what it names does not exist."""
    match record:
        case Account() | Key() if record.limits is not None:
            others = f"the limits class '{printable(record.limits)}'"
        case _:
            others = ""
    account = getattr(record, "account_id", None)
    if account is not None:
        others = f"the account '{printable(account)}'" + (f" or {others}" if others else "")
    return f"The {described(record)} names {others}, which does not exist."
