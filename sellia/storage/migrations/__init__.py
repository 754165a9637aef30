"""Migrations of the database, from each schema to the next: Alembic's environment and its revisions.

A revision is written once and never changed after a release; it creates what it needs by itself and imports nothing of
Sellia's.  `sellia.storage.migrate` runs them.
"""
