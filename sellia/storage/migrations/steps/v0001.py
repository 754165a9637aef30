"""Create accounts, keys, names, limits, events, usage and answers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    _create_limits()
    _create_accounts()
    _create_names()
    _create_events()
    _create_usage()
    _create_answers()
    revision = op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revision"),
    )
    op.execute(revision.insert().values(id=1, value=1))


def _create_limits() -> None:
    limits = op.create_table(
        "limits",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("clients", sa.BigInteger()),
        sa.Column("tunnels", sa.BigInteger()),
        sa.Column("names", sa.BigInteger()),
        sa.Column("streams", sa.BigInteger()),
        sa.Column("requests_per_second", sa.Double()),
        sa.Column("bytes_per_month", sa.BigInteger()),
        sa.PrimaryKeyConstraint("name", name="pk_limits"),
    )
    op.execute(limits.insert().values(name="default"))


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("limits", _TEXT, nullable=False),
        sa.Column("note", _TEXT, nullable=False),
        sa.Column("closed_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("name", name="uq_accounts_name"),
        sa.ForeignKeyConstraint(["limits"], ["limits.name"], name="fk_accounts_limits"),
    )
    op.create_index("ix_accounts_limits", "accounts", ["limits"])
    op.create_table(
        "keys",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("account_id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("prefix", _TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("networks", sa.Text(), nullable=False),
        sa.Column("limits", _TEXT),
        sa.Column("expires_at", _MOMENT),
        sa.Column("revoked_at", _MOMENT),
        sa.Column("revoked_reason", _TEXT, nullable=False),
        sa.Column("replaces", _TEXT),
        sa.Column("last_used_at", _MOMENT),
        sa.Column("last_used_from", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("digest", name="uq_keys_digest"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_keys_account_id"),
        sa.ForeignKeyConstraint(["limits"], ["limits.name"], name="fk_keys_limits"),
    )
    op.create_index("ix_keys_account_id", "keys", ["account_id"])
    op.create_index("ix_keys_limits", "keys", ["limits"])


def _create_names() -> None:
    op.create_table(
        "names",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("account_id", _TEXT),
        sa.Column("key_id", _TEXT),
        sa.Column("holder", _TEXT, nullable=False),
        sa.Column("expires_at", _MOMENT),
        sa.Column("proof", _TEXT, nullable=False),
        sa.Column("proved_at", _MOMENT),
        sa.Column("slot", _TEXT, nullable=False),
        sa.Column("note", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name="pk_names"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_names_account_id"),
    )
    op.create_index("ix_names_account_id", "names", ["account_id"])


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("account_id", _TEXT),
        sa.Column("key_prefix", _TEXT, nullable=False),
        sa.Column("address", _TEXT, nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("id", _NUMBER, sa.Identity(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index("ix_events_account_id_id", "events", ["account_id", "id"])
    op.create_index("ix_events_kind_id", "events", ["kind", "id"])


def _create_usage() -> None:
    op.create_table(
        "usage",
        sa.Column("account_id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("bytes_in", sa.BigInteger(), nullable=False),
        sa.Column("bytes_out", sa.BigInteger(), nullable=False),
        sa.Column("connected_seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("day", "account_id", "name", name="pk_usage"),
    )
    op.create_index("ix_usage_account_id_day", "usage", ["account_id", "day"])


def _create_answers() -> None:
    op.create_table(
        "answers",
        sa.Column("caller", _TEXT, nullable=False),
        sa.Column("token", _TEXT, nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("caller", "token", name="pk_answers"),
    )
    op.create_index("ix_answers_at", "answers", ["at"])
