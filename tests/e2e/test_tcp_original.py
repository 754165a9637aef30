"""TCP tunnels in the original dialect, over real sockets, with both ends ours.

Neither end of the original can carry TCP itself, so there is no other peer to try; who speaks it is our server with a
client of another make, or ours.  A proxy between our two ends takes the offer of our own dialect out of the handshake.
"""

from __future__ import annotations

import socket
import threading

from tests.e2e import test_tcp
from tests.e2e.tcp_stage import DEADLINE, listener, receive

OFFER = b"\r\nsec-websocket-protocol:"


class OldNetwork:
    """A proxy on loopback that lets no handshake offer a subprotocol."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = listener()
        self._listener.settimeout(None)
        self.port: int = self._listener.getsockname()[1]
        self.heads: list[bytes] = []
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = near.recv(65536)
            if not data:
                near.close()
                return
            head += data
        begin = head.lower().find(OFFER)
        if begin >= 0:
            head = head[:begin] + head[head.index(b"\r\n", begin + 2) :]
        self.heads.append(head)
        far = socket.create_connection(("127.0.0.1", self._server_port), timeout=DEADLINE)
        far.settimeout(None)
        far.sendall(head)
        threading.Thread(target=self._copy, args=(far, near), daemon=True).start()
        self._copy(near, far)

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for each in (source, sink):
                each.close()


class OriginalTests(test_tcp.PassingTests):
    """All that passes in our own dialect, but for what outlives a link."""

    through = OldNetwork

    def test_it_is_the_original_dialect(self) -> None:
        network = self.stage.network
        assert isinstance(network, OldNetwork)
        self.assertNotIn(OFFER, network.heads[0].lower())
        self.stage.client.wait_for_line("the original Sellia")
        self.stage.server.wait_for_line("agent=original")

    def test_a_slow_reader_slows_its_sender(self) -> None:
        """And all others as well, for there is no credit; one that reads on in time misses nothing."""
        visitor, service = self.pair()
        service.settimeout(0.5)
        sent = 0
        with self.assertRaises(TimeoutError):
            while sent < 64 << 20:
                sent += service.send(b"x" * 65536)
        self.assertLess(sent, 48 << 20)
        self.assertEqual(len(receive(visitor, sent)), sent)


class KeyTests(test_tcp.TcpCase):
    """The client's hello is its key then, and the server's answer says that it takes it."""

    through = OldNetwork
    key = "the-key-of-the-server"

    def test_a_connection(self) -> None:
        visitor, service = self.pair()
        visitor.sendall(b"ping")
        visitor.shutdown(socket.SHUT_WR)
        self.assertEqual((receive(service, 4), service.recv(1)), (b"ping", b""))
        service.sendall(b"pong")
        service.close()
        self.assertEqual((receive(visitor, 4), visitor.recv(1)), (b"pong", b""))
