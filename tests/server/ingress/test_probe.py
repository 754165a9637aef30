"""Bytes that find out whether a visitor is there, and change nothing about its answer."""

from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from sellia.server.ingress.probe import BEGINNING, VisitorProbe


class Exchange:
    """An exchange, as far as a probe asks it."""

    head_sent = False
    may_write_zero = False


class ProbeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.probe = VisitorProbe()
        self.exchange: Any = Exchange()

    def due(self, seconds: int, *, paused: bool = True) -> list[int | None]:
        return [self.probe.look(StringTransport(), paused=paused) for _ in range(seconds)]

    def test_probes_come_ever_more_rarely(self) -> None:
        due = self.due(40)
        self.assertEqual([second for second, count in enumerate(due, 1) if count], [4, 8, 16, 32])

    def test_what_is_read_is_not_probed(self) -> None:
        self.assertEqual(set(self.due(40, paused=False)), {0})
        self.probe.clear()
        self.assertEqual(self.due(3), [0, 0, 0])

    def test_an_answer_is_begun_once(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\n\r\n"
        for counts in ((1, 2, 100), (100, 1)):
            written = b"".join(self.probe.bytes_for(self.exchange, count) for count in counts)
            self.assertEqual(written, BEGINNING)
            self.assertTrue(self.probe.begun)
            self.assertEqual(written + self.probe.rest(answer), answer)
            self.assertFalse(self.probe.begun)

    def test_zeros_have_a_bound_for_each_exchange(self) -> None:
        self.exchange.head_sent = True
        self.assertEqual(self.probe.bytes_for(self.exchange, 1), b"")
        self.exchange.may_write_zero = True
        self.assertEqual(b"".join(self.probe.bytes_for(self.exchange, 1) for _ in range(20)), b"0" * 8)
        other: Any = Exchange()
        other.head_sent = other.may_write_zero = True
        self.assertEqual(self.probe.bytes_for(other, 1), b"0")
