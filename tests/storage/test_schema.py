"""The tables."""

import dataclasses

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from twisted.trial.unittest import SynchronousTestCase

from sellia.storage.copying import TABLES
from sellia.storage.database import Database
from sellia.storage.migrate import MIGRATIONS
from sellia.storage.records import Account, Answer, Event, Key, LimitsClass, ReservedName, Usage
from sellia.storage.schema import METADATA, REVISION, SCHEMA, VERSION_TABLE
from tests.storage.files import new_file, open_file


def differences(database: Database) -> list[object]:
    """What the migrations have made otherwise than ``schema`` says."""
    with database.reading() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


class SchemaTests(SynchronousTestCase):
    def test_columns_are_the_fields_of_records(self) -> None:
        """In their order: a record is made of a row.  Who gives a record a field adds a column, and a migration."""
        records = (LimitsClass, Account, Key, ReservedName, Event, Usage, Answer)
        for table, record in zip(TABLES, records, strict=True):
            self.assertEqual(table.columns.keys(), [field.name for field in dataclasses.fields(record)], table.name)
        self.assertEqual(set(METADATA.tables.values()), {*TABLES, REVISION})

    def test_migrations_lead_to_it(self) -> None:
        storage = open_file(new_file(self.mktemp()))
        self.addCleanup(storage.close)
        self.assertEqual(differences(storage.database), [])

    def test_steps_are_numbered(self) -> None:
        """Each from the one before, up to the one that this version knows."""
        scripts = ScriptDirectory(str(MIGRATIONS), version_locations=[str(MIGRATIONS / "steps")])
        steps = [each.revision for each in scripts.walk_revisions()][::-1]
        self.assertEqual(steps, [f"{number:04}" for number in range(1, len(steps) + 1)])
        self.assertEqual(steps[-1], SCHEMA)
