"""TCP tunnels over real sockets: bytes, ends and resets as if directly connected, also over a link that is cut."""

from __future__ import annotations

import hashlib
import os
import select
import socket
import threading
from collections.abc import Callable
from typing import Any

from sellia.protocol.proxy_protocol import HeaderReader
from tests.e2e.case import EndToEndTests
from tests.e2e.tcp_stage import Network, TcpStage, accept, listener, receive, reset, was_reset
from tests.processes import wait_until

_stages: dict[type, tuple[socket.socket, TcpStage]] = {}


def stage_of(case: type[TcpCase]) -> tuple[socket.socket, TcpStage]:
    """The stage of a class of tests, which lasts until the next class begins, with its service."""
    if case not in _stages:
        for service, stage in _stages.values():
            stage.close()
            service.close()
        _stages.clear()
        service = listener()
        port = service.getsockname()[1]
        _stages[case] = (
            service,
            TcpStage({"service": port}, *case.server_options, options=case.options, through=case.through, key=case.key),
        )
    return _stages[case]


class TcpCase(EndToEndTests):
    server_options: tuple[str, ...] = ()
    options: dict[str, Any] = {}
    through: Callable[[int], Network] | None = None
    key: str | None = None

    def setUp(self) -> None:
        self.service, self.stage = stage_of(type(self))

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """A visitor's connection, and the service's end of it."""
        visitor = self.stage.connect("service")
        self.addCleanup(visitor.close)
        service = accept(self.service)
        self.addCleanup(service.close)
        return visitor, service

    def assert_quiet(self, connection: socket.socket) -> None:
        """Nothing comes, and it has not ended."""
        self.assertEqual(select.select([connection], [], [], 0.1)[0], [])


class PassingTests(TcpCase):
    def test_one_byte_each_way(self) -> None:
        visitor, service = self.pair()
        for number in range(256):
            byte = bytes((number,))
            visitor.sendall(byte)
            self.assertEqual(service.recv(1), byte)
            service.sendall(byte)
            self.assertEqual(visitor.recv(1), byte)

    def test_the_server_speaks_first(self) -> None:
        """As SMTP does."""
        visitor, service = self.pair()
        service.sendall(b"220 ready\r\n")
        self.assertEqual(receive(visitor, 11), b"220 ready\r\n")

    def test_half_close_by_the_visitor(self) -> None:
        visitor, service = self.pair()
        visitor.sendall(b"all I have")
        visitor.shutdown(socket.SHUT_WR)
        self.assertEqual(receive(service, 10), b"all I have")
        self.assertEqual(service.recv(1), b"")
        self.assert_quiet(visitor)
        service.sendall(b"answer")
        service.close()
        self.assertEqual((receive(visitor, 6), visitor.recv(1)), (b"answer", b""))

    def test_half_close_by_the_service(self) -> None:
        visitor, service = self.pair()
        service.sendall(b"bye")
        service.shutdown(socket.SHUT_WR)
        self.assertEqual((receive(visitor, 3), visitor.recv(1)), (b"bye", b""))
        visitor.sendall(b"more")
        self.assertEqual(receive(service, 4), b"more")
        visitor.close()
        self.assertEqual(service.recv(1), b"")

    def test_a_reset_by_the_visitor(self) -> None:
        visitor, service = self.pair()
        visitor.sendall(b"x")
        receive(service, 1)
        reset(visitor)
        self.assertTrue(was_reset(service))

    def test_a_reset_by_the_service(self) -> None:
        visitor, service = self.pair()
        service.sendall(b"x")
        receive(visitor, 1)
        reset(service)
        self.assertTrue(was_reset(visitor))

    def test_a_reset_while_the_other_side_does_not_read(self) -> None:
        """It is found out by looking, for nothing is read or written."""
        visitor, service = self.pair()
        visitor.setblocking(False)
        try:
            while True:
                visitor.send(b"x" * 65536)
        except BlockingIOError:
            pass
        reset(visitor)
        self.assertTrue(was_reset(service))

    def test_nobody_listens(self) -> None:
        free = listener()
        port = free.getsockname()[1]
        free.close()
        stage = TcpStage({"gone": port})
        self.addCleanup(stage.close)
        self.assertTrue(was_reset(stage.connect("gone")))
        stage.server.wait_for_line("connection closed: .* by=service word=service-refused")

    def test_many_at_once(self) -> None:
        """They don't mix."""
        pairs = [self.pair() for _ in range(50)]
        for number, (visitor, service) in enumerate(pairs):
            visitor.sendall(b"v%03d" % number)
            service.sendall(b"s%03d" % number)
        for number, (visitor, service) in enumerate(pairs):
            self.assertEqual((receive(visitor, 4), receive(service, 4)), (b"s%03d" % number, b"v%03d" % number))

    def test_a_slow_reader_slows_its_sender(self) -> None:
        """And nobody else: what it does not take waits at the service."""
        visitor, service = self.pair()
        service.settimeout(1.0)
        sent = 0
        with self.assertRaises(TimeoutError):
            while sent < 64 << 20:
                sent += service.send(b"x" * 65536)
        self.assertLess(sent, 32 << 20)
        other, elsewhere = self.pair()
        elsewhere.sendall(b"quick")
        self.assertEqual(receive(other, 5), b"quick")
        self.assertEqual(len(receive(visitor, sent)), sent)


class CutTests(TcpCase):
    def test_both_ways_over_cuts(self) -> None:
        """Every byte, once, and in order, however often the link is lost."""
        visitor, service = self.pair()
        data = os.urandom(24 << 20)
        digests: dict[str, str] = {}

        def send(name: str, connection: socket.socket) -> None:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        def take(name: str, connection: socket.socket) -> None:
            digest = hashlib.sha256()
            while piece := connection.recv(65536):
                digest.update(piece)
            digests[name] = digest.hexdigest()

        threads = [
            threading.Thread(target=work, args=(name, connection))
            for work in (send, take)
            for name, connection in (("visitor", visitor), ("service", service))
        ]
        for thread in threads:
            thread.start()
        self.stage.cut(10)
        for thread in threads:
            thread.join(60)
        expected = hashlib.sha256(data).hexdigest()
        self.assertEqual(digests, {"visitor": expected, "service": expected})

    def test_an_end_while_the_link_is_away(self) -> None:
        visitor, service = self.pair()
        self.stage.proxy.refuse()
        self.stage.proxy.cut()
        visitor.sendall(b"last words")
        visitor.close()
        self.stage.proxy.heal()
        self.assertEqual((receive(service, 10), service.recv(1)), (b"last words", b""))

    def test_a_reset_while_the_link_is_away(self) -> None:
        visitor, service = self.pair()
        visitor.sendall(b"x")
        receive(service, 1)
        self.stage.proxy.refuse()
        self.stage.proxy.cut()
        reset(visitor)
        self.stage.proxy.heal()
        self.assertTrue(was_reset(service))

    def test_a_visitor_who_comes_meanwhile(self) -> None:
        self.stage.proxy.refuse()
        self.stage.proxy.cut()
        visitor = self.stage.connect("service")
        self.addCleanup(visitor.close)
        visitor.sendall(b"hello")
        self.stage.proxy.heal()
        self.assertEqual(receive(accept(self.service), 5), b"hello")


class PortTests(TcpCase):
    def test_given_again(self) -> None:
        """A client that is started again has the port that it had."""
        port = self.stage["service"]
        self.stage.client.stop()
        wait_until(lambda: not self.listens(port), "the port to be closed")
        self.stage.start_client()
        self.assertEqual(self.stage["service"], port)

    def listens(self, port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0


class ProxyProtocolTests(TcpCase):
    options = {"proxy_protocol": 2}

    def test_who_the_visitor_is(self) -> None:
        visitor, service = self.pair()
        visitor.sendall(b"hello")
        header = HeaderReader().feed(receive(service, 28))
        assert header is not None
        self.assertEqual(header.address, "127.0.0.1")
        self.assertEqual(receive(service, 5), b"hello")


class AccessTests(TcpCase):
    options = {"deny": ["127.0.0.2"], "allow": ["127.0.0.0/8"]}

    def test_lists(self) -> None:
        port = self.stage["service"]
        try:
            denied = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=("127.0.0.2", 0))
        except ConnectionResetError:  # before the call had returned
            pass
        else:
            self.addCleanup(denied.close)
            self.assertTrue(was_reset(denied))
        self.stage.client.wait_for_line("refused by the server: .*visitor=127.0.0.2 .*word=forbidden")
        self.pair()


class IdleTests(TcpCase):
    options = {"idle_timeout": 1.5}

    def test_silence(self) -> None:
        visitor, service = self.pair()
        self.assertTrue(was_reset(visitor))
        self.assertTrue(was_reset(service))
