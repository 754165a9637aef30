"""Accounts over real processes: the first key, what ends clients, what outlives a server, and a database that goes.

The tests change accounts as another server on the same database would: through its storage.
"""

import http.client
import json
import os
import pty
import random
import re
import select
import signal
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

from sellia.cli.exits import Exit
from sellia.server.accounts.secrets import digest, new_secret, shown
from sellia.storage.interface import Insert, Storage, Update
from sellia.storage.opening import open_storage
from sellia.storage.records import Account, Key, LimitsClass, NameKind, ReservedName, new_id
from tests.e2e.case import EndToEndTests, watched
from tests.e2e.postgres import control, lets_in, new_database
from tests.e2e.postgres import url as postgres_url
from tests.e2e.tcp_services import Service, start_postgres
from tests.processes import ROOT, Process, free_port, start_server, start_twistd, wait_until

SELLIA = (sys.executable, "-c", "from sellia.cli.main import main; main()")


class Accounts:
    """Accounts and keys, in the storage of a server."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def key(self, account: str, **more: Any) -> tuple[Key, str]:
        """A new key of an account, which is made if there is none, and its secret."""
        now, secret = datetime.now(UTC), new_secret()
        found = next((each for each in self.storage.directory().accounts if each.name == account), None)
        changes: list[Any] = []
        if found is None:
            found = Account(new_id("acc"), account, now, limits="small")
            changes.append(Insert(found))
        scopes = more.pop("scopes", ("http", "tcp"))
        key = Key(new_id("key"), found.id, "test", shown(secret), digest(secret), now, scopes, **more)
        self.storage.write([*changes, Insert(key)])
        return key, secret


class AccountsTests(EndToEndTests):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="sellia-accounts-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.state = self.folder / "state"
        self.env = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(self.folder / "config")}
        self.env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"

    def accounts(self, place: str | None = None) -> Accounts:
        """What is stored, with a small class of limits."""
        storage = open_storage(None if place else str(self.state), place)
        self.addCleanup(storage.close)
        if "small" not in [each.name for each in storage.directory().limits]:
            storage.write([Insert(LimitsClass("small", tunnels=2, clients=3))])
        return Accounts(storage)

    def start(self, *options: str, port: int | None = None) -> Process:
        server = watched(start_server("--require-auth", *options, port=port))
        self.addCleanup(server.stop)
        return server

    def client(self, server: Process, key: str, *arguments: str) -> Process:
        """``sellia`` with a key."""
        env = {**self.env, "SELLIA_API_KEY": key}
        argv = [*SELLIA, *arguments, "--server", f"http://localhost:{server.port}", "--no-inspector"]
        process = watched(Process(argv, name="sellia", env=env))
        self.addCleanup(process.stop)
        return process

    def test_the_first_key(self) -> None:
        """It is in a file for its owner alone, and the log has its place, not the key."""
        server = self.start("--state-dir", str(self.state))
        file = self.state / "first-admin-key"
        key = file.read_text().strip()
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertIn(str(file), server.output)
        self.assertNotIn(key, server.output)
        status = subprocess.run(
            [*SELLIA, "auth", "login", "--server", f"http://localhost:{server.port}", "--key-file", "-"],
            input=key.encode(),
            capture_output=True,
            env=self.env,
            timeout=60,
            check=False,
        )
        self.assertEqual(status.returncode, Exit.OK, status.stderr)
        told = subprocess.run([*SELLIA, "auth", "status", "--json"], capture_output=True, env=self.env, check=True)
        [entry] = json.loads(told.stdout)["servers"]
        self.assertEqual((entry["account"], entry["scopes"]), ("admin", ["http", "admin:read", "admin:write"]))
        file.unlink()
        server.stop()
        again = self.start("--state-dir", str(self.state), port=server.port)
        self.assertFalse(file.exists(), "there is one key already")
        self.assertIn("admin", again.output + told.stdout.decode())

    def test_the_first_key_on_a_terminal(self) -> None:
        """It is shown once, there and nowhere else."""
        script = Path(sys.executable).parent / "twistd"
        argv = [sys.executable, str(script), "-n", "--pidfile=", "sellia-server", "--host", "127.0.0.1"]
        argv += ["--port", str(free_port()), "--require-auth", "--state-dir", str(self.state)]
        near, far = pty.openpty()
        process = subprocess.Popen(
            argv, stdin=far, stdout=far, stderr=far, env=self.env, cwd=ROOT, start_new_session=True
        )
        os.close(far)
        self.addCleanup(os.close, near)
        shown_text = b""

        def serves() -> bool:
            nonlocal shown_text
            if select.select([near], [], [], 0.1)[0]:
                shown_text += os.read(near, 65536)
            return b"serves http" in shown_text

        try:
            wait_until(serves, "the server to be there")
        finally:
            process.terminate()
            process.wait(60)
        [secret] = set(re.findall(rb"sl_live_\w+", shown_text))
        self.assertEqual(self.accounts().storage.directory().keys[0].digest, digest(secret.decode()))
        self.assertFalse((self.state / "first-admin-key").exists())

    def test_keys_and_names(self) -> None:
        """What a key may not do is told with what it may; a revocation ends its client, which says why."""
        stored = self.accounts()
        key, secret = stored.key("team", names=("app-*",), scopes=("http",))
        _, other = stored.key("others")
        server = self.start("--state-dir", str(self.state), "--tcp-ports", f"{free_port()}")
        refused = self.client(server, secret, "http", "1", "-s", "mine")
        refused.wait_for_exit()
        self.assertIn("app-*", refused.output)
        refused = self.client(server, secret, "tcp", "1")
        refused.wait_for_exit()
        self.assertIn("its scopes are http", refused.output)
        client = self.client(server, secret, "http", "1", "-s", "app-one")
        client.wait_for_line("open    http://app-one")
        now = datetime.now(UTC)
        stored.storage.write([Update(replace(key, revoked_at=now, revoked_reason="It was in a log."))])
        self.assertEqual(client.wait_for_exit(), Exit.NOT_AUTHORISED, client.output)
        self.assertIn("was revoked. It was in a log.", client.output)
        server.wait_for_line("session ended: .*key of this client was revoked")
        gone = self.client(server, secret, "http", "1", "-s", "app-one")
        self.assertEqual(gone.wait_for_exit(), Exit.NOT_AUTHORISED)
        self.assertIn("may also be revoked", gone.output)
        for never in (secret, other):
            self.assertNotIn(never, server.output)

    def test_what_outlives_the_server(self) -> None:
        """A name that was used, one that is reserved, and a port: each for its account alone."""
        stored = self.accounts()
        key, mine = stored.key("team")
        _, theirs = stored.key("others")
        record = ReservedName(NameKind.SUBDOMAIN, "reserved-one", datetime.now(UTC), account_id=key.account_id)
        stored.storage.write([Insert(record)])
        first = free_port()
        options = ("--state-dir", str(self.state), "--tcp-ports", f"{first}-{first + 19}")
        server = self.start(*options)
        web = self.client(server, mine, "http", "1", "-s", "used-one")
        tcp = self.client(server, mine, "tcp", "2")
        web.wait_for_line("open    http://used-one")
        port = tcp.wait_for_line(r"tcp://localhost:(\d+)")[1]
        for each in (web, tcp):
            each.stop()
        server.stop()
        again = self.start(*options, port=server.port)
        for name in ("used-one", "reserved-one"):
            stranger = self.client(again, theirs, "http", "1", "-s", name, "--no-retry")
            self.assertEqual(stranger.wait_for_exit(), Exit.TAKEN, stranger.output)
        self.client(again, mine, "http", "1", "-s", "used-one").wait_for_line("open    http://used-one")
        tcp = self.client(again, mine, "tcp", "2")
        self.assertEqual(tcp.wait_for_line(r"tcp://localhost:(\d+)")[1], port)
        third = self.client(again, mine, "http", "1", "-s", "reserved-one", "--no-retry")
        third.wait_for_exit()
        self.assertIn("'team' has 2 tunnels open, which is its limit", third.output)
        kinds = [each.kind for each in stored.storage.events()]
        self.assertIn("session.opened", kinds)

    def test_a_database_that_goes_and_comes_back(self) -> None:
        """PostgreSQL is stopped: logins go on, from memory; it is started again: what happened is in it."""
        database = self.database()
        place = postgres_url("postgres", port=database.port)
        stored = self.accounts(place)
        _, secret = stored.key("team")
        stored.storage.close()
        self.env["SELLIA_STORAGE"] = place
        server = self.start("--storage", place)
        client = self.client(server, secret, "http", "1", "-s", "before")
        client.wait_for_line("open    http://before")
        control(database, "stop", "-m", "fast")
        server.wait_for_line("the database is away")
        other = self.client(server, secret, "http", "1", "-s", "meanwhile")
        other.wait_for_line("open    http://meanwhile")
        self.assertIsNone(client.returncode)
        self.restart(database)
        server.wait_for_line("the database is back")
        self.assertEqual(server.output.count("the database is away"), 1)
        storage = self.accounts(place).storage
        opened = {"before", "meanwhile"}
        wait_until(lambda: {each.subject for each in storage.events(kind="tunnel.opened")} >= opened, "both events")

    def test_a_database_that_comes_after_the_server(self) -> None:
        """Until then nobody's key can be checked, and clients are told to try again, and do."""
        database = self.database()
        place = postgres_url("postgres", port=database.port)
        stored = self.accounts(place)
        _, secret = stored.key("team")
        stored.storage.close()
        control(database, "stop", "-m", "fast")
        server = self.start("--storage", place)
        server.wait_for_line("the database is away")
        client = self.client(server, secret, "http", "1", "-s", "late-one")
        server.wait_for_line("client refused: .*word=database-away")
        self.restart(database)
        client.wait_for_line("open    http://late-one")

    def test_killed_while_it_makes_keys(self) -> None:
        """Every key that the admin API has shown is there after SIGKILL, with SQLite and with PostgreSQL."""
        for place in (None, postgres_url(new_database())):
            folder = self.folder / ("sqlite" if place is None else "postgres")
            admin = free_port()
            options = ["--admin-listen", f"tcp:{admin}:interface=127.0.0.1", "--state-dir", str(folder)]
            options += ["--storage", place] if place is not None else []
            server = self.start(*options)
            file = folder / "first-admin-key"
            shown: list[str] = []
            for _ in range(2):
                self.kill_while_it_makes_keys(server, admin, file.read_text().strip(), shown)
                server = self.start(*options, port=server.port)
            storage = open_storage(str(folder), place)
            digests = {each.digest for each in storage.directory().keys}
            events = storage.events(kind="key.created")
            storage.close()
            self.assertLessEqual({digest(each) for each in shown}, digests)
            self.assertEqual(len(events), len(digests), "each with its event")
            server.stop()

    def kill_while_it_makes_keys(self, server: Process, admin: int, key: str, shown: list[str]) -> None:
        wanted = len(shown) + random.randrange(3, 20)
        threads = [Thread(target=self.make_keys, args=(admin, key, shown)) for _ in range(2)]
        for each in threads:
            each.start()
        wait_until(lambda: len(shown) >= wanted, "keys")
        server.send_signal(signal.SIGKILL)
        for each in threads:
            each.join()
        server.wait_for_exit()

    def make_keys(self, port: int, admin_key: str, shown: list[str]) -> None:
        """Make keys until the server is gone, and note each that is shown."""
        headers = {"Authorization": f"Bearer {admin_key}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            while True:
                connection.request("POST", "/api/v1/keys", '{"account": "admin"}', headers)
                response = connection.getresponse()
                body = response.read()
                if response.status == 201:
                    shown.append(json.loads(body)["key"])
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def test_a_server_without_accounts_imports_nothing_of_them(self) -> None:
        server = watched(start_server())
        self.addCleanup(server.stop)
        maps = Path(f"/proc/{server.pid}/maps").read_text()
        self.assertNotIn("sqlalchemy", maps.lower())
        code = (
            "import sys\nfrom twisted.internet import reactor\nfrom sellia.server.service import make_service\n"
            "from sellia.server.settings import ServerSettings\nmake_service(ServerSettings(), reactor)\n"
            "names = ('sellia.server.accounts', 'sqlalchemy', 'alembic')\n"
            "print([each for each in sys.modules if each.startswith(names)])"
        )
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, env=self.env, cwd=ROOT, check=True)
        self.assertEqual(told.stdout, b"[]\n")

    def test_settings_that_cannot_be(self) -> None:
        for options, words in (
            (("--require-auth",), "--state-dir"),
            (("--require-auth", "--open", "--state-dir", str(self.state)), "cannot be given together"),
            (("--require-auth", "--state-dir", "/dev/null/x"), "/dev/null/x"),
        ):
            server = start_twistd("sellia-server", "--host", "127.0.0.1", "--port", str(free_port()), *options)
            self.addCleanup(server.stop)
            self.assertEqual(server.wait_for_exit(), 1, server.output)
            self.assertIn(words, server.output)
            self.assertNotIn("Traceback", server.output)

    def database(self) -> Service:
        """A PostgreSQL that lets users in, and that the test may stop."""
        database = start_postgres()
        self.addCleanup(database.close)
        wait_until(lambda: lets_in(database.port), "PostgreSQL to let users in")
        return database

    def restart(self, database: Service) -> None:
        assert database.process is not None
        database.run(*database.process.argv)
