"""``sellia auth`` and ``sellia version --check-server`` as people and scripts run them, against a real server."""

import json
import os
import pty
import select
import stat
import subprocess
import sys
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sellia.cli.exits import Exit
from tests.e2e.case import EndToEndTests, watched
from tests.processes import ROOT, Process, free_port, start_server, wait_until
from tests.test_process import clean_environment

KEY = "f3a9c0ffee" * 4
WRONG = "0badc0ffee" * 4
SELLIA = (sys.executable, "-c", "from sellia.cli.main import main; main()")


@cache
def server() -> Process:
    """The server of all tests here, which knows one key."""
    return watched(start_server(env={"SELLIA_MASTER_KEY": KEY}))


class AuthTests(EndToEndTests):
    def setUp(self) -> None:
        clean_environment(self)
        self.url = f"http://localhost:{server().port}"
        self.home = Path(os.environ["XDG_CONFIG_HOME"])
        self.env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}

    def run_sellia(self, *arguments: str, status: int = Exit.OK, given: str = "", **env: str) -> str:
        """What is printed, on both streams; no key is in it, and no traceback."""
        done = subprocess.run(
            [*SELLIA, *arguments],
            input=given.encode(),
            capture_output=True,
            env={**self.env, **env},
            cwd=self.mktemp_directory(),
            timeout=60,
            check=False,
        )
        text = (done.stdout + done.stderr).decode()
        self.assertEqual(done.returncode, status, text)
        for never in (KEY, WRONG, "Traceback"):
            self.assertNotIn(never, text)
        return text

    def mktemp_directory(self) -> str:
        path = self.mktemp()
        os.makedirs(path)
        return path

    @property
    def files(self) -> list[Path]:
        return sorted(self.home.rglob("keys/*"))

    def test_from_login_to_logout(self) -> None:
        shown = self.log_in_at_a_prompt()
        self.assertIn(f"Logged in to {self.url} with the key f3a9…, which is in /", shown)
        self.assertIn("http tunnels under any name", shown)
        (file,) = self.files
        self.assertEqual((file.read_text(), stat.S_IMODE(file.stat().st_mode)), (KEY + "\n", 0o600))

        told = json.loads(self.run_sellia("auth", "status", "--json"))
        (entry,) = told["servers"]
        expected = {"server": self.url, "key_prefix": "f3a9…", "accepted": True, "error": None, "scopes": ["http"]}
        self.assertEqual({name: entry[name] for name in expected}, expected)

        client = watched(Process([*SELLIA, "http", "8080"], name="sellia http", env=self.env))
        self.addCleanup(client.stop)
        client.wait_for_line(f"http://.*:{server().port}")
        client.stop()
        self.assertNotIn(KEY, client.output)
        self.assertEqual(self.run_sellia("auth", "logout"), f"The key is deleted for {self.url}.\n")
        self.assertEqual(self.files, [])

    def test_ways_for_scripts(self) -> None:
        path = Path(self.mktemp()).absolute()
        path.write_text(f"{KEY}\n")
        for arguments, given in (((), KEY + "\n"), (("--key-file", str(path)), "")):
            shown = self.run_sellia("auth", "login", "--server", self.url, *arguments, given=given)
            self.assertTrue(shown.startswith(f"Logged in to {self.url} with the key f3a9…, which is in /"), shown)
            (file,) = self.files
            self.assertEqual(file.read_text(), KEY + "\n")
            file.unlink()

    def log_in_at_a_prompt(self) -> str:
        """What a terminal shows, on which the key is typed: not the key."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*SELLIA, "auth", "login", "--server", self.url],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self.env,
            start_new_session=True,
        )
        os.close(theirs)
        shown = bytearray()

        def read(text: bytes) -> bool:
            while select.select([ours], [], [], 0)[0]:
                try:
                    shown.extend(os.read(ours, 65536))
                except OSError:  # it has ended
                    break
            return text in shown

        wait_until(lambda: read(f"Key for {self.url}: ".encode()), "the prompt")
        os.write(ours, KEY.encode() + b"\n")
        wait_until(lambda: read(b"Logged in"), f"the end of {bytes(shown)!r}")
        self.assertEqual(process.wait(20), 0)
        read(b"")  # to the end
        os.close(ours)
        self.assertNotIn(KEY.encode(), shown)
        return shown.decode()

    def test_what_is_not_stored(self) -> None:
        login = ("auth", "login", "--server")
        shown = self.run_sellia(*login, self.url, given=WRONG, status=Exit.NOT_AUTHORISED)
        self.assertIn("The server does not accept this API key.\nHint: ", shown)
        shown = self.run_sellia(*login, f"http://localhost:{free_port()}", given=KEY, status=Exit.UNREACHABLE)
        self.assertRegex(shown, r"localhost:\d+ refused the connection\nHint: ")
        self.assertEqual(self.files, [])
        self.assertIn("word=wrong-key", server().output)
        for key in (KEY, WRONG):
            self.assertNotIn(key, server().output)

    def test_whether_client_and_server_fit(self) -> None:
        shown = self.run_sellia("version", "--check-server", SELLIA_SERVER=self.url)
        self.assertRegex(shown, r"^sellia [\d.]+ \(.*\)\nserver [\d.]+ at http://localhost:\d+\nThey fit: ")

    def test_a_server_of_another_time(self) -> None:
        """It is said what each speaks, and the status is 1."""
        said = {"version": "9.0\x1b[31m", "dialects": {"native": {"subprotocol": "sellia.v9", "versions": [4]}}}

        class Later(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(said).encode())

            def log_message(self, *arguments: object) -> None:
                pass

        later = ThreadingHTTPServer(("127.0.0.1", 0), Later)
        thread = threading.Thread(target=later.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(later.server_close)
        self.addCleanup(later.shutdown)
        url = f"http://localhost:{later.server_port}"
        shown = self.run_sellia("version", "--check-server", "--server", url, status=Exit.FAILED)
        self.assertIn("They do not fit: this client speaks sellia.v1, version 1, and the server sellia.v9 [4].", shown)
        self.assertIn(f"it may offer it at {url}/client/.", shown)
        self.assertNotIn("\x1b", shown)
