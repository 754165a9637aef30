"""What is the same for whatever a visitor's request came on."""

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.server.ingress.channel import VisitorChannel
from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.ingress import Ingress
from sellia.server.settings import ServerSettings
from tests.server.reading import get, read
from tests.server.support import Rooms, Tunnels

PROXY = "192.0.2.1"


def a_request(*fields: bytes) -> Request:
    """As it has been read."""
    sink, _, _ = read(get(*fields))
    return sink.requests[0]


class Plain(VisitorChannel):
    """One that carries a request, and nothing happens to it."""

    scheme = b"http"
    full = False
    exchange = None

    def __init__(self, peer: str) -> None:
        settings = ServerSettings(trust_proxy=(PROXY,))
        self.ingress = Ingress(settings, Tunnels(), Rooms(), Clock())  # type: ignore[arg-type]
        self.peer = peer
        self.trusted = self.ingress.trusted.is_trusted(peer)


class Stream:
    """Remembers whether it was stalled."""

    stalled = 0

    def stall(self) -> None:
        self.stalled += 1


class CarrierTests(SynchronousTestCase):
    def exchange(self, carrier: VisitorChannel) -> Any:
        exchange = VisitorHttpLeg(carrier, a_request(), 30.0)
        carrier.exchange_begins(exchange)
        return exchange

    def test_a_visitor_is_whom_a_trusted_proxy_says(self) -> None:
        request = a_request(b"X-Forwarded-For: 203.0.113.9")
        self.assertEqual(Plain(PROXY).visitor_of(request), "203.0.113.9")
        self.assertEqual(Plain("198.51.100.2").visitor_of(request), "198.51.100.2")

    def test_a_visitor_that_takes_no_more_stalls_the_stream(self) -> None:
        """That of the exchange, once there is one."""
        carrier = Plain(PROXY)
        carrier.pauseProducing()
        exchange = self.exchange(carrier)
        carrier.pauseProducing()
        exchange.stream = stream = Stream()
        carrier.pauseProducing()
        self.assertEqual((stream.stalled, carrier.full), (1, True))

    def test_what_is_in_exchange_when_the_server_drains_is_the_last(self) -> None:
        carrier = Plain(PROXY)
        carrier.drain()
        exchange = self.exchange(carrier)
        self.assertTrue(exchange.keep_alive)
        carrier.drain()
        self.assertFalse(exchange.keep_alive)
