"""Sentences about records, the same from every storage.  They quote names, never a key's digest."""

from __future__ import annotations

from sellia.storage.records import Account, DirectoryRecord, Key, LimitsClass, ReservedName
from sellia.text import printable


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
