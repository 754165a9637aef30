"""What sockets are asked for, and how they are written to and closed."""

import socket
from collections.abc import Iterable

from twisted.internet.abstract import FileDescriptor
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.reactor.sockets import (
    ENDED,
    GATHERED,
    GONE,
    READ,
    half_close,
    hangup,
    quicken,
    unsent,
    write_now,
)
from tests.processes import wait_until
from tests.server.slow import SlowSocket
from tests.server.support import VisitorTransport


class OptionTests(SynchronousTestCase):
    def test_sockets_that_have_no_options(self) -> None:
        """A unix socket has none, a closed one refuses them: it is read in large pieces all the same."""

        class Unix:
            bufferSize = 0

        class Closed(Unix):
            def setTcpNoDelay(self, enabled: bool) -> None:
                raise OSError(9, "Bad file descriptor")

        for transport in (Unix(), Closed()):
            quicken(transport)
            self.assertEqual(transport.bufferSize, READ)
        quicken(object())

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


class RealSocketTests(SynchronousTestCase):
    """What the kernel is asked for, and what it tells."""

    def setUp(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.peer = socket.create_connection(listener.getsockname())
            self.socket, _ = listener.accept()
        self.transport = Connection(self.socket, Protocol(), reactor=MemoryReactorClock())
        self.transport.setTcpNoDelay = self.transport.setTcpKeepAlive = lambda enabled: None
        self.addCleanup(self.peer.close)
        self.addCleanup(self.socket.close)

    def test_probes(self) -> None:
        """Who has left without a word is noticed after two minutes."""
        quicken(self.transport)
        idle, every, count = (
            self.socket.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        self.assertEqual(idle + every * count, 120)

    def test_more_than_the_kernel_takes(self) -> None:
        """With a head in front: the rest waits in the transport, and all of it arrives."""
        data = bytes(range(256)) * 16_384
        self.transport.connected = 1
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        write_now(self.transport, data, b"head")
        self.assertGreater(unsent(self.transport), 0)
        received = b""
        while len(received) < len(data) + 4:
            received += self.peer.recv(1 << 20)
            if unsent(self.transport):
                self.transport.doWrite()
        self.assertEqual(received, b"head" + data)

    def told(self, bit: int) -> None:
        wait_until(lambda: hangup(self.transport) & bit, "the kernel to say so")

    def test_a_peer_that_sends_nothing_more(self) -> None:
        self.assertEqual(hangup(self.transport), 0)
        self.peer.sendall(b"something that is not read")
        self.assertEqual(hangup(self.transport), 0)
        self.peer.shutdown(socket.SHUT_WR)
        self.told(ENDED)
        self.assertFalse(hangup(self.transport) & GONE)

    def test_a_peer_that_has_closed(self) -> None:
        """It looks the same until it is written to."""
        self.peer.close()
        self.told(ENDED)
        self.assertFalse(hangup(self.transport) & GONE)
        self.socket.send(b"H")
        self.told(GONE)

    def test_what_has_no_socket(self) -> None:
        self.assertEqual(hangup(StringTransport()), 0)
        self.assertEqual(hangup(object()), 0)


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

    def test_with_a_head(self) -> None:
        """However far the socket takes it, the head is in front, and nothing is lost or doubled."""
        for size in (0, 1, GATHERED - 1, GATHERED, GATHERED + 1):
            data = bytes(range(256)) * (size // 256) + bytes(size % 256)
            for room in (0, 1, 3, 4, 5, size // 2, size + 3, size + 4):
                slow = SlowSocket()
                slow.room = room
                write_now(slow, data, b"head")
                self.assertEqual(slow.took, (b"head" + data)[:room])
                slow.take(1 << 20)
                self.assertEqual(slow.took, b"head" + data)

    def test_much_data_is_not_copied(self) -> None:
        """It is the socket's as it is, beside its head."""
        given: list[list[bytes]] = []

        def sendmsg(pieces: Iterable[bytes]) -> int:
            given.append(list(pieces))
            return sum(map(len, given[0]))

        self.socket.sendmsg = sendmsg
        data = bytes(GATHERED)
        write_now(self.socket, data, b"head")
        [[head, body]] = given
        self.assertEqual(head, b"head")
        self.assertIs(body, data)

    def test_with_a_head_on_any_other_transport(self) -> None:
        """In one piece: TLS makes a record of each."""
        for size in (5, GATHERED):
            transport = StringTransport()
            written: list[bytes] = []
            transport.write = written.append
            write_now(transport, bytes(size), b"head")
            self.assertEqual(written, [b"head" + bytes(size)])

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
