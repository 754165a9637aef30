"""Tables of the database, as the newest migration leaves them (a test compares the two).

A table's columns have the names and the order of its record's fields.  Events and usage name accounts without a foreign
key: they outlive them.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from sellia.storage.columns import TEXT, Details, Kind, Moment, Texts

#: Revision of the schema that this version works with.
SCHEMA: Final = "0001"

#: The table in which Alembic keeps the revision.
VERSION_TABLE: Final = "sellia_schema"

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: A number of 64 bits; of SQLite, an alias of the row's own number where it is the primary key.
_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")

LIMITS: Final = Table(
    "limits",
    METADATA,
    Column("name", TEXT, primary_key=True),
    Column("clients", BigInteger),
    Column("tunnels", BigInteger),
    Column("names", BigInteger),
    Column("streams", BigInteger),
    Column("requests_per_second", Double),
    Column("bytes_per_month", BigInteger),
)

ACCOUNTS: Final = Table(
    "accounts",
    METADATA,
    Column("id", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("limits", TEXT, ForeignKey("limits.name"), nullable=False),
    Column("note", TEXT, nullable=False),
    Column("closed_at", Moment),
    UniqueConstraint("name"),
    Index(None, "limits"),
)

KEYS: Final = Table(
    "keys",
    METADATA,
    Column("id", TEXT, primary_key=True),
    Column("account_id", TEXT, ForeignKey("accounts.id"), nullable=False),
    Column("name", TEXT, nullable=False),
    Column("prefix", TEXT, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("scopes", Texts, nullable=False),
    Column("names", Texts, nullable=False),
    Column("networks", Texts, nullable=False),
    Column("limits", TEXT, ForeignKey("limits.name")),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("revoked_reason", TEXT, nullable=False),
    Column("replaces", TEXT),
    Column("last_used_at", Moment),
    Column("last_used_from", TEXT, nullable=False),
    UniqueConstraint("digest"),
    Index(None, "account_id"),
    Index(None, "limits"),
)

NAMES: Final = Table(
    "names",
    METADATA,
    Column("kind", Kind, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("account_id", TEXT, ForeignKey("accounts.id")),
    Column("key_id", TEXT),
    Column("holder", TEXT, nullable=False),
    Column("expires_at", Moment),
    Column("proof", TEXT, nullable=False),
    Column("proved_at", Moment),
    Column("slot", TEXT, nullable=False),
    Column("note", TEXT, nullable=False),
    PrimaryKeyConstraint("kind", "name"),
    Index(None, "account_id"),
)

EVENTS: Final = Table(
    "events",
    METADATA,
    Column("at", Moment, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("account_id", TEXT),
    Column("key_prefix", TEXT, nullable=False),
    Column("address", TEXT, nullable=False),
    Column("subject", TEXT, nullable=False),
    Column("detail", Details, nullable=False),
    Column("id", _NUMBER, Identity(), primary_key=True),
    Index(None, "at"),
    Index(None, "account_id", "id"),
    Index(None, "kind", "id"),
    sqlite_autoincrement=True,
)

USAGE: Final = Table(
    "usage",
    METADATA,
    Column("account_id", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("day", Date, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("connected_seconds", Double, nullable=False),
    PrimaryKeyConstraint("day", "account_id", "name"),
    Index(None, "account_id", "day"),
)

ANSWERS: Final = Table(
    "answers",
    METADATA,
    Column("caller", TEXT, nullable=False),
    Column("token", TEXT, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
    PrimaryKeyConstraint("caller", "token"),
    Index(None, "at"),
)

REVISION: Final = Table(
    "revision",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False),
)
