"""The load generator counts right, and notices when it is answered wrongly."""

from __future__ import annotations

import socket
from array import array

from twisted.trial.unittest import SynchronousTestCase

from bench import wire
from bench.load import LoadError, ServiceLeg, exchange_for, percentiles


class ExchangeTests(SynchronousTestCase):
    def setUp(self) -> None:
        mine, self.peer = socket.socketpair()
        mine.setblocking(False)
        self.buffer = memoryview(bytearray(1 << 16))
        self.exchange = ServiceLeg(mine, wire.frame(b"hello", mask=wire.MASK), wire.frame(b"hello"))
        self.addCleanup(mine.close)
        self.addCleanup(self.peer.close)
        self.exchange.start()

    def answer(self, data: bytes) -> bool:
        self.peer.sendall(data)
        return self.exchange.read(self.buffer)

    def test_answer_in_pieces(self) -> None:
        """An exchange is over with the last byte of its answer, and the next one starts afresh."""
        self.assertEqual(self.peer.recv(100), self.exchange.request)
        self.assertFalse(self.answer(self.exchange.answer[:3]))
        self.assertTrue(self.answer(self.exchange.answer[3:]))
        self.exchange.start()
        self.assertTrue(self.answer(self.exchange.answer))

    def test_wrong_first_answer(self) -> None:
        """A close frame, say, is not taken for an echo."""
        self.assertRaises(LoadError, self.answer, wire.frame(b"\x03\xea", wire.CLOSE))

    def test_too_much(self) -> None:
        self.assertTrue(self.answer(self.exchange.answer))
        self.exchange.start()
        self.assertRaises(LoadError, self.answer, self.exchange.answer + b"x")

    def test_hang_up(self) -> None:
        self.peer.recv(100)
        self.peer.close()
        self.assertRaises(LoadError, self.exchange.read, self.buffer)

    def test_nothing_yet(self) -> None:
        self.assertFalse(self.exchange.read(self.buffer))

    def test_large_request_is_sent_as_far_as_it_goes(self) -> None:
        """What the socket does not take is kept for `flush`."""
        self.exchange.request = bytes(1 << 22)
        self.exchange.start()
        received = len(self.peer.recv(1 << 22))
        while self.exchange.outgoing:
            self.exchange.flush()
            received += len(self.peer.recv(1 << 22))
        self.assertEqual(received, (1 << 22) + 11)


class TimingTests(SynchronousTestCase):
    def test_percentiles(self) -> None:
        """Nanoseconds in any order, milliseconds out."""
        times = array("q", (n * 1_000_000 for n in range(100, -1, -1)))
        self.assertEqual(percentiles(times), {"p50_ms": 50.0, "p99_ms": 99.0, "max_ms": 100.0})

    def test_no_answer_is_an_error(self) -> None:
        """A load that got no answer at all has no latency to tell."""
        mine, peer = socket.socketpair()
        mine.setblocking(False)
        self.addCleanup(mine.close)
        self.addCleanup(peer.close)
        self.assertRaises(LoadError, exchange_for, [ServiceLeg(mine, b"q", b"a")], 0.01, 0.0, 0.01)
