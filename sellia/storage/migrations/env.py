"""Environment of Alembic: runs migrations on the connection and in the transaction of `sellia.storage.migrate`."""

from alembic import context

from sellia.storage.schema import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
context.run_migrations()
