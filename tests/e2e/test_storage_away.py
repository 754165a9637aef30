"""A PostgreSQL that refuses, ends, restarts, or is waited for too long."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from sellia.storage.failures import SchemaError, StorageAway, StorageError
from sellia.storage.interface import Insert
from sellia.storage.migrate import migrate
from sellia.storage.opening import open_storage
from sellia.storage.postgresql import Postgresql
from sellia.storage.sql import SqlStorage
from sellia.storage.url import parse_url
from tests.e2e.postgres import control, lets_in, new_database, query, server, url
from tests.e2e.tcp_services import start_postgres
from tests.processes import free_port, wait_until
from tests.storage.contract import account
from tests.storage.kills import KillContract


def open_url(text: str, patience: float = 10.0) -> SqlStorage:
    database = Postgresql(parse_url(text), patience=patience)
    migrate(database)
    return SqlStorage(database)


class RefusalTests(SynchronousTestCase):
    """What is said, which never has the password in it."""

    def refused(self, text: str, kind: type[StorageError] = StorageAway) -> str:
        with self.assertRaises(kind) as caught:
            open_url(text)
        words = str(caught.exception)
        self.assertNotIn("s3cret", words)
        return words

    def test_nobody_listens(self) -> None:
        port = free_port()
        words = self.refused(f"postgresql://me:s3cret@127.0.0.1:{port}/sellia")
        self.assertEqual(words, f"The database postgresql://127.0.0.1:{port}/sellia cannot be reached.")

    def test_no_such_database(self) -> None:
        self.assertIn("does not exist: create it first, with `createdb`", self.refused(url("nowhere")))

    def test_wrong_password(self) -> None:
        name = new_database()
        query(name, "CREATE ROLE locked LOGIN PASSWORD 'right'")
        rules = Path(server().folder, "data", "pg_hba.conf")
        before = rules.read_text()
        rules.write_text(f"host {name} locked 127.0.0.1/32 scram-sha-256\n{before}")
        query(name, "SELECT pg_reload_conf()")
        text = f"postgresql://locked:s3cret@127.0.0.1:{server().port}/{name}"
        wait_until(lambda: "password" in self.refused(text), "the server to ask for passwords")
        self.assertIn("refuses the user name or the password of its URL", self.refused(text))

    def test_user_that_may_not_make_tables(self) -> None:
        name = new_database()
        query(name, "CREATE ROLE guest LOGIN")
        words = self.refused(url(name, "guest"))
        self.assertIn("does not let this user do what is needed: GRANT CREATE ON SCHEMA public", words)

    def test_other_encoding(self) -> None:
        name = new_database("template0", "ENCODING 'LATIN1' LOCALE 'C'")
        words = self.refused(url(name), SchemaError)
        self.assertIn("has the encoding LATIN1: create one with the encoding UTF8", words)

    def test_url_that_the_library_does_not_understand(self) -> None:
        words = self.refused("postgresql://me:s3cret@127.0.0.1/x?colour=blue", StorageError)
        self.assertIn("is not one that PostgreSQL's library understands", words)

    def test_read_only_database(self) -> None:
        storage = open_url(url(new_database()))
        self.addCleanup(storage.close)
        with self.assertRaises(StorageAway) as caught, storage.database.writing() as connection:
            connection.exec_driver_sql("SET LOCAL transaction_read_only = on")
            connection.exec_driver_sql("INSERT INTO limits (name) VALUES ('more')")
        self.assertIn("can only be read: it is a standby, or was made read-only", str(caught.exception))


class LostTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.name = new_database()
        self.storage = open_url(url(self.name), 0.2)
        self.addCleanup(self.storage.close)

    def test_connections_that_were_ended(self) -> None:
        """They are replaced, and nobody is told."""
        self.storage.write([Insert(account())])
        query("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'")
        self.assertEqual(len(self.storage.directory().accounts), 1)

    def test_ended_in_the_middle_of_a_write(self) -> None:
        with self.assertRaises(StorageAway) as caught, self.storage.database.writing() as connection:
            connection.exec_driver_sql("INSERT INTO limits (name) VALUES ('half')")
            query("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'")
            connection.exec_driver_sql("SELECT 1")
        self.assertIn("is shutting down or starting up", str(caught.exception))
        self.assertEqual(len(self.storage.directory().limits), 1)

    def test_another_server_that_does_not_end(self) -> None:
        other = open_url(url(self.name))
        self.addCleanup(other.close)
        with other.database.writing():
            with self.assertRaises(StorageAway) as caught:
                self.storage.write([Insert(account())])
            self.assertIn("is locked: another server has been writing to it for too long", str(caught.exception))
            self.assertEqual(list(self.storage.directory().accounts), [])
        self.storage.write([Insert(account())])

    def test_statement_that_takes_too_long(self) -> None:
        with self.assertRaises(StorageAway) as caught, self.storage.database.reading() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = '50ms'")
            connection.exec_driver_sql("SELECT pg_sleep(60)")
        self.assertIn("did not answer in time", str(caught.exception))

    def test_settings_do_not_outlive_a_transaction(self) -> None:
        """A pooler such as PgBouncer hands the connection to others."""
        with self.storage.database.reading():
            pass
        raw = self.storage.database.engine.raw_connection()
        cursor = raw.cursor()
        cursor.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
        self.assertEqual([tuple(each) for each in cursor.fetchall()], [("0", "0")])
        cursor.execute("SELECT name FROM pg_prepared_statements")
        self.assertEqual(cursor.fetchall(), [])
        raw.close()


class RestartTests(SynchronousTestCase):
    """The database stops and comes back: the same storage goes on."""

    def setUp(self) -> None:
        self.service = start_postgres()
        self.addCleanup(self.service.close)
        wait_until(lambda: lets_in(self.service.port), "PostgreSQL to let users in")

    def test_restart(self) -> None:
        port, folder = self.service.port, self.service.folder
        storage = open_url(url("postgres", port=port))
        self.addCleanup(storage.close)
        storage.write([Insert(account())])
        control(self.service, "stop", "-m", "fast")
        for _ in range(2):
            with self.assertRaises(StorageAway) as caught:
                storage.write([Insert(account(2))])
            self.assertIn("cannot be reached", str(caught.exception))
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        control(self.service, "start", "-o", options, "-l", str(folder / "log"))
        self.addCleanup(control, self.service, "stop", "-m", "immediate")
        storage.write([Insert(account(2))])
        self.assertEqual(len(storage.directory().accounts), 2)


class OneDatabaseTests(SynchronousTestCase):
    """Two servers on one database."""

    def test_two_that_start_at_once(self) -> None:
        name = new_database()
        opened: list[SqlStorage] = []
        failures: list[BaseException] = []

        def start() -> None:
            try:
                opened.append(open_url(url(name)))
            except BaseException as failure:
                failures.append(failure)

        threads = [Thread(target=start) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(failures, [])
        one, other = opened
        one.write([Insert(account())])
        self.assertEqual(list(other.directory().accounts), [account()])
        self.assertEqual(one.revision(), other.revision())
        other.write([Insert(account(2))])
        self.assertEqual(len(one.directory().accounts), 2)
        one.close()
        other.close()


class PostgresqlKillTests(KillContract, SynchronousTestCase):
    kills = 3

    def setUp(self) -> None:
        self.url = url(new_database())
        open_storage(None, self.url).close()
