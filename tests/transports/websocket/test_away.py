"""Pings that are answered while the link is away: one pong for each, in order, and so many of them."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.websocket.away import MOST, AwayPings


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
        self.assertFalse(self.pings.received(b"1", False))
        self.assertFalse(self.pings.returned(b"1"))
        self.pings.lost()
        self.assertEqual((self.sent, self.pings.count), ([], 0))

    def test_answered_while_it_is_away(self) -> None:
        self.pings.lost()
        for payload in (b"1", b"", b"1"):
            self.assertTrue(self.pings.received(payload, True))
        self.assertEqual((self.sent, self.pings.count), ([b"1", b"", b"1"], 3))
        self.assertFalse(self.pings.returned(b"1"), "nobody was asked: whatever this pong is, it passes")

    def test_what_was_on_its_way_is_answered_once(self) -> None:
        """In order; its real pong, when it comes, is held back."""
        for payload in (b"1", b"2", b"3"):
            self.pings.received(payload, False)
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
            self.pings.received(payload, False)
        self.assertFalse(self.pings.returned(b"2"))
        self.pings.lost()
        self.assertEqual(self.sent, [b"3"])
        self.pings.received(b"4", False)
        self.assertTrue(self.pings.returned(b"3"))
        self.assertFalse(self.pings.returned(b"4"))

    def test_pings_that_look_alike(self) -> None:
        """A pong that may answer a ping that waits is passed on, whatever else it may answer."""
        self.pings.received(b"", False)
        self.pings.lost()
        self.pings.received(b"", False)
        self.assertFalse(self.pings.returned(b""))
        self.assertFalse(self.pings.returned(b""), "one pong too many is allowed, one too few is not")
        self.assertEqual(self.sent, [b""])

    def test_no_place_for_a_pong(self) -> None:
        """What cannot be answered is passed on: its pong comes from the other side, and is not held back."""
        self.pings.received(b"1", False)
        self.room = False
        self.pings.lost()
        self.assertFalse(self.pings.received(b"2", True))
        self.assertEqual((self.sent, self.pings.count), ([], 0))
        for payload in (b"1", b"2"):
            self.assertFalse(self.pings.returned(payload))

    def test_there_is_a_place_again(self) -> None:
        """In the order of the pings, also of those that were passed on for want of a place."""
        self.room = False
        for payload in (b"1", b"2"):
            self.pings.received(payload, True)
        self.room = True
        self.assertTrue(self.pings.received(b"3", True))
        self.assertEqual((self.sent, self.pings.count), ([b"1", b"2", b"3"], 3))
        self.assertTrue(self.pings.returned(b"2"))
        self.pings.received(b"4", False)
        self.assertTrue(self.pings.catch_up())
        self.assertEqual(self.sent[3:], [b"4"])

    def test_so_many_are_remembered(self) -> None:
        for number in range(MOST + 1):
            self.pings.received(b"%d" % number, False)
        self.pings.lost()
        self.assertEqual(self.sent, [b"%d" % number for number in range(1, MOST + 1)])
        self.assertFalse(self.pings.returned(b"0"), "as if it had never been answered here")
        self.assertTrue(self.pings.returned(b"1"))
