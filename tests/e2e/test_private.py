"""What stands behind a tunnel is its owner's business: visitors are not told where it is, its owner is."""

from __future__ import annotations

import re

from tests.e2e.test_limits import HANDSHAKE, LimitCase
from tests.processes import free_port, start_client


class PrivateTests(LimitCase):
    """Each way in which a service fails, over real processes."""

    options = ("--log-level", "debug")

    def setUp(self) -> None:
        super().setUp()
        self.nothing = free_port()
        self.client = self.ended(start_client(self.server.port, self.nothing, "nothing", "--log-level", "debug"))
        self.recorder.on("/dies", lambda exchange: exchange.cut())
        self.recorder.on("/rubbish", b"SSH-2.0-OpenSSH_9.2\r\n")
        self.recorder.on("/long", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")

    def answered(self, host: str, path: str, fields: str = "") -> str:
        for kind in ("text/plain", "text/html", "application/json"):
            visitor = self.connect()
            request = f"GET {path} HTTP/1.1\r\nHost: {host}.localhost\r\nAccept: {kind}\r\n{fields}\r\n"
            visitor.sendall(request.encode())
            said = self.head(visitor)
            self.assertIn(" 502 ", said.split("\r\n")[0])
            private = rf"{self.nothing}|{self.recorder.port}|127\.0\.0\.1|\[?::1|localhost:"
            self.assertIsNone(re.search(private, said), said)
        return said

    def test_nothing_listens(self) -> None:
        self.assertIn("Sellia-Error: service-refused", self.answered("nothing", "/"))
        self.assertIn("Sellia-Error: service-refused", self.answered("nothing", "/", HANDSHAKE))
        self.client.wait_for_line(f"service-refused: .*:{self.nothing} refused the connection")
        self.server.wait_for_line(f"word=service-refused reason=.*:{self.nothing} refused the connection")

    def test_what_answers_is_no_service(self) -> None:
        for path in ("/dies", "/rubbish", "/long"):
            self.assertIn("Sellia-Error: ", self.answered("demo", path))
