"""Ports that come and go leave no lines in the log."""

from twisted.python import log
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.reactor.listening import listen_quietly
from tests.logs import log_lines


class Port:
    """A port that logs as Twisted's do."""

    def __init__(self, number: int) -> None:
        log.msg(f"starting on {number}")
        self.open = True

    def connectionLost(self, reason: object = None) -> None:
        log.msg("closed")
        self.open = False


class QuietTests(SynchronousTestCase):
    def test_no_lines(self) -> None:
        lines = log_lines(self)
        port = listen_quietly(Port, 5)
        port.connectionLost("over")
        self.assertFalse(port.open)
        self.assertEqual([line for line in lines if line], [])

    def test_what_is_no_port(self) -> None:
        self.assertIs(listen_quietly(lambda: None), None)
        self.assertRaises(OSError, listen_quietly, self.fails)

    def fails(self) -> None:
        raise OSError
