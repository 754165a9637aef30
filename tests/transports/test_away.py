"""Pings that are answered while the link is away: one pong for each, in order, and so many of them."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.away import MOST, AwayPings


class AwayPingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sent: list[bytes] = []
        self.room = True
        self.pings = AwayPings(self.pong)

    def pong(self, payload: bytes) -> bool:
        if self.room:
            self.sent.append(payload)
        return self.room

    def test_passed_on_while_the_link_is_there(self) -> None:
        self.assertFalse(self.pings.came(b"1", False))
        self.assertFalse(self.pings.returned(b"1"))
        self.pings.lost()
        self.assertEqual((self.sent, self.pings.count), ([], 0))

    def test_answered_while_it_is_away(self) -> None:
        self.pings.lost()
        for payload in (b"1", b"", b"1"):
            self.assertTrue(self.pings.came(payload, True))
        self.assertEqual((self.sent, self.pings.count), ([b"1", b"", b"1"], 3))
        self.assertFalse(self.pings.returned(b"1"), "nobody was asked: whatever this pong is, it passes")

    def test_what_was_on_its_way_is_answered_once(self) -> None:
        """In order; its real pong, when it comes, is held back."""
        for payload in (b"1", b"2", b"3"):
            self.pings.came(payload, False)
        self.assertFalse(self.pings.returned(b"1"))
        self.pings.lost()
        self.pings.lost()
        self.assertEqual(self.sent, [b"2", b"3"])
        self.assertTrue(self.pings.returned(b"2"))
        self.assertTrue(self.pings.returned(b"3"))
        self.assertFalse(self.pings.returned(b"3"))

    def test_a_pong_answers_those_before_it(self) -> None:
        """RFC 6455, 5.5.3: a peer may answer only the last of several."""
        for payload in (b"1", b"2", b"3"):
            self.pings.came(payload, False)
        self.assertFalse(self.pings.returned(b"2"))
        self.pings.lost()
        self.assertEqual(self.sent, [b"3"])
        self.pings.came(b"4", False)
        self.assertTrue(self.pings.returned(b"3"))
        self.assertFalse(self.pings.returned(b"4"))

    def test_pings_that_look_alike(self) -> None:
        """A pong that may answer a ping that waits is passed on, whatever else it may answer."""
        self.pings.came(b"", False)
        self.pings.lost()
        self.pings.came(b"", False)
        self.assertFalse(self.pings.returned(b""))
        self.assertFalse(self.pings.returned(b""), "one pong too many is allowed, one too few is not")
        self.assertEqual(self.sent, [b""])

    def test_a_peer_that_does_not_read(self) -> None:
        """Has one pong waiting, for its last ping, and gets it when there is a place."""
        self.pings.came(b"1", False)
        self.room = False
        self.pings.lost()
        for number in range(1000):
            self.pings.came(b"%d" % number, True)
        self.pings.flow()
        self.assertEqual((self.sent, self.pings.count), ([], 0))
        self.room = True
        self.pings.flow()
        self.pings.flow()
        self.assertEqual((self.sent, self.pings.count), ([b"999"], 1))

    def test_no_place_when_the_link_is_lost(self) -> None:
        """As inside of a frame: the pong that the other side sends in the end is passed on, for it is the only one."""
        self.pings.came(b"1", False)
        self.pings.came(b"2", False)
        self.room = False
        self.pings.lost()
        self.room = True
        self.pings.flow()
        self.assertEqual(self.sent, [])
        self.assertFalse(self.pings.returned(b"1"))
        self.assertFalse(self.pings.returned(b"2"))

    def test_there_is_a_place_when_the_next_ping_comes(self) -> None:
        self.room = False
        self.pings.came(b"1", True)
        self.room = True
        self.assertFalse(self.pings.came(b"2", False))
        self.assertEqual(self.sent, [b"1"])

    def test_so_many_are_remembered(self) -> None:
        for number in range(MOST + 1):
            self.pings.came(b"%d" % number, False)
        self.pings.lost()
        self.assertEqual(self.sent, [b"%d" % number for number in range(1, MOST + 1)])
        self.assertFalse(self.pings.returned(b"0"), "as if it had never been answered here")
        self.assertTrue(self.pings.returned(b"1"))
