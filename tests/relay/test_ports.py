"""Ports as names: labels, ranges, and the port that a tunnel is given."""

from itertools import islice
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.ports import (
    RememberedPorts,
    called,
    candidates,
    parse_range,
    port_label,
    port_of,
    shown_name,
)


class LabelTests(SynchronousTestCase):
    def test_a_port(self) -> None:
        label = port_label("tcp", 20017)
        self.assertEqual((port_of(label), shown_name(label), called(label)), (20017, "20017", "TCP port 20017"))

    def test_a_name(self) -> None:
        """Also one that looks like a port: no host's name has a colon."""
        for name in ("demo", "20017"):
            self.assertEqual((port_of(name), shown_name(name), called(name)), (0, name, f"The name {name!r}"))


class RangeTests(SynchronousTestCase):
    def test_ranges(self) -> None:
        self.assertEqual(parse_range("20000-29999"), range(20000, 30000))
        self.assertEqual(parse_range(" 5 - 6 "), range(5, 7))
        self.assertEqual(parse_range("65535"), range(65535, 65536))

    def test_what_is_none(self) -> None:
        for text in ("", "-", "a-b", "2-1", "0-5", "1-65536", "1-2-3", "-5", "5-", "\u0661-5", "999999"):
            with self.assertRaises(ValueError, msg=text):
                parse_range(text)


class MemoryTests(SynchronousTestCase):
    def test_one_port_belongs_to_one_tunnel(self) -> None:
        memory = RememberedPorts()
        memory.remember(("ann", "db"), 20001)
        memory.remember(("ann", "ssh"), 20002)
        self.assertEqual((memory.recall(("ann", "db")), memory.recall(("ann", "ssh"))), (20001, 20002))
        self.assertIsNone(memory.recall(("bob", "db")))
        memory.remember(("bob", "db"), 20001)
        self.assertEqual((memory.recall(("ann", "db")), memory.recall(("bob", "db"))), (None, 20001))
        memory.remember(("bob", "db"), 20003)
        self.assertEqual([memory.is_known(port) for port in (20001, 20002, 20003)], [False, True, True])

    def test_bound(self) -> None:
        """As an attacker, who makes up one owner after the other."""
        memory = RememberedPorts(limit=3)
        for number in range(1000):
            memory.remember(("x", str(number)), 1 + number)
        self.assertEqual(sum(memory.is_known(port) for port in range(2000)), 3)
        self.assertEqual(memory.recall(("x", "999")), 1000)


class CandidateTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.memory = RememberedPorts()
        self.taken: set[int] = set()

    def candidates(self, mark: tuple[str, str] = ("ann", "db"), ports: range = range(10, 20)) -> list[int]:
        return list(candidates(ports, self.memory, mark, lambda port: port not in self.taken, Random(1)))

    def test_the_one_it_had_is_first(self) -> None:
        self.memory.remember(("ann", "db"), 13)
        found = self.candidates()
        self.assertEqual((found[0], sorted(found)), (13, list(range(10, 20))))

    def test_unless_it_is_not_to_be_had(self) -> None:
        self.memory.remember(("ann", "db"), 13)
        self.taken.add(13)
        self.assertNotIn(13, self.candidates())
        self.taken.clear()
        self.assertNotIn(13, self.candidates(ports=range(14, 16)))

    def test_those_of_others_are_last(self) -> None:
        for number, port in enumerate((11, 12, 13)):
            self.memory.remember(("bob", str(number)), port)
        found = self.candidates()
        self.assertEqual(sorted(found[-3:]), [11, 12, 13])
        self.assertEqual(sorted(found), list(range(10, 20)))

    def test_random(self) -> None:
        firsts = {
            next(candidates(range(20000, 30000), self.memory, ("ann", ""), lambda port: True, Random(seed)))
            for seed in range(20)
        }
        self.assertGreater(len(firsts), 15)

    def test_none_is_free(self) -> None:
        self.taken = set(range(10, 20))
        self.assertEqual(self.candidates(), [])
        self.assertEqual(list(islice(self.candidates(ports=range(19, 21)), 2)), [20])
