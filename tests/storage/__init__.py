"""Tests of `sellia.storage`: one contract over memory, SQLite and PostgreSQL, and what each adds."""
