"""Who may come, with what and how often: a server, a client and curl, with users from a file."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from sellia.relay.passwords import hash_password
from tests.e2e.case import EndToEndTests, watched
from tests.e2e.curl_case import parts
from tests.e2e.recorder import Recorder
from tests.e2e.stage import Reach, curl, program, server, through_tunnel_only
from tests.processes import Process, start_client

NAME = "guarded"


@cache
def stage() -> tuple[Reach, Process, Recorder]:
    """A tunnel with rules, its client, and the service behind it."""
    program("curl")
    service = Recorder()
    ingress = server()
    users = Path(tempfile.mkdtemp()) / "users.txt"
    users.write_text(f"# visitors\nann:{hash_password('s3cret')}\n")
    client = watched(
        start_client(
            *(ingress.port, service.port, NAME, "--auth", "bob:b", "--auth-file", str(users)),
            *("--methods", "GET,POST", "--max-body", "1 KiB", "--visitor-rate", "1000/s"),
        )
    )
    return Reach(ingress.port, f"{NAME}.localhost"), client, service


class AccessTests(EndToEndTests):
    def setUp(self) -> None:
        through_tunnel_only()
        self.place, self.client, self.service = stage()

    def status(self, *options: str, stdin: bytes = b"") -> int:
        output = curl(self.place, "/", "--include", *options, stdin=stdin).output
        return int(parts(output)[0].split()[1])

    def test_users(self) -> None:
        self.assertEqual(self.status(), 401)
        self.assertEqual(self.status("--user", "ann:wrong"), 401)
        for user in ("ann:s3cret", "bob:b", "ann:s3cret"):
            self.assertEqual(self.status("--user", user), 200)

    def test_rules(self) -> None:
        login = ("--user", "bob:b")
        self.assertEqual(self.status(*login, "--request", "DELETE"), 405)
        self.client.wait_for_line("refused by the server: .* status=405 ", 10.0)
        self.assertEqual(self.status(*login, "--data-binary", "x" * 1024), 200)
        self.assertEqual(self.status(*login, "--data-binary", "x" * 1025), 413)
        chunked = ("--header", "Transfer-Encoding: chunked", "--header", "Expect:", "--data-binary", "@-")
        self.assertEqual(self.status(*login, *chunked, stdin=b"x" * 1024), 200)
        self.assertEqual(self.status(*login, *chunked, stdin=b"x" * 100_000), 413)

    def test_secrets_are_in_no_log(self) -> None:
        self.status("--user", "ann:s3cret")
        for process in (self.client, server()):
            self.assertNotIn("s3cret", process.output)
            self.assertNotIn("$scrypt$", process.output)
