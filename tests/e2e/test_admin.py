"""The admin API and ``sellia admin``, as an operator uses them: a server of twistd, its first key, a team, a client."""

from __future__ import annotations

import http.client
import json
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from sellia.cli.exits import Exit
from tests.e2e.case import EndToEndTests, watched
from tests.e2e.stage import Finished, run
from tests.processes import Process, free_port, start_server

SELLIA = (sys.executable, str(Path(sysconfig.get_path("scripts"), "sellia")))


class Operator:
    """A server with accounts, and whoever runs it."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="sellia-admin-")
        self.directory = Path(self._directory.name)
        self.state = self.directory / "state"
        self.admin_port = free_port()
        listen = f"tcp:{self.admin_port}:interface=127.0.0.1"
        options = ("--state-dir", str(self.state), "--admin-listen", listen, "--require-auth", "--original-admin")
        self.server = watched(start_server(*options))
        self.first_key = self.state / "first-admin-key"
        self.server.wait_for(self.first_key.exists, "the first admin key")
        self.url = f"http://127.0.0.1:{self.admin_port}"

    def environment(self, **more: str) -> Mapping[str, str]:
        home = {"HOME": str(self.directory), "XDG_CONFIG_HOME": str(self.directory / "config")}
        return {"SELLIA_ADMIN_URL": self.url, "SELLIA_ADMIN_KEY_FILE": str(self.first_key), **home, **more}

    def sellia(self, *arguments: str, stdin: bytes = b"", **environment: str) -> Finished:
        """Run ``sellia admin`` with these arguments."""
        return run([*SELLIA, "admin", *arguments], stdin=stdin, env=self.environment(**environment))

    def client(self, key: str, name: str) -> Process:
        """Run a client."""
        server = f"http://127.0.0.1:{self.server.port}"
        argv = [*SELLIA, "http", "text:hello", "-s", name, "--server", server, "--no-inspector"]
        return watched(Process(argv, name=f"client {name}", env={**self.environment(), "SELLIA_API_KEY": key}))


@cache
def operator() -> Operator:
    return Operator()


class AdminTests(EndToEndTests):
    operator: ClassVar[Operator]

    def setUp(self) -> None:
        self.operator = operator()  # type: ignore[misc]  # one for all

    def said(self, *arguments: str, status: int = 0, **environment: Any) -> str:
        """What a command prints; it must leave with this status."""
        finished = self.operator.sellia(*arguments, **environment)
        output = finished.output.decode()
        self.assertEqual(finished.status, status, output + finished.errors)
        self.assertNotIn("Traceback", output + finished.errors)
        return output + (finished.errors if status else "")

    def json(self, *arguments: str) -> Any:
        return json.loads(self.said(*arguments, "--json"))

    def api(self, method: str, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
        """Make a call as a script does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.operator.admin_port, timeout=60)
        self.addCleanup(connection.close)
        shown = key or self.operator.first_key.read_text().strip()
        headers = {"Authorization": f"Bearer {shown}", "Content-Type": "application/json"}
        data = json.dumps(body) if body is not None else None
        connection.request(method, f"/api/v1/{path}", data, headers if data else {"Authorization": f"Bearer {shown}"})
        response = connection.getresponse()
        content = response.read()
        return response.status, json.loads(content) if content else None

    def test_names_that_scripts_use(self) -> None:
        """To the letter, as they are promised."""
        self.assertEqual(stat.S_IMODE(self.operator.first_key.stat().st_mode), 0o600)
        status, account = self.api("POST", "accounts", {"name": "scripted"})
        self.assertEqual(status, 201)
        body = {"account": account["id"], "name": "ci", "scopes": ["http"], "names": ["ci-*"], "networks": []}
        status, key = self.api("POST", "keys", {**body, "expires_at": None, "limits": None})
        self.assertEqual((status, key["key"].startswith(key["prefix"])), (201, True))
        status, rotated = self.api("POST", f"keys/{key['id']}/rotate", {"overlap_seconds": 60})
        self.assertEqual((status, set(rotated) >= {"id", "prefix", "key"}), (201, True))
        self.assertEqual(self.api("DELETE", f"keys/{rotated['id']}")[0], 204)
        for path in ("accounts", "keys", "names", "domains", "limits", "sessions", "events?after=0"):
            status, page = self.api("GET", path)
            self.assertEqual((status, type(page["items"])), (200, list), path)
        self.assertEqual(self.api("GET", "usage?from=2027-01-01&to=2027-01-02")[0], 200)

    def test_a_team(self) -> None:
        """An account, a key, a client with it, and its end when the key is revoked."""
        self.said("accounts", "create", "team", "--note", "The team")
        key = self.said("keys", "create", "team", "--name", "laptop").strip()
        self.assertRegex(key, r"\Asl_live_\w+\Z")
        self.said("names", "reserve", "team-app", "--account", "team")
        client = self.operator.client(key, "team-app")
        self.addCleanup(client.stop)
        client.wait_for_line("open    http://")
        sessions = self.json("sessions", "list", "--account", "team")["items"]
        self.assertEqual([each["tunnels"][0]["name"] for each in sessions], ["team-app"])
        self.assertIn("team-app", self.said("sessions", "list"))
        [shown] = self.json("keys", "list", "--account", "team")["items"]
        self.assertIn(shown["prefix"], self.said("keys", "list"))
        self.assertIn("laptop", self.said("keys", "show", shown["id"]))
        self.assertEqual(self.said("keys", "revoke", shown["id"]), f"Revoked the key {shown['id']}.\n")
        self.assertNotEqual(client.wait_for_exit(), 0)
        self.assertIn("revoked", client.output)
        self.assertIn("key.revoked", self.said("events", "--kind", "key"))
        lines = self.said("events", "--kind", "session", "--json").splitlines()
        self.assertIn("session.opened", {json.loads(each)["kind"] for each in lines})
        self.said("usage", "--account", "team")

    def test_plan_and_apply(self) -> None:
        file = self.operator.directory / "team.yaml"
        file.write_text("limits:\n  small: {clients: 3}\naccounts:\n  planned: {limits: small, names: [planned-app]}\n")
        planned = self.said("plan", str(file))
        self.assertIn("+ limits small: clients 3\n  + account planned with the limits small\n", planned)
        self.said("plan", str(file), "--exit-code", status=Exit.FAILED)
        self.assertTrue(self.said("apply", str(file)).endswith("Done.\n"))
        self.assertIn("Everything is as the file says.", self.said("plan", str(file), "--exit-code"))
        self.assertEqual(self.json("names", "list", "--account", "planned")["items"][0]["name"], "planned-app")
        file.write_text("accounts:\n  planned: {names: []}\n  team: {}\n  scripted: {}\n")
        refused = self.said("apply", str(file), "--prune", status=Exit.USAGE)
        self.assertIn("Something would be taken away: say --yes if that is meant.", refused)
        self.assertEqual(len(self.json("names", "list", "--account", "planned")["items"]), 1)

    def test_backup_and_restore(self) -> None:
        copy = self.operator.directory / "copy"
        self.assertIn("Saved", self.said("backup", str(copy)))
        self.assertEqual(stat.S_IMODE(copy.stat().st_mode), 0o600)
        self.assertIn("exists already", self.said("backup", str(copy), status=Exit.SETTINGS))
        running = self.said("restore", str(copy), "--state-dir", str(self.operator.state), status=Exit.FAILED)
        self.assertIn("is in use: stop the server", running)
        elsewhere = self.operator.directory / "elsewhere"
        elsewhere.mkdir()
        self.assertIn("Restored", self.said("restore", str(copy), "--state-dir", str(elsewhere)))
        export = self.operator.directory / "export"
        self.assertIn("Wrote", self.said("export", str(export), "--state-dir", str(elsewhere)))
        third = self.operator.directory / "third"
        third.mkdir()
        self.assertIn("Read", self.said("import", str(export), "--state-dir", str(third)))
        again = self.said("import", str(export), "--state-dir", str(third), status=Exit.FAILED)
        self.assertIn("is not empty", again)

    def test_what_is_refused(self) -> None:
        self.said("accounts", "create", "twice")
        for arguments, status, words in (
            (("accounts", "create", "twice"), Exit.TAKEN, "already"),
            (("accounts", "show", "nobody"), Exit.FAILED, "There is no account 'nobody'."),
            (("keys", "create", "twice", "--network", "10.0.0.0/99"), Exit.USAGE, "10.0.0.0/99"),
            (("keys", "create", "twice", "--expires", "x"), Exit.USAGE, "--expires must be a time"),
            (("accounts", "set", "twice"), Exit.USAGE, "Nothing is to be changed"),
            (("accounts", "lst"), Exit.USAGE, "No such command"),
            (("plan", "/nonexistent"), Exit.SETTINGS, "/nonexistent"),
        ):
            self.assertIn(words, self.said(*arguments, status=status))

    def test_keys_and_servers_that_are_wrong(self) -> None:
        no_key = {"SELLIA_ADMIN_KEY_FILE": "", "XDG_CONFIG_HOME": str(self.operator.directory / "none")}
        wrong = {**no_key, "SELLIA_ADMIN_KEY": "wrong"}
        said = self.said("accounts", "list", status=Exit.NOT_AUTHORISED, **wrong)
        self.assertIn("The server does not accept this API key.", said)
        self.assertIn("there is no admin key for", self.said("accounts", "list", status=Exit.SETTINGS, **no_key))
        free = f"http://127.0.0.1:{free_port()}"
        self.said("accounts", "list", status=Exit.UNREACHABLE, SELLIA_ADMIN_URL=free)
        other = f"http://127.0.0.1:{self.operator.server.port}"
        said = self.said("accounts", "list", status=Exit.UNREACHABLE, SELLIA_ADMIN_URL=other)
        self.assertIn("has no admin API", said)
        said = self.said("accounts", "list", status=Exit.SETTINGS, SELLIA_ADMIN_URL="http://192.0.2.1:9443")
        self.assertIn("everybody on the way", said)
        command = self.operator.sellia(
            "accounts", "list", "--key-file", "-", stdin=self.operator.first_key.read_bytes()
        )
        self.assertEqual(command.status, 0, command.errors)

    def test_a_login_is_found(self) -> None:
        """``sellia auth login`` checks and stores an admin key for the URL of the admin API."""
        argv = [*SELLIA, "auth", "login", "--server", self.operator.url, "--key-file", str(self.operator.first_key)]
        login = run(argv, env=self.operator.environment())
        self.assertEqual(login.status, 0, login.errors)
        self.said("limits", "list", SELLIA_ADMIN_KEY_FILE="")

    def test_limits_and_domains(self) -> None:
        self.said("limits", "set", "big", "--clients", "7", "--bytes-per-month", "50 GiB")
        self.said("limits", "set", "big", "--tunnels", "9", "--unset", "clients")
        [big] = [each for each in self.json("limits", "list")["items"] if each["name"] == "big"]
        self.assertEqual((big["clients"], big["tunnels"], big["bytes_per_month"]), (None, 9, 50 * 1024**3))
        self.said("limits", "delete", "big")
        self.said("accounts", "create", "domains")
        self.said("domains", "add", "www.example.com", "--account", "domains", "--proved")
        self.assertIn("www.example.com", self.said("domains", "list"))
        self.said("domains", "remove", "www.example.com")
