"""TCP tunnels in the original dialect, over real sockets, with both ends ours.

Neither end of the original can carry TCP itself, so there is no other peer to try; who speaks it is our server with a
client of another make, or ours.  A proxy between our two ends takes the offer of our own dialect out of the handshake.
"""

from __future__ import annotations

import socket
import threading
from functools import cache

from tests.e2e import test_tcp
from tests.e2e.tcp_stage import DEADLINE, TcpStage, listener

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


@cache
def stage() -> tuple[socket.socket, TcpStage]:
    """A service, and a tunnel to it, for all tests."""
    service = listener()
    return service, TcpStage({"service": service.getsockname()[1]}, through=OldNetwork)


class OriginalTests(test_tcp.PassingTests):
    """All that passes in our own dialect, but for what outlives a link."""

    def setUp(self) -> None:
        self.service, self.stage = stage()

    def test_it_is_the_original_dialect(self) -> None:
        network = self.stage.network
        assert isinstance(network, OldNetwork)
        self.assertNotIn(OFFER, network.heads[0].lower())
        self.stage.client.wait_for_line("original")
