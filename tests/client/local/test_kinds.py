"""The table of kinds: each opening of a stream has its leg, and a tunnel has only those of its kind."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.local.http import ServiceHttpLeg
from sellia.client.local.kinds import LEGS, open_leg
from sellia.client.local.tcp import ServiceTcpLeg
from sellia.client.local.upgrade import ServiceUpgradeLeg
from sellia.errors import ProtocolError
from sellia.protocol.messages import Opening, TcpConnection, TunnelKind
from tests.client.stage import GET, UPGRADE, Stage

TCP = TcpConnection(1)


class KindTests(SynchronousTestCase):
    def test_each_opening_has_its_leg(self) -> None:
        stage = Stage()
        for opening, leg in ((GET, ServiceHttpLeg), (UPGRADE, ServiceUpgradeLeg), (TCP, ServiceTcpLeg)):
            visitor = stage.ask(opening, end=opening is GET)
            self.assertIsInstance(stage.client_streams[visitor.stream.id].leg, leg)

    def test_every_kind_has_a_row(self) -> None:
        self.assertEqual(set(LEGS), set(TunnelKind))

    def test_every_opening_belongs_to_a_kind(self) -> None:
        openings = [opening for row in LEGS.values() for opening in row]
        self.assertEqual(set(openings), set(Opening.__args__))  # type: ignore[attr-defined]

    def test_an_opening_of_another_kind(self) -> None:
        stage = Stage()
        visitor = stage.ask()
        stream = stage.client_streams[visitor.stream.id]
        for kind, opening in ((TunnelKind.HTTP, TCP), (TunnelKind.TCP, GET), (TunnelKind.TCP, UPGRADE)):
            with self.assertRaises(ProtocolError):
                open_leg(kind, stage.service, stream, opening, False)
