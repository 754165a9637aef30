"""Records that a storage holds: frozen values, without behaviour.

Times are aware datetimes in UTC, days are dates in UTC.  What a field may say (scopes, patterns, networks) is checked
by those who write it; a storage checks that it can be stored (`sellia.storage.texts`).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final

#: The class of limits that accounts have unless they have another one; every storage has it from the start.
DEFAULT_LIMITS: Final = "default"

_ID_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_ID_LENGTH: Final = 16


def new_id(kind: str) -> str:
    """Return a random identifier such as ``acc_k3v9...``: 79 bits, without letters that look alike."""
    return f"{kind}_{''.join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))}"


@dataclass(frozen=True, slots=True)
class LimitsClass:
    """Limits that accounts and keys of one class share; None leaves a figure to the server's settings."""

    name: str  #: unique
    clients: int | None = None  #: sessions at once
    tunnels: int | None = None  #: tunnels at once
    names: int | None = None  #: names reserved
    streams: int | None = None  #: open streams at once
    requests_per_second: float | None = None
    bytes_per_month: int | None = None  #: both directions, calendar month in UTC


@dataclass(frozen=True, slots=True)
class Account:
    """A person or a team: the owner of keys and names."""

    id: str  #: ``acc_...``
    name: str  #: unique
    created_at: datetime
    limits: str = DEFAULT_LIMITS  #: name of its `LimitsClass`
    note: str = ""
    closed_at: datetime | None = None  #: since when none of its keys opens anything


@dataclass(frozen=True, slots=True)
class Key:
    """A key of an account, recognised by the SHA-256 digest of its secret."""

    id: str  #: ``key_...``
    account_id: str
    name: str
    prefix: str  #: the beginning of the secret, which people may see
    digest: bytes = field(repr=False)  #: 32 bytes, unique
    created_at: datetime
    scopes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  #: names and patterns that it may hold; empty for any
    networks: tuple[str, ...] = ()  #: CIDR networks that it may come from; empty for any
    limits: str | None = None  #: name of a `LimitsClass` of its own
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_reason: str = ""
    replaces: str | None = None  #: id of the key that it was made for by rotation
    last_used_at: datetime | None = None  #: changed by `interface.Used` alone
    last_used_from: str = ""  #: address; changed by `interface.Used` alone


class NameKind(StrEnum):
    """What a reserved name is."""

    SUBDOMAIN = "subdomain"  #: ``myapp``
    WILDCARD = "wildcard"  #: ``*.myapp``
    DOMAIN = "domain"  #: ``www.example.com``
    PORT = "port"  #: ``tcp/20000``, ``udp/20000``


@dataclass(frozen=True, slots=True)
class ReservedName:
    """A name that nobody else can have: an account's, or until `expires_at`, whoever's used it last."""

    kind: NameKind
    name: str  #: unique with its kind
    created_at: datetime
    account_id: str | None = None
    key_id: str | None = None  #: the key that reserved or used it
    holder: str = ""  #: a digest that stands for whoever used it without an account
    expires_at: datetime | None = None  #: None keeps it until it is released
    proof: str = ""  #: what a custom domain has to show before it is its account's
    proved_at: datetime | None = None
    slot: str = ""  #: tells the tunnel that used a port from others of its holder, which gets the same port again
    note: str = ""  #: a text for people, such as why it is nobody's


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for the audit: `kind` is a stable word with a group, such as ``key.revoked``."""

    at: datetime
    kind: str
    account_id: str | None = None
    key_prefix: str = ""
    address: str = ""
    subject: str = ""  #: what it happened to: an id or a name
    detail: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    id: int = 0  #: grows with every event; given by the storage


@dataclass(frozen=True, slots=True)
class Usage:
    """What one name of an account carried on one day in UTC."""

    account_id: str  #: empty for what no account owns
    name: str
    day: date
    requests: int = 0
    messages: int = 0
    bytes_in: int = 0  #: from visitors
    bytes_out: int = 0  #: to visitors
    connected_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a write with an idempotency key, for whoever repeats it."""

    caller: str  #: whose idempotency key it is, such as a key's id
    token: str  #: unique with its caller
    request: bytes  #: digest of what was asked, 32 bytes
    status: int
    body: bytes = field(repr=False)
    at: datetime


#: Records that decide what the data path does. A change of one raises the storage's revision.
DirectoryRecord = Account | Key | ReservedName | LimitsClass
