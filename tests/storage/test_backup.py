"""Backups and exports of SQLite; those of PostgreSQL are in ``tests/e2e/test_storage.py``."""

from twisted.trial.unittest import SynchronousTestCase

from tests.storage.copies import SqliteCopies


class SqliteCopyTests(SqliteCopies, SynchronousTestCase):
    pass
