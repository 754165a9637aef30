"""What kinds of tunnels a server has, and what a client is told of the others."""

from collections.abc import Hashable
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN, NAME_INVALID
from sellia.protocol.messages import OpenTunnel, TunnelKind, TunnelOptions
from sellia.relay.registry import TunnelRegistry
from sellia.server.gateway.kinds import KINDS, Asking, NoPorts, Ports, kind_of
from sellia.server.settings import ServerSettings
from tests.server.gateways import GatewayCase


class Places:
    """Ports of a server that gives them to tcp tunnels."""

    def offers(self, kind: TunnelKind) -> bool:
        return kind is TunnelKind.TCP

    def take(self, kind: TunnelKind, port: int | None, owner: Hashable, slot: str) -> str:
        return f"{kind.value}:{port or 20000}"

    def settle(self, label: str) -> None: ...


class KindTests(SynchronousTestCase):
    def refused(self, word: str, ports: Ports | None = None) -> str:
        error = self.assertRaises(ProblemError, kind_of, word, ports or NoPorts())
        self.assertIs(error.problem, FORBIDDEN)
        return error.detail

    def test_every_kind_of_the_protocol(self) -> None:
        """Is in the table, or refused by its name."""
        for kind in TunnelKind:
            if kind in KINDS and not KINDS[kind].optional:
                self.assertIs(kind_of(kind.value, NoPorts()), KINDS[kind])
            else:
                self.assertTrue(self.refused(kind.value).startswith(f"This server has no {kind.value} tunnels"))

    def test_one_that_the_operator_has_not_allowed(self) -> None:
        said = self.refused("tcp")
        self.assertEqual(said, "This server has no tcp tunnels: its operator can allow them with tcp_ports.")
        self.assertIs(kind_of("tcp", Places()), KINDS[TunnelKind.TCP])

    def test_one_of_a_later_version(self) -> None:
        said = self.refused("quic")
        self.assertEqual(said, "This server does not know the kind of tunnel 'quic': it has http tunnels.")
        self.assertIn("it has http and tcp tunnels", self.refused("quic", Places()))
        self.assertLess(len(self.refused("x\n" * 10_000)), 120)
        self.assertNotIn("\n", self.refused("x\n"))

    def label(self, wanted: OpenTunnel, ports: Ports | None = None) -> str:
        registry: TunnelRegistry[str] = TunnelRegistry()
        asking = Asking(wanted, "localhost", "ann", registry, ports or NoPorts(), Random(1), 0.0)
        return KINDS[TunnelKind(wanted.kind)].label(asking)

    def test_names_of_hosts(self) -> None:
        registry: TunnelRegistry[str] = TunnelRegistry()
        self.assertEqual(self.label(OpenTunnel(1, "http", "demo")), "demo")
        self.assertEqual(self.label(OpenTunnel(1, "http")), registry.free_name(Random(1), 0.0))
        error = self.assertRaises(ProblemError, self.label, OpenTunnel(1, "http", "no_name"))
        self.assertIs(error.problem, NAME_INVALID)
        self.assertEqual(KINDS[TunnelKind.HTTP].url("demo", ServerSettings(), 3000), "http://demo.localhost:3000")

    def test_ports(self) -> None:
        self.assertEqual(self.label(OpenTunnel(1, "tcp", "20017"), Places()), "tcp:20017")
        self.assertEqual(self.label(OpenTunnel(1, "tcp"), Places()), "tcp:20000")
        settings = ServerSettings(domain="example.com")
        self.assertEqual(KINDS[TunnelKind.TCP].url("tcp:20017", settings, 3000), "tcp://example.com:20017")
        for name in ("demo", "", "-1", "1e3", "\u0661", "999999"):
            error = self.assertRaises(ProblemError, self.label, OpenTunnel(1, "tcp", name), Places())
            self.assertIs(error.problem, NAME_INVALID)
        long = OpenTunnel(1, "tcp", options=TunnelOptions(slot="x" * 65))
        self.assertRaises(ProblemError, self.label, long, Places())


class ClaimTests(GatewayCase):
    def test_a_client_is_told(self) -> None:
        client = self.server.client().connect()
        for number, kind in enumerate(("tcp", "quic")):
            client.say(OpenTunnel(number, kind))
        self.assertEqual(client.refusals, [("forbidden", True)] * 2)
        self.assertIn("'quic'", client.party.messages[-1].message)
