"""Numbers of streams: whose they are, and which have been used."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.relay.mux.stream_numbers import StreamNumbers


class StreamNumbersTests(SynchronousTestCase):
    def test_each_end_has_its_parity(self) -> None:
        server, client = StreamNumbers(even=True), StreamNumbers(even=False)
        self.assertEqual([server.take() for _ in range(3)], [2, 4, 6])
        self.assertEqual([client.take() for _ in range(3)], [1, 3, 5])
        self.assertEqual((server.peer_parity, client.peer_parity), (1, 0))

    def test_the_peers_rise(self) -> None:
        numbers = StreamNumbers(even=True)
        numbers.check(1)
        numbers.opened(1)
        numbers.check(9)  # numbers may be left out
        numbers.opened(9)
        for number in (0, 1, 2, 7, 9, 10, -1):
            self.assertRaises(ProtocolError, numbers.check, number)

    def test_which_are_known(self) -> None:
        numbers = StreamNumbers(even=True)
        self.assertFalse(any(map(numbers.known, range(-3, 9))))
        numbers.take()
        numbers.opened(5)
        self.assertEqual([number for number in range(-3, 9) if numbers.known(number)], [1, 2, 3, 5])
