"""Connections for which there is no room."""

from sellia.server.ingress.closing import LINGER
from sellia.server.listeners.overflow import TURNED_AWAY
from sellia.server.places import SPARE
from tests.server.slow import SecureTransport
from tests.server.support import GET, UPGRADE, VISITOR, ServerCase, Visitor, VisitorTransport, get


class AddressTests(ServerCase):
    """Each address has so many."""

    settings = {"connections_per_address": 3, "connections": 10}

    def test_one_too_many(self) -> None:
        lines = self.logged()
        for _ in range(3):
            self.stage.ask()
        visitor = self.stage.visitor()
        answer = visitor.read()
        self.assertIn(b"\r\nRetry-After: 5\r\n", answer)
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 ") and b"Sellia-Error: overloaded" in answer)
        self.assertEqual(visitor.end, "half")
        visitor.send(GET)
        self.assertEqual((len(self.stage.asked), visitor.read()), (3, b""))
        self.assert_counted(connections_per_address=1)
        self.assertIn(f"limit reached: limit=connections_per_address peer={VISITOR} answer=503 suppressed=0", lines)
        self.stage.wait(LINGER)
        self.assertEqual(visitor.end, "aborted")

    def test_others_are_let_in(self) -> None:
        for _ in range(5):
            self.stage.visitor()
        self.assert_answers(
            self.stage.visitor(get(host=b"nobody.localhost"), host="192.0.2.1"), (404, "no-such-tunnel")
        )

    def test_a_place_is_free_again(self) -> None:
        visitors = [self.stage.visitor() for _ in range(4)]
        visitors[0].leave()
        visitors[3].leave()
        self.stage.ask()

    def test_websockets_count_as_long_as_they_last(self) -> None:
        visitor, service = self.stage.ask(UPGRADE)
        service.switch()
        self.assertEqual(self.stage.ingress.guard.connections.of(VISITOR), 1)
        visitor.leave()
        self.assertEqual(self.stage.ingress.guard.connections.of(VISITOR), 0)

    def test_ipv6_by_network(self) -> None:
        for number in range(4):
            visitor = Visitor(self.stage, VisitorTransport(f"2001:db8::{number:x}"))
            self.stage.visitors.append(visitor)
        self.assert_counted(connections_per_address=1)


class TotalTests(ServerCase):
    """All together have so many, and those that are busy keep their places."""

    settings = {"connections_per_address": 10, "connections": 10}

    def somebody(self, *pieces: bytes) -> Visitor:
        """A visitor from an address of its own."""
        number = len(self.stage.visitors)
        return self.stage.visitor(*pieces, host=f"10.0.{number >> 8}.{number & 255}")

    def fill(self) -> list[Visitor]:
        """All places, and those in excess, are taken by visitors who wait for an answer, or are about to ask."""
        busy = [self.somebody(GET) for _ in range(10)]
        for _ in range(SPARE):
            visitor = self.somebody()
            self.stage.ingress.guard.places.busy(visitor.connection)  # as if it did what nobody may
        return busy

    def test_the_longest_idle_goes(self) -> None:
        lines = self.logged()
        visitors = [self.stage.visitor(host=f"192.0.2.{number}") for number in range(10)]
        visitors[0].send(get(host=b"nobody.localhost"))
        visitor = self.stage.visitor(get(host=b"nobody.localhost"), host="192.0.2.100")
        self.assert_answers(visitor, (404, "no-such-tunnel"))
        self.assertEqual([each.end for each in visitors], ["open", "closed"] + ["open"] * 8)
        self.assert_counted(connections=1)
        self.assertIn(
            "limit reached: limit=connections peer=192.0.2.100 answer=closed the longest idle suppressed=0", lines
        )

    def test_a_head_that_is_not_whole_is_idle(self) -> None:
        """However often another octet of it comes."""
        slow = [self.somebody(b"GET / HT") for _ in range(10)]
        for visitor in slow:
            visitor.send(b"T")
        self.somebody()
        self.assertEqual([each.end for each in slow], ["closed"] + ["open"] * 9)

    def test_what_has_arrived_of_who_went(self) -> None:
        """It may still be read in the same turn of the reactor."""
        visitors = [self.somebody() for _ in range(11)]
        for request in (GET, GET):
            visitors[0].connection.dataReceived(request)
        self.stage.talk()
        self.assertEqual((self.stage.asked, self.stage.ingress.guard.connections.count), ([], 10))

    def test_who_is_answered_stays(self) -> None:
        busy = [self.somebody(GET) for _ in range(10)]
        newcomers = [self.somebody(GET) for _ in range(3)]
        for each in newcomers:
            self.assert_answers(each, (503, "overloaded"))
        self.assertEqual([each.end for each in busy], ["open"] * 10)
        self.assertEqual(len(self.stage.asked), 10)

    def test_one_too_many(self) -> None:
        self.fill()
        visitor = self.stage.visitor(host="192.0.2.100")
        self.assertTrue(visitor.read().startswith(b"HTTP/1.1 503 "))
        self.assertEqual(visitor.end, "half")

    def test_thousands_too_many(self) -> None:
        """Those for whom there is no room cost little, and are not kept."""
        lines = self.logged()
        before = len(self.fill()) + SPARE
        for _ in range(1000):
            self.somebody()
        self.assertEqual(len(self.stage.ingress.connections), before + TURNED_AWAY)
        self.assertEqual([each.end for each in self.stage.visitors[before + TURNED_AWAY :]], ["aborted"] * 900)
        self.assertLess(len(lines), 10)
        for visitor in self.stage.visitors[before:]:
            visitor.leave()
        self.assertEqual(self.stage.ingress.guard.turned_away, 0)

    def test_thousands_that_are_idle(self) -> None:
        """There are never more than places."""
        for _ in range(2000):
            self.somebody()
        self.assertEqual(self.stage.ingress.guard.connections.count, 10)
        self.assertEqual([each.end for each in self.stage.visitors], ["closed"] * 1990 + ["open"] * 10)

    def test_without_a_handshake(self) -> None:
        """What would have to be encrypted first is not said."""
        self.fill()
        visitor = Visitor(self.stage, SecureTransport())
        self.stage.visitors.append(visitor)
        self.assertEqual((visitor.end, visitor.read()), ("aborted", b""))

    def test_the_server_stops(self) -> None:
        self.fill()
        visitor = self.somebody()
        self.stage.ingress.drain()
        self.stage.ingress.stop()
        self.assertEqual(visitor.end, "aborted")


class ProxyTests(ServerCase):
    """Behind a proxy that is trusted, visitors count, and the proxy does not."""

    settings = {"connections_per_address": 2, "connections": 50, "trust_proxy": [VISITOR]}

    def websocket(self, visitor: bytes) -> Visitor:
        return self.stage.visitor(UPGRADE[:-2] + b"X-Forwarded-For: " + visitor + b"\r\n\r\n")

    def test_its_connections_are_everybodys(self) -> None:
        for _ in range(10):
            self.stage.ask()
        self.assert_counted()

    def test_websockets_are_one_visitors(self) -> None:
        for _ in range(2):
            self.websocket(b"192.0.2.1")
            self.stage.asked[-1].switch()
        self.assert_answers(self.websocket(b"192.0.2.1"), (503, "overloaded"))
        self.assert_counted(connections_per_address=1)
        self.websocket(b"192.0.2.2")
        self.stage.asked[-1].switch()
        self.stage.visitors[0].leave()
        self.websocket(b"192.0.2.1")
        self.assertEqual(len(self.stage.asked), 4)

    def test_a_proxy_that_does_not_say_whose_it_is(self) -> None:
        """It would be one visitor with all the WebSockets there are."""
        for _ in range(5):
            self.stage.ask(UPGRADE)[1].switch()
        self.assert_counted()
        self.assertEqual(self.stage.ingress.guard.connections.of(VISITOR), 0)

    def test_what_somebody_else_says_counts_for_nothing(self) -> None:
        for number in range(3):
            visitor = self.stage.visitor(host="198.51.100.1")
            if number < 2:
                visitor.send(UPGRADE[:-2] + b"X-Forwarded-For: 192.0.2.%d\r\n\r\n" % number)
                self.stage.asked[-1].switch()
        self.assertTrue(visitor.read().startswith(b"HTTP/1.1 503 "))

    def test_it_has_a_bound_in_all(self) -> None:
        visitors = [self.stage.visitor() for _ in range(51)]
        self.assertEqual([each.end for each in visitors], ["closed"] + ["open"] * 50)
