"""Ports are given again to whoever had them, by account, and by address as long as the process lasts."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.ports import PortMemory
from sellia.server.accounts.holders import Holder
from sellia.server.accounts.live import LiveDirectory
from sellia.server.accounts.names import Names
from sellia.server.accounts.port_memory import AccountPorts


class PortTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.names = Names(LiveDirectory())
        self.ports: PortMemory = AccountPorts(self.names, lambda: self.now)

    def test_by_account_and_slot(self) -> None:
        mine = Holder("acc_1")
        self.ports.remember((mine, "tcp web"), 20000)
        self.ports.remember((mine, "tcp db"), 20001)
        self.ports.remember((mine, "udp web"), 20000)
        self.assertEqual(self.ports.recall((mine, "tcp web")), 20000)
        self.assertEqual(self.ports.recall((mine, "tcp db")), 20001)
        self.ports.remember((mine, "tcp web"), 20002)
        self.assertEqual(self.ports.recall((mine, "tcp web")), 20002)
        self.assertIsNone(self.ports.recall((Holder("acc_2"), "tcp web")))
        self.assertEqual([self.ports.is_known(each) for each in (20000, 20001, 20005)], [True, True, False])
        self.names.check_invariants()

    def test_by_address(self) -> None:
        self.ports.remember((("address", "192.0.2.1"), "tcp "), 20003)
        self.assertEqual(self.ports.recall((("address", "192.0.2.1"), "tcp ")), 20003)
        self.assertEqual((self.names.count, self.ports.is_known(20003)), (0, True))
