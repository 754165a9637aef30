"""Places for connections: the longest idle gives its own up, and who has a key gets in all the same."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.server.places import SPARE, Place, Places
from tests.server.clients import Client, GatewayCase
from tests.server.support import get

MANY = 20


class PlacesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.places = Places(3, 2)
        self.taken: dict[str, Place] = {}

    def arrive(self, who: str, address: str | None = None, *, idle: bool = True) -> str | None:
        limit = self.places.full(address)
        if limit is None:
            self.taken[who] = self.places.acquire(address)
            if idle:
                self.places.idle(who, lambda: self.evict(who))
        return limit

    def evict(self, who: str) -> None:
        self.taken.pop(who).release()

    def test_the_longest_idle_goes(self) -> None:
        for who in "abc":
            self.arrive(who)
        self.places.busy("a")
        self.places.idle("b", lambda: self.taken.pop("b").release())
        self.assertIsNone(self.arrive("d"))
        self.assertEqual(set(self.taken), {"a", "b", "d"})
        self.assertIsNone(self.arrive("e"))
        self.assertEqual((set(self.taken), self.places.exceeded), ({"a", "d", "e"}, False))

    def test_where_nobody_is(self) -> None:
        for number in range(3 + SPARE):
            self.assertIsNone(self.arrive(str(number), idle=False))
            self.assertEqual(self.places.exceeded, number >= 3)
        self.assertEqual(self.arrive("x"), "connections")
        self.taken["7"].release()
        self.assertIsNone(self.arrive("x"))

    def test_one_address(self) -> None:
        """It has as many as it may, and nobody goes for it."""
        self.arrive("a", "192.0.2.1")
        self.arrive("b", "192.0.2.1")
        self.assertEqual(self.arrive("c", "192.0.2.1"), "connections_per_address")
        self.arrive("d")
        self.assertEqual(self.arrive("e", "192.0.2.1"), "connections_per_address")
        self.assertEqual(set(self.taken), {"a", "b", "d"})

    def test_given_back_once(self) -> None:
        place = self.places.acquire(None)
        place.charge("192.0.2.7")
        self.assertEqual((self.places.quota.count, self.places.quota.of("192.0.2.7")), (1, 1))
        place.release()
        place.release()
        place.charge("192.0.2.7")
        self.assertEqual((self.places.quota.count, self.places.quota.of("192.0.2.7")), (0, 0))


class StrangerTests(GatewayCase):
    """Strangers who hold all connections, in whatever way, and a client that has the key."""

    settings = {"connections": MANY, "connections_per_address": MANY, "master_key": "secret", "require_auth": True}

    def setUp(self) -> None:
        super().setUp()
        self.owner = Client(self.server).dial().hello(key="secret")
        self.assert_ready(self.owner.open_tunnel("demo"))

    def assert_owners_get_in(self) -> None:
        for number in range(3):
            client = Client(self.server, f"192.0.2.{number}").dial().hello(key="secret")
            self.assertIsNotNone(client.welcomed)
            self.assert_ready(client.open_tunnel(f"name{number}"))
        self.assertFalse(self.owner.wire.closed)

    def visit(self, *pieces: bytes, host: str = "198.51.100.9") -> Any:
        wire = self.server.visit(b"".join(pieces) or None)
        return wire

    def test_connections_that_say_nothing(self) -> None:
        for _ in range(3 * MANY):
            self.server.visit()
        self.assert_owners_get_in()

    def test_heads_without_an_end(self) -> None:
        for _ in range(3 * MANY):
            self.server.visit(b"GET / HTTP/1.1\r\nHost:")
        self.assert_owners_get_in()

    def test_links_without_a_hello(self) -> None:
        for number in range(3 * MANY):
            Client(self.server, f"203.0.113.{number}").dial()
        self.assert_owners_get_in()

    def test_requests_that_are_never_answered(self) -> None:
        """All places are those of busy visitors: a client gets one in excess, and gives it back."""
        wires = [self.server.visit(get()) for _ in range(MANY)]
        self.assertEqual([wire.closed for wire in wires], [False] * MANY)
        self.assertTrue(self.server.visit(get()).take().startswith(b"HTTP/1.1 503 "))
        self.assert_owners_get_in()
        self.assertEqual([wire.closed for wire in wires], [False] * MANY)

    def test_a_link_with_a_session_has_no_place_here(self) -> None:
        self.assertEqual(self.server.service.guard.connections.count, 0)
        wire = self.owner.wire
        wire.lose()
        self.assertEqual(self.server.service.guard.connections.count, 0)
        self.assertEqual(self.server.service.guard._of_links, {})
