"""Strangers at the HTTP API of the base domain: guesses, framing, pages of other sites, over the real server."""

from __future__ import annotations

import socket
import tempfile
from functools import cache
from pathlib import Path

from tests.hostile.case import HostileCase, Row, cases
from tests.hostile.visitors import Talk, dial, parse, request, talk
from tests.processes import Process, start_server

KEY = b"the-right-key-of-the-owner-0123456789"
HOST = b"localhost"
PATH = b"/api/v1/key"
BURST = 5


@cache
def server() -> Process:
    """A server with a key, where few guesses are let through."""
    config = Path(tempfile.mkdtemp()) / "server.yaml"
    config.write_text(f"master_key: {KEY.decode()}\nrates: {{auth_failures: {{burst: {BURST}, per_second: 0.001}}}}\n")
    config.chmod(0o600)
    started = start_server("--config", str(config))
    talk(started.port, (ask(path=b"/client/"),), answers=1)  # its client is built then, in a thread
    return started


def shown(key: bytes) -> bytes:
    return b"Authorization: Bearer " + key


def ask(*fields: bytes, method: bytes = b"GET", path: bytes = PATH, host: bytes = HOST) -> bytes:
    return request(method, path, *fields, host=host)


_ROWS = [
    Row("a body that is another request", (ask(b"Content-Length: 46", method=b"POST") + ask()[:46],), (405,)),
    Row("both lengths", (ask(b"Content-Length: 5", b"Transfer-Encoding: chunked", method=b"POST") + b"0\r\n\r\n",)),
    Row("a body that never comes", (ask(b"Content-Length: 1000000000", method=b"POST"),), (405,)),
    Row(
        "a form", (ask(b"Content-Type: multipart/form-data; boundary=x", b"Content-Length: 9", method=b"POST"),), (405,)
    ),
    Row("a key in two lines", (ask(b"Authorization: Bearer x\r\n " + KEY),)),
    Row("a key with a NUL", (ask(shown(KEY + b"\0")),)),
    Row("a key that is very long", (ask(shown(b"k" * 100_000)),), (431,)),
    Row("two keys", (ask(shown(KEY), shown(KEY)),), (401,), closed=False),
    Row("a key in the query", (ask(path=PATH + b"?key=" + KEY),), (401,), closed=False),
    Row("a key in a cookie", (ask(b"Cookie: key=" + KEY),), (401,), closed=False),
    Row("a key for a proxy", (ask(b"Proxy-Authorization: Bearer " + KEY),), (401,), closed=False),
    Row("below a tunnel's name", (ask(shown(KEY), host=b"demo.localhost"),), (404,), closed=False),
    Row("below another name", (ask(shown(KEY), host=b"evil.example"),), (404,), closed=False),
    Row("a path that climbs", (ask(shown(KEY), path=b"/client/../api/v1/key"),), (404,), closed=False),
    Row("a preflight", (ask(b"Origin: https://evil.example", method=b"OPTIONS"),), (405,), closed=False),
    Row("an upgrade", (ask(b"Upgrade: websocket", b"Connection: Upgrade"),), (404,)),
    Row("three at once", (ask() + ask(path=b"/api/v1/version") + ask(),), (401, 200, 401), closed=False),
]


def play(test: InputTests, row: Row) -> None:
    """Send what a row says, from an address of its own, and compare what came of it."""
    said = talk(server().port, row.sent, answers=len(row.statuses), until_close=row.closed)
    test.assertEqual(said.statuses, list(row.statuses), said.data[:600])
    test.assertEqual(said.closed, row.closed, said.data[:600])
    test.assert_harmless(said)
    test.assert_brief(server())


class ApiCase(HostileCase):
    def setUp(self) -> None:
        super().setUp()
        self.before[server()] = server().cpu_seconds()

    def assert_harmless(self, said: Talk) -> None:
        """No key comes back, and no other site's page can read what does."""
        self.assertNotIn(KEY, said.data)
        self.assertNotIn(b"access-control", said.data.lower())
        self.assertNotIn(KEY.decode(), server().output)


@cases(_ROWS, play)
class InputTests(ApiCase):
    """Whatever is sent there."""


class GuessTests(ApiCase):
    def statuses(self, address: str, keys: list[bytes]) -> list[int]:
        """The answers to these keys, all on one connection from this address."""
        with socket.socket() as connection:
            connection.bind((address, 0))
            connection.settimeout(20)
            connection.connect(("127.0.0.1", server().port))
            connection.sendall(b"".join(ask(shown(each)) for each in keys))
            data = b""
            while len(parse(data)[0]) < len(keys):
                more = connection.recv(65536)
                assert more, data[-300:]
                data += more
        self.assertNotIn(KEY, data)
        return [each.status for each in parse(data)[0]]

    def test_at_line_rate(self) -> None:
        """So many are judged; then not even the right one is, from there, and others are let in."""
        guesses = [b"guess-%d" % number for number in range(40)]
        found = self.statuses("127.0.2.1", [*guesses, KEY])
        self.assertEqual(found, [401] * BURST + [429] * (41 - BURST))
        self.assertEqual(self.statuses("127.0.2.2", [KEY]), [200])
        self.assertNotIn("guess-", server().output)
        self.assertLess(server().output.count("word=wrong-key"), 10)

    def test_on_many_connections(self) -> None:
        """As many as one likes do not help."""
        found = [self.statuses("127.0.2.3", [b"guess"])[0] for _ in range(3 * BURST)]
        self.assertEqual(found, [401] * BURST + [429] * (2 * BURST))

    def test_nobody_reads_the_answers(self) -> None:
        """They wait in the socket, and the next visitor is served."""
        with dial(server().port) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(1)
            try:
                for _ in range(2000):
                    connection.sendall(ask(path=b"/api/v1/version"))
            except TimeoutError:
                pass
            self.assertEqual(talk(server().port, [ask(path=b"/api/v1/version")]).statuses, [200])
