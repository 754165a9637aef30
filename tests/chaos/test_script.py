"""A checker that finds nothing is worth something only if it finds what is there."""

from __future__ import annotations

import itertools

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos.script import LARGEST, Checker, Counts, body, body_digest, messages


class CheckerTests(SynchronousTestCase):
    def found(self, change: str) -> Counts:
        """What a checker finds of twenty messages after a change of their list."""
        sent = list(itertools.islice(messages("a seed", 4096), 20))
        victim = next(n for n, each in enumerate(sent) if n > 3 and len(each.payload) > 8)
        came = list(sent)
        if change == "lose":
            del came[victim]
        elif change == "lose the last":
            came.pop()
        elif change == "double":
            came.insert(victim, came[victim])
        elif change == "swap":
            came[victim : victim + 2] = reversed(came[victim : victim + 2])
        elif change == "damage":
            message = came[victim]
            came[victim] = message._replace(payload=message.payload[:-1] + b"!")
        elif change == "join fragments":
            several = next(n for n, each in enumerate(sent) if len(each.fragments) > 1)
            came[several] = came[several]._replace(fragments=(len(came[several].payload),))
        checker = Checker("a seed", 4096)
        for message in came:
            checker.take(message)
        return checker.finish(len(sent))

    def test_nothing(self) -> None:
        """What comes as it was sent is clean."""
        counts = self.found("nothing")
        self.assertTrue(counts.clean)
        self.assertEqual(counts.received, 20)

    def test_loss(self) -> None:
        """One that is missing is lost, in the middle and at the end, and the rest is still in order."""
        for change in ("lose", "lose the last"):
            counts = self.found(change)
            self.assertEqual((counts.lost, counts.doubled, counts.reordered, counts.damaged), (1, 0, 0, 0), change)

    def test_double(self) -> None:
        """One that comes twice is doubled."""
        counts = self.found("double")
        self.assertEqual((counts.lost, counts.doubled, counts.reordered, counts.damaged), (0, 1, 0, 0))

    def test_order(self) -> None:
        """Two that change places are out of order, and not lost."""
        counts = self.found("swap")
        self.assertEqual((counts.lost, counts.doubled, counts.reordered, counts.damaged), (0, 0, 1, 0))

    def test_damage(self) -> None:
        """One wrong octet, or other fragments than were sent, is damage."""
        for change in ("damage", "join fragments"):
            counts = self.found(change)
            self.assertEqual((counts.lost, counts.doubled, counts.reordered, counts.damaged), (0, 0, 0, 1), change)


class WalkTests(SynchronousTestCase):
    def test_messages(self) -> None:
        """The same seed makes the same messages, whose fragments add up; sizes reach from 1 octet to the largest."""
        first = list(itertools.islice(messages("x"), 2000))
        self.assertEqual(first, list(itertools.islice(messages("x"), 2000)))
        self.assertNotEqual(first[0], next(messages("y")))
        for message in first:
            self.assertEqual(sum(message.fragments), len(message.payload))
        sizes = {len(message.payload) for message in first}
        self.assertEqual(min(sizes), 1)
        self.assertGreater(max(sizes), LARGEST // 4)
        self.assertLessEqual(max(sizes), LARGEST)

    def test_bodies(self) -> None:
        """A body has its length, and the digest that both ends expect."""
        self.assertEqual(sum(map(len, body("x", 100_000))), 100_000)
        self.assertEqual(body_digest("x", 100_000), body_digest("x", 100_000))
        self.assertNotEqual(body_digest("x", 100_000), body_digest("y", 100_000))
