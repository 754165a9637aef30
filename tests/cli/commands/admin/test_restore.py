"""``sellia admin backup``, ``restore``, ``export`` and ``import``: everything, from one database to another."""

from datetime import UTC, datetime
from pathlib import Path

from sellia.cli.exits import Exit
from sellia.storage.interface import Insert
from sellia.storage.opening import open_storage
from sellia.storage.records import Account
from tests.cli.commands.admin.case import AdminCommandCase


class DatabaseTests(AdminCommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp()).absolute()
        self.state = self.new("state")
        storage = open_storage(str(self.state), None)
        storage.write([Insert(Account("acc_1", "acme", datetime.now(UTC)))])
        storage.backup(str(self.directory / "backup"))
        storage.close()

    def new(self, name: str) -> Path:
        path = self.directory / name
        path.mkdir(parents=True)
        return path

    def accounts(self, state: Path) -> list[str]:
        storage = open_storage(str(state), None)
        names = [each.name for each in storage.directory().accounts]
        storage.close()
        return names

    def test_restore(self) -> None:
        other = self.new("other")
        said = self.admin("restore", str(self.directory / "backup"), "--state-dir", str(other))
        self.assertIn("Restored ", said)
        self.assertIn("1 accounts", said)
        self.assertEqual(self.accounts(other), ["acme"])
        wrong = self.directory / "wrong"
        wrong.write_text("not a backup")
        said = self.admin("restore", str(wrong), "--state-dir", str(other), status=Exit.FAILED)
        self.assertIn("is no backup of Sellia", said)
        self.assertEqual(self.accounts(other), ["acme"])

    def test_export_and_import(self) -> None:
        file, other = self.directory / "export", self.new("other")
        self.assertIn("1 accounts", self.admin("export", str(file), "--state-dir", str(self.state)))
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertIn("1 accounts", self.admin("import", str(file), "--storage", f"sqlite:///{other}/sellia.db"))
        self.assertEqual(self.accounts(other), ["acme"])
        again = self.admin("import", str(file), "--state-dir", str(other), status=Exit.FAILED)
        self.assertIn("is not empty", again)
        exists = self.admin("export", str(file), "--state-dir", str(self.state), status=Exit.SETTINGS)
        self.assertIn("exists already", exists)

    def test_a_database_that_is_none(self) -> None:
        empty = self.new("empty")
        said = self.admin("export", str(self.directory / "x"), "--state-dir", str(empty), status=Exit.SETTINGS)
        self.assertIn("there is no database", said)
        self.assertFalse((self.directory / "x").exists())
        said = self.admin("import", str(self.directory / "none"), "--state-dir", str(empty), status=Exit.SETTINGS)
        self.assertIn("cannot be read", said)
        for options in ((), ("--state-dir", "x", "--storage", "y"), ("--storage", "mysql://x")):
            self.admin("export", str(self.directory / "x"), *options, status=Exit.SETTINGS)

    def test_backup(self) -> None:
        self.answered({"GET backup": [b"some", b"thing"]})
        file = self.directory / "copy"
        self.assertEqual(self.admin("backup", str(file)), f"Saved 9 B in {file}.\n")
        self.assertEqual(file.read_bytes(), b"something")
        self.assertIn("exists already", self.admin("backup", str(file), status=Exit.SETTINGS))


class KeyTests(AdminCommandCase):
    """What is wrong before anything is asked."""

    def test_no_key(self) -> None:
        said = self.admin("accounts", "list", status=Exit.SETTINGS)
        self.assertIn("there is no admin key for http://127.0.0.1:9443\nHint: Give --key-file FILE", said)

    def test_a_key_over_http_to_another_machine(self) -> None:
        said = self.admin("accounts", "list", "--url", "http://192.0.2.1:9443", status=Exit.SETTINGS)
        self.assertIn("everybody on the way to http://192.0.2.1:9443 could read the key", said)

    def test_a_file_that_has_none(self) -> None:
        for text in ("", "two words\n", "x" * 10_000):
            path = self.mktemp()
            Path(path).write_text(text)
            said = self.admin("accounts", "list", "--key-file", path, status=Exit.SETTINGS)
            self.assertNotIn("two words", said)
