"""An exchange by itself."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.exchange import cost_of_head, new_exchange
from sellia.inspector.model import EXCHANGE_COST, FIELD_COST, Body


class ExchangeTests(SynchronousTestCase):
    def test_bodies_are_its_own(self) -> None:
        one, other = new_exchange(1, "http"), new_exchange(2, "http")
        one.request_body.add(b"x", 1.0, 10)
        self.assertEqual(other.request_body, Body())
        self.assertIsNot(one.request_body, one.response_body)

    def test_head_costs(self) -> None:
        exchange = new_exchange(1, "http", target=b"/abc", request_headers=[(b"Host", b"x")])
        self.assertEqual(cost_of_head(exchange.request_headers), FIELD_COST + 5)
        self.assertEqual(exchange.cost, EXCHANGE_COST + FIELD_COST + 5 + 4)

    def test_replayable(self) -> None:
        exchange = new_exchange(1, "http")
        self.assertTrue(exchange.replayable)
        exchange.request_body.add(b"xx", 1.0, 1)
        self.assertFalse(exchange.replayable)
        self.assertFalse(new_exchange(1, "tcp").replayable)
