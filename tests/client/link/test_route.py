"""The way to a server; with real servers in ``tests.e2e.test_wrong_servers``."""

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.link.route import Route
from sellia.transports.link.native import ClientLink


class RouteTests(SynchronousTestCase):
    def explained(self, url: str, error: Exception, data: bytes = b"", secured: bool = False) -> str:
        link: Any = ClientLink()
        link.data, link.secured = data, secured
        Route(url, MemoryReactorClock(), timeout=1.0).prepare(link)
        said: str = link.end_reason(Failure(error))
        return said

    def test_where(self) -> None:
        for url, where in (
            ("ws://t.example/ws", "t.example:80"),
            ("wss://t.example/ws", "t.example:443"),
            ("ws://[::1]:3000/ws", "[::1]:3000"),
        ):
            self.assertEqual(Route(url, MemoryReactorClock(), timeout=1.0).where, where)

    def test_why(self) -> None:
        plain, secure = "ws://t.example/ws", "wss://t.example/ws"
        for url, error, data, secured, words in (
            (plain, ConnectionDone(), b"", False, "t.example:80 hung up without an answer"),
            (plain, ConnectionLost(), b"", False, "t.example:80 broke off without an answer"),
            (plain, ConnectionLost(), b"HTTP/", False, "t.example:80 broke off in the middle of its answer"),
            (secure, ConnectionLost(), b"", False, "t.example:443 ended the connection during the TLS handshake"),
            (secure, ConnectionDone(), b"", True, "t.example:443 hung up without an answer"),
        ):
            self.assertTrue(self.explained(url, error, data, secured).startswith(words))
