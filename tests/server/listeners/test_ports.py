"""The ports of tunnels: what listens, when, and what a client is told that cannot have one."""

from random import Random
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN, NAME_INVALID, NAME_TAKEN, OVERLOADED
from sellia.protocol.messages import TunnelKind
from sellia.relay.registry import TunnelRegistry
from sellia.server.listeners.ports import PortListeners
from tests.logs import log_lines

TCP = TunnelKind.TCP


class Port:
    """What listens on a port."""

    open = True

    def stopListening(self) -> None:
        self.open = False


class System:
    """The ports of the machine: those in ``busy`` are other programs'."""

    def __init__(self) -> None:
        self.busy: dict[int, int] = {}
        self.ports: dict[int, Port] = {}
        self.tried: list[int] = []

    def listen(self, port: int, label: str) -> Port:
        self.tried.append(port)
        held = self.ports.get(port)
        if port in self.busy or (held is not None and held.open):
            raise CannotListenError("", port, OSError(self.busy.get(port, 98), "?"))
        self.ports[port] = Port()
        return self.ports[port]

    @property
    def open(self) -> set[int]:
        return {number for number, port in self.ports.items() if port.open}


class PortCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.system = System()
        self.registry: TunnelRegistry[str] = TunnelRegistry()
        kinds: Any = {TCP: (range(20000, 20010), self.system.listen)}
        self.ports = PortListeners(kinds, self.registry, self.clock, Random(1))
        self.registry.released = self.ports.settle

    def tearDown(self) -> None:
        self.clock.advance(0)
        bound = {int(label[4:]) for label in self.registry.by_name}
        self.assertEqual(self.system.open, bound)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def claim(self, port: int | None = None, owner: str = "ann", slot: str = "", session: str = "s1") -> int:
        """Claim as the gateway does."""
        label = ""
        try:
            label = self.ports.take(TCP, port, owner, slot)
            self.registry.claim(label, session, owner, self.clock.seconds(), tunnel_id=1, kind=TCP)
        except ProblemError:
            self.ports.settle(label)
            raise
        return int(label[4:])

    def release(self, session: str = "s1", held: bool = False) -> None:
        self.registry.release_all(session, self.clock.seconds(), held=held)

    def refused(self, *args: Any, **kw: Any) -> ProblemError:
        return self.assertRaises(ProblemError, self.claim, *args, **kw)


class ListeningTests(PortCase):
    def test_offers(self) -> None:
        self.assertEqual([self.ports.offers(kind) for kind in (TCP, TunnelKind.HTTP)], [True, False])

    def test_from_the_claim_to_the_release(self) -> None:
        self.assertEqual(self.claim(20003), 20003)
        self.assertEqual((self.system.open, self.ports.count), ({20003}, 1))
        self.release()
        self.clock.advance(0)
        self.assertEqual((self.system.open, self.ports.count), (set(), 0))

    def test_claimed_again_in_one_turn(self) -> None:
        self.claim(20003)
        self.release()
        self.claim(20003, session="s2")
        self.clock.advance(0)
        self.assertEqual((self.system.open, self.system.tried), ({20003}, [20003]))

    def test_a_session_that_comes_back_in_another(self) -> None:
        """The port goes to the new session of the same owner, and is listened on all the while."""
        self.claim(20003)
        self.registry.away("s1")
        self.assertEqual(self.claim(None, session="s2"), 20003)
        self.assertEqual(self.system.tried, [20003])

    def test_held_for_its_owner(self) -> None:
        """Nobody is served there meanwhile, and nobody else gets it."""
        self.claim(20003)
        self.release(held=True)
        self.clock.advance(0)
        self.assertEqual(self.system.open, set())
        error = self.refused(20003, "bob", session="s2")
        self.assertEqual((error.problem, str(error)[:21]), (NAME_TAKEN, "TCP port 20003 is hel"))
        self.clock.advance(0)
        self.assertEqual(self.system.open, set())
        self.assertEqual(self.claim(20003, session="s3"), 20003)

    def test_another_range(self) -> None:
        """What is open stays."""
        self.claim(20003)
        kinds: Any = {TCP: (range(30000, 30001), self.system.listen)}
        self.ports.offer(kinds)
        self.assertEqual(self.claim(slot="b"), 30000)
        self.assertEqual(self.system.open, {20003, 30000})
        self.assertIs(self.refused(20004, session="s2").problem, NAME_INVALID)

    def test_stop(self) -> None:
        self.claim(20003)
        self.successResultOf(self.ports.stop())
        self.release()
        self.assertEqual(self.system.open, set())


class ChoiceTests(PortCase):
    def test_given_again(self) -> None:
        """To the same owner, for the same tunnel."""
        db, ssh = self.claim(slot="db"), self.claim(slot="ssh")
        self.release()
        self.clock.advance(0)
        others = {self.claim(owner="bob", slot=str(number), session="s2") for number in range(5)}
        self.assertFalse({db, ssh} & others)
        self.assertEqual((self.claim(slot="ssh"), self.claim(slot="db")), (ssh, db))

    def test_two_clients_with_one_key(self) -> None:
        first = self.claim()
        second = self.claim(session="s2")
        self.assertNotEqual(first, second)

    def test_ports_of_other_programs(self) -> None:
        self.system.busy = dict.fromkeys(range(20000, 20009), 98)
        self.assertEqual(self.claim(), 20009)

    def test_none_left(self) -> None:
        log_lines(self)
        for number in range(10):
            self.claim(slot=str(number))
        error = self.refused(slot="more")
        self.assertEqual(
            (error.problem, str(error)), (OVERLOADED, "No TCP port of the server is free: it has 10. Try again later.")
        )

    def test_all_are_other_programs(self) -> None:
        """So many are tried and no more."""
        kinds: Any = {TCP: (range(20000, 30000), self.system.listen)}
        ports = PortListeners(kinds, self.registry, self.clock, Random(1))
        self.system.busy = dict.fromkeys(range(20000, 30000), 98)
        self.assertIs(self.assertRaises(ProblemError, ports.take, TCP, None, "ann", "").problem, OVERLOADED)
        self.assertEqual(len(self.system.tried), 16)


class RefusalTests(PortCase):
    def test_another_program_has_it(self) -> None:
        self.system.busy = {20001: 98, 20002: 13, 20003: 99}
        said = [str(self.refused(port)) for port in (20001, 20002, 20003)]
        self.assertEqual(
            said,
            [
                "TCP port 20001 is in use by another program on the server.",
                "TCP port 20002 needs rights that the server does not have.",
                "TCP port 20003 cannot be listened on, because the server has no such address.",
            ],
        )
        self.assertEqual([self.refused(port).problem for port in (20001, 20002)], [NAME_TAKEN, FORBIDDEN])

    def test_another_client_has_it(self) -> None:
        self.claim(20003)
        error = self.refused(20003, "bob", session="s2")
        self.assertEqual((error.problem, str(error)), (NAME_TAKEN, "TCP port 20003 is in use."))
        self.assertEqual(self.system.open, {20003})

    def test_outside_the_range(self) -> None:
        error = self.refused(80)
        self.assertIs(error.problem, NAME_INVALID)
        self.assertEqual(
            str(error), "TCP port 80 is not one that this server gives to tunnels: those are 20000 to 20009."
        )
