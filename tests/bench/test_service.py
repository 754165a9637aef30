"""The service answers at once, keeps little, and is as deaf as it is asked to be."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from bench import wire
from bench.service import HELLO, Connection


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.visitor, accepted = socket.socketpair()
        accepted.setblocking(False)
        self.connection = Connection(accepted)
        self.addCleanup(self.visitor.close)
        self.addCleanup(accepted.close)

    def tell(self, data: bytes) -> bool:
        """Send bytes and let the service read them."""
        self.visitor.sendall(data)
        return self.connection.readable()

    def upgrade(self, path: str = "/") -> None:
        self.tell(wire.upgrade_request("name", path))
        self.assertTrue(wire.is_accepted(self.visitor.recv(4096).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"))

    def test_pipelined_and_split_requests(self) -> None:
        """A head may come in pieces, and two may come at once."""
        self.tell(b"GET / HTTP/1.1\r\nHo")
        self.tell(b"st: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.visitor.recv(4096), HELLO * 2)

    def test_head_has_no_body(self) -> None:
        self.tell(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(self.visitor.recv(4096).endswith(b"Content-Length: 11\r\n\r\n"))

    def test_echo_keeps_frames(self) -> None:
        """Two frames in one read and one in two reads come back as they were, unmasked; a ping as a pong."""
        self.upgrade()
        large = wire.frame(b"y" * 300, wire.TEXT, wire.MASK)
        self.tell(wire.frame(b"x", mask=wire.MASK) + wire.frame(b"p", wire.PING, wire.MASK) + large[:100])
        self.tell(large[100:])
        expected = wire.frame(b"x") + wire.frame(b"p", wire.PONG) + wire.frame(b"y" * 300, wire.TEXT)
        self.assertEqual(self.visitor.recv(4096), expected)

    def test_large_frame_is_echoed_piece_by_piece(self) -> None:
        """The echo of a large frame begins before its end has come, and what follows it is understood."""
        self.upgrade()
        payload = bytes(range(250)) * 400
        data = wire.frame(payload, mask=wire.MASK) + wire.frame(b"next", mask=wire.MASK)
        received = b""
        for start in range(0, len(data), 30000):
            self.tell(data[start : start + 30000])
            received += self.visitor.recv(1 << 20)
            self.assertGreater(len(received), min(start, len(payload)))
        self.assertEqual(received, wire.frame(payload) + wire.frame(b"next"))

    def test_close_is_answered_and_ends(self) -> None:
        self.upgrade()
        self.assertFalse(self.tell(wire.frame(b"\x03\xe8", wire.CLOSE, wire.MASK)))
        self.assertEqual(self.visitor.recv(4096), wire.frame(b"\x03\xe8", wire.CLOSE))

    def test_end_of_visitor_is_the_end(self) -> None:
        self.visitor.close()
        self.assertFalse(self.connection.readable())

    def test_sink_and_post_stop_reading(self) -> None:
        """Whoever sends to them is not waited for any more."""
        self.tell(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        self.assertEqual(self.connection.wanted(), 0)

    def test_push_is_bounded_by_the_visitor(self) -> None:
        """A visitor who does not read makes the service hold one chunk and no more."""
        self.tell(b"GET /push HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(5):
            self.assertTrue(self.connection.writable())
        self.assertLessEqual(len(self.connection.outbox), 65536)
        self.assertIn(b"Content-Length: 1073741824\r\n", self.visitor.recv(65536))
