"""The forwarder changes the Host line of a request head and no other byte."""

from __future__ import annotations

import asyncio
import socket
import struct

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.forwarder import start_forwarder, with_host

HEAD = b"GET /host: x HTTP/1.1\r\nhOst: 127.0.0.1:1\r\nX-Host: stays\r\nUpgrade: websocket\r\n\r\n"


class HostTests(SynchronousTestCase):
    def test_only_the_host_line_changes(self) -> None:
        self.assertEqual(
            with_host(HEAD, "name.localhost:80"),
            b"GET /host: x HTTP/1.1\r\nHost: name.localhost:80\r\nX-Host: stays\r\nUpgrade: websocket\r\n\r\n",
        )

    def test_head_without_one_host_is_refused(self) -> None:
        """A head that could mean two things is not guessed about."""
        self.assertRaises(ValueError, with_host, b"GET / HTTP/1.1\r\n\r\n", "name")
        self.assertRaises(ValueError, with_host, HEAD[:-2] + b"Host: two\r\n\r\n", "name")


class CopyTests(SynchronousTestCase):
    """Real connections on loopback, in an event loop that lives as long as the test."""

    def visit(self, service: socket.socket, end_visitor: bool) -> tuple[bytes, bytes]:
        """Send a request and all that follows through a forwarder: what the service got, and what the visitor got."""

        async def run() -> tuple[bytes, bytes]:
            loop = asyncio.get_running_loop()
            forwarder = await start_forwarder(service.getsockname()[1], "name")
            visitor = socket.create_connection(forwarder.sockets[0].getsockname())
            visitor.setblocking(False)
            self.addCleanup(visitor.close)
            await loop.sock_sendall(visitor, HEAD + b"first frame")
            if end_visitor:
                visitor.shutdown(socket.SHUT_WR)
            accepted, _ = await loop.sock_accept(service)
            got = b""
            while not got.endswith(b"first frame"):
                got += await loop.sock_recv(accepted, 65536)
            if end_visitor:
                got += await loop.sock_recv(accepted, 65536) + b"[end]"
            await loop.sock_sendall(accepted, b"answer")
            if not end_visitor:
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            accepted.close()
            answer = b""
            try:
                while chunk := await loop.sock_recv(visitor, 65536):
                    answer += chunk
                answer += b"[end]"
            except ConnectionResetError:
                answer += b"[reset]"
            forwarder.close()
            return got, answer

        return asyncio.run(asyncio.wait_for(run(), 20.0))

    def setUp(self) -> None:
        self.service = socket.create_server(("127.0.0.1", 0))
        self.service.setblocking(False)
        self.addCleanup(self.service.close)

    def test_end_of_one_direction(self) -> None:
        """The service sees the visitor's end, and can still answer."""
        got, answer = self.visit(self.service, end_visitor=True)
        self.assertEqual(got, with_host(HEAD, "name") + b"first frame[end]")
        self.assertEqual(answer, b"answer[end]")

    def test_bytes_before_a_reset(self) -> None:
        """What was sent before a reset arrives before the reset."""
        got, answer = self.visit(self.service, end_visitor=False)
        self.assertEqual(got, with_host(HEAD, "name") + b"first frame")
        self.assertEqual(answer, b"answer[reset]")
