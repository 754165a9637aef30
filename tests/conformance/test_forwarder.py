"""The forwarder changes the Host line of a request head and no other byte."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.forwarder import with_host

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
