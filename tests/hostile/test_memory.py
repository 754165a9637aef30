"""How much memory a visitor's bytes take at the server: at most four times what was sent, whatever it is."""

from __future__ import annotations

from tests.hostile import stage
from tests.hostile.case import HostileCase
from tests.hostile.visitors import dial, get, talk
from tests.processes import Process, start_client, start_server, wait_until

VISITORS = 200

READ = 120 * 1024
"""What the server reads of a socket at once."""

OWN = 8 * 1024
"""Bytes for a connection whatever is sent on it, and for a request that waits for its answer."""

CHUNKED = b"POST /silent HTTP/1.1\r\nHost: demo.localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


class AmplificationTests(HostileCase):
    """Two hundred visitors of each kind, on a server of their own."""

    def grown(self, first: bytes, more: bytes) -> None:
        """Each sends ``first``, which reaches the service, and then ``more`` as far as that is read."""
        stage.ledger().on("/silent", lambda arrived: arrived.wait_until_left())
        server = self.ended(start_server("--no-rate-limit"))
        self.ended(start_client(server.port, stage.ledger().port, "demo"))
        for _ in range(20):
            talk(server.port, (get(),))
        before = server.resident_bytes()
        visitors = [dial(server.port) for _ in range(VISITORS)]
        sent = 0
        for visitor in visitors:
            self.addCleanup(visitor.close)
            visitor.settimeout(0.05)
            for piece in (first, more):
                left = memoryview(piece)
                try:
                    while left:
                        size = visitor.send(left)
                        sent, left = sent + size, left[size:]
                except TimeoutError:
                    pass  # nothing more is read
        wait_until(lambda: self.still(server), "the server to have read it")
        self.assertLess(server.resident_bytes() - before, 4 * sent + OWN * VISITORS, f"of {sent} bytes")

    def still(self, server: Process) -> bool:
        """Whether it has done what there was to do."""
        before = server.cpu_seconds()
        talk(server.port, (get(b"/health", host=b"localhost"),))
        return server.cpu_seconds() - before < 0.02

    def ended(self, process: Process) -> Process:
        self.addCleanup(process.stop)
        return process

    def test_small_requests(self) -> None:
        self.grown(get(b"/silent"), (get() * 4_000)[:READ])

    def test_requests_of_small_fields(self) -> None:
        self.grown(get(b"/silent"), (get(b"/", *[b"a:"] * 100) * 300)[:READ])

    def test_small_chunks(self) -> None:
        self.grown(CHUNKED, b"1\r\nx\r\n" * 20_000)

    def test_heads_without_an_end(self) -> None:
        self.grown(b"", get(b"/", *[b"ab:c"] * 120)[:-2])

    def test_small_fields_of_a_request_that_waits(self) -> None:
        self.grown(b"", get(b"/silent", *[b"ab:c"] * 100))
