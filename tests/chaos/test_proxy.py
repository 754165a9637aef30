"""The fault proxy does what it says, and nothing else: between two plain sockets of this process."""

from __future__ import annotations

import socket
import time

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos.pairs import Cut, Shape, Way
from tests.chaos.proxy import FaultProxy
from tests.processes import wait_until

DEADLINE = 10.0
QUIET = 0.1
"""Seconds in which nothing may come where nothing should: a loopback delivers in a thousandth of it."""


class FaultProxyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.proxy = FaultProxy(self.listener.getsockname()[1])
        self.addCleanup(self.proxy.close)

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """A client's socket, and the server's that belongs to it."""
        client = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=DEADLINE)
        self.addCleanup(client.close)
        server, _ = self.listener.accept()
        server.settimeout(DEADLINE)
        self.addCleanup(server.close)
        wait_until(lambda: self.proxy.connections, "the connection to be passed on")
        return client, server

    def exactly(self, side: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = side.recv(size - len(data))
            self.assertTrue(piece, "the connection ended early")
            data += piece
        return data

    def assert_silent(self, side: socket.socket) -> None:
        side.settimeout(QUIET)
        self.assertRaises(TimeoutError, side.recv, 1)
        side.settimeout(DEADLINE)

    def test_passes_everything(self) -> None:
        """Both ways, more than any buffer holds, and each end by itself."""
        client, server = self.connect()
        data = bytes(range(256)) * 1024
        client.sendall(data)
        self.assertEqual(self.exactly(server, len(data)), data)
        server.sendall(data)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(server.recv(1), b"")
        self.assertEqual(self.exactly(client, len(data)), data)
        server.close()
        self.assertEqual(client.recv(1), b"")
        client.close()
        wait_until(lambda: not self.proxy.connections, "the connection to be forgotten")

    def test_passes_a_reset(self) -> None:
        """An end that resets is seen to have done so."""
        client, server = self.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        self.assertRaises(ConnectionResetError, server.recv, 1)

    def test_cut(self) -> None:
        """Both ends see an orderly end, and the next connection passes."""
        client, server = self.connect()
        self.assertEqual(self.proxy.cut(), 1)
        self.assertEqual((client.recv(1), server.recv(1)), (b"", b""))
        client, server = self.connect()
        client.sendall(b"x")
        self.assertEqual(server.recv(1), b"x")

    def test_reset(self) -> None:
        """Both ends see a reset."""
        client, server = self.connect()
        self.proxy.cut(Cut.RESET)
        self.assertRaises(ConnectionResetError, client.recv, 1)
        self.assertRaises(ConnectionResetError, server.recv, 1)

    def test_one_sided(self) -> None:
        """One end sees a reset, the other nothing, and what that one sends is swallowed."""
        for cut in (Cut.CLIENT_ONLY, Cut.SERVER_ONLY):
            client, server = self.connect()
            self.proxy.cut(cut)
            told, other = (client, server) if cut is Cut.CLIENT_ONLY else (server, client)
            self.assertRaises(ConnectionResetError, told.recv, 1)
            other.sendall(b"is anybody there?")
            self.assert_silent(other)

    def test_armed(self) -> None:
        """Exactly so many octets pass, however they were written."""
        client, server = self.connect()
        done = self.proxy.arm(Cut.FIN, Way.UP, 1000)
        client.sendall(b"a" * 999)
        self.assertEqual(self.exactly(server, 999), b"a" * 999)
        self.assertFalse(done.is_set())
        client.sendall(b"bc")
        self.assertTrue(done.wait(DEADLINE))
        self.assertEqual(server.recv(10), b"b")
        self.assertEqual(server.recv(10), b"")

    def test_spring_now(self) -> None:
        """What was armed can be had at once, once."""
        client, _ = self.connect()
        done = self.proxy.arm(Cut.FIN, Way.DOWN, 1000)
        self.proxy.spring_now()
        self.proxy.spring_now()
        self.assertTrue(done.is_set())
        self.assertEqual(client.recv(1), b"")

    def test_blackhole(self) -> None:
        """Nothing passes, not even an end, for old connections and new ones; the old ones never speak again."""
        client, server = self.connect()
        self.proxy.blackhole()
        client.sendall(b"lost")
        self.assert_silent(server)
        other = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=DEADLINE)
        self.addCleanup(other.close)
        self.assert_silent(other)
        self.proxy.heal()
        server.sendall(b"lost as well")
        client.close()
        self.assert_silent(server)
        client, server = self.connect()
        client.sendall(b"x")
        self.assertEqual(server.recv(1), b"x")

    def test_freeze(self) -> None:
        """Nothing passes, and nothing is lost."""
        client, server = self.connect()
        self.proxy.freeze()
        client.sendall(b"kept")
        self.assert_silent(server)
        self.proxy.heal()
        self.assertEqual(self.exactly(server, 4), b"kept")

    def test_refuse(self) -> None:
        """New connections are refused, old ones go on; then new ones pass again, on the same port."""
        client, server = self.connect()
        self.proxy.refuse()
        wait_until(self.refused, "connections to be refused")
        client.sendall(b"x")
        self.assertEqual(server.recv(1), b"x")
        self.proxy.heal()
        self.connect()

    def refused(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.proxy.port), timeout=DEADLINE).close()
        except ConnectionRefusedError:
            return True
        return False

    def test_shapes(self) -> None:
        """Delayed, throttled, and octet by octet: later, and whole."""
        client, server = self.connect()
        for shape, size, least in (
            (Shape(delay=0.2), 100, 0.2),
            (Shape(rate=100_000), 30_000, 0.2),
            (Shape(split=True), 2_000, 0.0),
        ):
            self.proxy.shape(shape)
            data = bytes(size)
            began = time.monotonic()
            client.sendall(data)
            self.assertEqual(self.exactly(server, size), data)
            self.assertGreaterEqual(time.monotonic() - began, least)

    def test_pressure(self) -> None:
        """An end that does not read makes the other one wait, after what the buffers hold."""
        client, _ = self.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        client.settimeout(QUIET * 5)
        taken = 0
        with self.assertRaises(TimeoutError):
            while taken < 1 << 26:
                taken += client.send(bytes(1 << 16))
        self.assertLess(taken, 1 << 24)
