"""Targets of every form behind one name: ``sellia http`` as a process, its visitors as curl sees the answers."""

from __future__ import annotations

import atexit
import socketserver
import sysconfig
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.e2e.case import EndToEndTests, watched
from tests.e2e.curl_case import parts
from tests.e2e.stage import Reach, curl, program, server, through_tunnel_only
from tests.processes import Process, free_port

NAME = "targets"


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """HTTP on a unix socket."""

    daemon_threads = True


class Echo(BaseHTTPRequestHandler):
    """Answers with the path that it was asked for."""

    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *details: object) -> None:
        """Nobody reads it."""

    def address_string(self) -> str:
        """A unix socket has none."""
        return "-"


@dataclass(frozen=True)
class Stage:
    """One client, with a directory, a text, a unix socket, and a port that nobody listens on."""

    client: Process
    place: Reach
    directory: Path
    missing: int


@cache
def stage() -> Stage:
    """The client that all tests of this module share."""
    program("curl")
    temporary = tempfile.TemporaryDirectory()
    atexit.register(temporary.cleanup)
    directory = Path(temporary.name).resolve()
    (directory / "dist").mkdir()
    (directory / "secret.txt").write_text("secret")
    (directory / "dist" / "index.html").write_text("<h1>index</h1>")
    (directory / "dist" / "sub").mkdir()
    (directory / "dist" / "sub" / "index.html").write_text("sub")
    (directory / "dist" / ".env").write_text("secret")
    (directory / "dist" / "up").symlink_to("..")
    with open(directory / "dist" / "big.bin", "wb") as file:
        for number in range(512):
            file.write(bytes([number % 256]) * 16384)
    path = str(directory / "app.sock")
    service = UnixServer(path, Echo)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    missing = free_port()
    ingress = server()
    routes = ["/", "=./dist", f"/api=unix:{path}", "/hello=text:hi", f"/later={missing}", "/files=./dist"]
    argv = [str(Path(sysconfig.get_path("scripts")) / "sellia"), "http", *routes, "-s", NAME, "--spa"]
    argv += ["--server", f"http://127.0.0.1:{ingress.port}"]
    client = watched(Process(argv, name="sellia http", cwd=directory, env={"HOME": temporary.name}))
    client.wait_for_line(rf"{NAME}\.localhost")
    return Stage(client, Reach(ingress.port, f"{NAME}.localhost"), directory, missing)


class TargetTests(EndToEndTests):
    def setUp(self) -> None:
        through_tunnel_only()
        self.client, self.place = stage().client, stage().place
        self.directory, self.missing = stage().directory, stage().missing

    def ask(self, path: str, *options: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by lower-case name, and body."""
        done = curl(self.place, path, "--include", "--path-as-is", *options)
        status, headers, body = parts(done.output)
        fields = (line.decode("latin-1").partition(": ") for line in headers)
        return int(status.split()[1]), {name.lower(): value for name, _, value in fields}, body

    def test_a_directory(self) -> None:
        status, headers, body = self.ask("/")
        self.assertEqual((status, body), (200, b"<h1>index</h1>"))
        status, _, body = self.ask("/", "-H", f"If-None-Match: {headers['etag']}")
        self.assertEqual((status, body), (304, b""))
        status, _, body = self.ask("/users/1", "-H", "Accept: text/html")
        self.assertEqual((status, body), (200, b"<h1>index</h1>"))

    def test_a_directory_at_a_path(self) -> None:
        self.assertEqual(self.ask("/files/")[::2], (200, b"<h1>index</h1>"))
        status, headers, _ = self.ask("/files/sub?a")
        self.assertEqual((status, headers["location"]), (302, "/files/sub/?a"))
        self.assertEqual(self.ask("/files/sub/")[::2], (200, b"sub"))

    def test_a_large_file(self) -> None:
        whole = (self.directory / "dist" / "big.bin").read_bytes()
        status, _, body = self.ask("/big.bin")
        self.assertTrue((status, body) == (200, whole))
        status, headers, body = self.ask("/big.bin", "-r", "16380-16390")
        self.assertEqual((status, headers["content-range"]), (206, f"bytes 16380-16390/{len(whole)}"))
        self.assertEqual(body, whole[16380:16391])
        status, headers, body = self.ask("/big.bin", "--head")
        self.assertEqual((status, headers["content-length"], body), (200, str(len(whole)), b""))

    def test_nothing_above_the_directory(self) -> None:
        for path in ("/../secret.txt", "/..%2fsecret.txt", "/up/secret.txt", "/.env", "/api/..%2fsecret.txt"):
            status, _, body = self.ask(path)
            self.assertIn(status, (400, 404), path)
            self.assertNotIn(b"secret", body.replace(b"secret.txt", b""))

    def test_a_unix_socket(self) -> None:
        self.assertEqual(self.ask("/api/users?x=1")[::2], (200, b"/api/users?x=1"))
        self.assertEqual(self.ask("/%61pi")[::2], (200, b"/api"))

    def test_a_text(self) -> None:
        self.assertEqual(self.ask("/hello/there", "-d", "x")[::2], (200, b"hi"))

    def test_who_listens_later(self) -> None:
        self.client.wait_for_line(rf"nobody listens on localhost:{self.missing} yet; visitors get 502 until")
        status, headers, _ = self.ask("/later")
        self.assertEqual((status, headers["sellia-error"]), (502, "service-refused"))
