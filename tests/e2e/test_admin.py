"""The admin API and ``sellia admin``, as an operator uses them: a server of twistd, its first key, a team, a client."""

from __future__ import annotations

import http.client
import json
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
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
        """An account, a key, a client with it; the session is over when the call that revokes the key is answered."""
        self.api("POST", "accounts", {"name": "team"})
        key = self.said("keys", "create", "team", "--name", "laptop").strip()
        self.assertRegex(key, r"\Asl_live_\w+\Z")
        client = self.operator.client(key, "team-app")
        self.addCleanup(client.stop)
        client.wait_for_line("open    http://")
        [session] = json.loads(self.said("sessions", "list", "--account", "team", "--json"))["items"]
        self.assertEqual([each["name"] for each in session["tunnels"]], ["team-app"])
        self.assertEqual(self.api("DELETE", f"keys/{session['key']}")[0], 204)
        self.assertEqual(self.api("GET", "sessions?account=team")[1]["items"], [])
        self.assertNotEqual(client.wait_for_exit(), 0)
        self.assertIn("revoked", client.output)

    def test_another_tenant(self) -> None:
        """It cannot see, end, measure or take what a client of another account has."""
        for name in ("victim", "tenant"):
            self.assertEqual(self.api("POST", "accounts", {"name": name})[0], 201)
        keys = {name: self.api("POST", "keys", {"account": name})[1]["key"] for name in ("victim", "tenant")}
        client = self.operator.client(keys["victim"], "victims-app")
        self.addCleanup(client.stop)
        client.wait_for_line("open    http://")
        [session] = self.api("GET", "sessions?account=victim")[1]["items"]
        for path in ("sessions", "usage", "usage?name=victims-app", "names"):
            self.assertEqual(self.api("GET", path, key=keys["tenant"])[1]["items"], [], path)
        for path in ("sessions?account=victim", "usage?account=victim", "names?account=victim"):
            self.assertEqual(self.api("GET", path, key=keys["tenant"])[0], 403, path)
        for method, path in (
            ("GET", f"sessions/{session['id']}"),
            ("DELETE", f"sessions/{session['id']}"),
            ("DELETE", f"sessions/{session['name']}"),
            ("DELETE", "names/victims-app"),
        ):
            status, told = self.api(method, path, key=keys["tenant"])
            none = path.replace(session["id"], "ses_none").replace(session["name"], "ses_none")
            other = self.api(method, none.replace("victims-app", "nobodys-app"), key=keys["tenant"])[1]
            self.assertEqual((status, told["error"]), (404, "no-such-thing"), path)
            self.assertEqual(told["title"], other["title"])
        thief = self.operator.client(keys["tenant"], "victims-app")
        self.addCleanup(thief.stop)
        self.assertEqual(thief.wait_for_exit(), Exit.TAKEN, thief.output)
        self.assertIsNone(client.returncode)
        [same] = self.api("GET", "sessions?account=victim")[1]["items"]
        self.assertEqual(same["id"], session["id"])

    def test_apply_and_backup(self) -> None:
        file = self.operator.directory / "team.yaml"
        file.write_text("limits:\n  small: {clients: 3}\naccounts:\n  planned: {limits: small, names: [planned-app]}\n")
        self.assertTrue(self.said("apply", str(file)).endswith("Done.\n"))
        self.assertEqual(self.api("GET", "accounts/planned")[1]["limits"], "small")
        copy = self.operator.directory / "copy"
        self.assertIn("Saved", self.said("backup", str(copy)))
        self.assertEqual(stat.S_IMODE(copy.stat().st_mode), 0o600)
        running = self.said("restore", str(copy), "--state-dir", str(self.operator.state), status=Exit.FAILED)
        self.assertIn("is in use: stop the server", running)

    def test_what_is_refused(self) -> None:
        """By a server that does not know the key, and by one that has no admin API."""
        other = f"http://127.0.0.1:{self.operator.server.port}"
        with ThreadPoolExecutor() as both:
            unknown = both.submit(
                self.operator.sellia, "accounts", "list", SELLIA_ADMIN_KEY_FILE="", SELLIA_ADMIN_KEY="wrong"
            )
            elsewhere = both.submit(self.operator.sellia, "accounts", "list", SELLIA_ADMIN_URL=other)
        for command, status, words in (
            (unknown, Exit.NOT_AUTHORISED, "The server does not accept this API key."),
            (elsewhere, Exit.UNREACHABLE, "has no admin API"),
        ):
            finished = command.result()
            self.assertEqual(finished.status, status, finished.errors)
            self.assertIn(words, finished.errors)

    def test_a_login_is_found(self) -> None:
        """``sellia auth login`` checks and stores an admin key for the URL of the admin API."""
        argv = [*SELLIA, "auth", "login", "--server", self.operator.url, "--key-file", str(self.operator.first_key)]
        login = run(argv, env=self.operator.environment())
        self.assertEqual(login.status, 0, login.errors)
        self.said("limits", "list", SELLIA_ADMIN_KEY_FILE="")
