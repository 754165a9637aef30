"""What sockets are asked for, and how they are written to and closed."""

from twisted.internet.abstract import FileDescriptor
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.sockets import half_close, quicken, unsent, write_now
from tests.server.slow import SlowSocket
from tests.server.support import VisitorTransport


class OptionTests(SynchronousTestCase):
    def test_sockets_that_have_no_options(self) -> None:
        """A unix socket has none, a closed one refuses them."""

        class Closed:
            def setTcpNoDelay(self, enabled: bool) -> None:
                raise OSError(9, "Bad file descriptor")

        quicken(object())
        quicken(Closed())

    def test_options(self) -> None:
        """Nothing small waits, and a visitor whose machine has lost its power is found out some day."""

        class Recorder:
            def __init__(self) -> None:
                self.options: list[str] = []

            def setTcpNoDelay(self, enabled: bool) -> None:
                self.options.append(f"no delay {enabled}")

            def setTcpKeepAlive(self, enabled: bool) -> None:
                self.options.append(f"keep alive {enabled}")

        transport = Recorder()
        quicken(transport)
        self.assertEqual(transport.options, ["no delay True", "keep alive True"])


class WriteNowTests(SynchronousTestCase):
    """Straight to the socket where nothing waits, behind what waits where something does."""

    def setUp(self) -> None:
        self.socket = SlowSocket()

    def test_all_of_it(self) -> None:
        self.socket.room = 100
        write_now(self.socket, b"hello")
        self.assertEqual((self.socket.took, unsent(self.socket)), (b"hello", 0))

    def test_part_of_it(self) -> None:
        self.socket.room = 2
        write_now(self.socket, b"hello")
        self.assertEqual((self.socket.took, unsent(self.socket)), (b"he", 3))
        self.socket.room = 100
        write_now(self.socket, b", world")
        self.assertEqual(self.socket.took, b"he", "nothing overtakes what waits")
        self.socket.take(100)
        self.assertEqual(self.socket.took, b"hello, world")

    def test_none_of_it(self) -> None:
        write_now(self.socket, b"hello")
        self.socket.take(100)
        self.assertEqual(self.socket.took, b"hello")

    def test_a_connection_that_is_closing(self) -> None:
        self.socket.loseConnection()
        self.socket.room = 100
        write_now(self.socket, b"hello")
        self.assertEqual(self.socket.took, b"")

    def test_a_connection_that_is_gone(self) -> None:
        self.socket.connected = 0
        write_now(self.socket, b"hello")
        self.assertEqual((self.socket.took, unsent(self.socket)), (b"", 0))

    def test_any_other_transport(self) -> None:
        transport = StringTransport()
        write_now(transport, b"hello")
        self.assertEqual(transport.value(), b"hello")


class Above:
    """A transport above another, as that of TLS."""

    def __init__(self, below: FileDescriptor) -> None:
        self.transport = below

    def getPeerCertificate(self) -> None:
        """Only TLS has one."""

    def __getattr__(self, name: str) -> object:
        return getattr(self.transport, name)


class EndTests(SynchronousTestCase):
    def test_unsent(self) -> None:
        socket = SlowSocket()
        self.assertEqual(unsent(socket), 0)
        socket.write(b"x" * 1000)
        self.assertEqual(unsent(socket), 1000)
        self.assertEqual(unsent(Above(socket)), 1000)
        socket.take(400)
        self.assertEqual(unsent(socket), 600)
        socket.write(b"y")
        self.assertEqual(unsent(socket), 601)
        self.assertEqual(unsent(StringTransport()), 0)

    def test_half_close(self) -> None:
        transport = VisitorTransport()
        self.assertTrue(half_close(transport))
        self.assertTrue(transport.half_closed)
        self.assertFalse(half_close(StringTransport()))

    def test_half_close_is_not_for_tls(self) -> None:
        socket = SlowSocket()
        self.assertFalse(half_close(Above(socket)))
        self.assertFalse(socket.half_closed)
