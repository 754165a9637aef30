"""What kinds of tunnels a server has, and what a client is told of the others."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN, NAME_INVALID
from sellia.protocol.messages import OpenTunnel, TunnelKind
from sellia.relay.registry import TunnelRegistry
from sellia.server.gateway.kinds import KINDS, kind_of
from sellia.server.settings import ServerSettings
from tests.server.gateways import GatewayCase


class KindTests(SynchronousTestCase):
    def refused(self, word: str) -> str:
        error = self.assertRaises(ProblemError, kind_of, word)
        self.assertIs(error.problem, FORBIDDEN)
        return error.detail

    def test_every_kind_of_the_protocol(self) -> None:
        """Is in the table, or refused by its name."""
        for kind in TunnelKind:
            if kind in KINDS:
                self.assertIs(kind_of(kind.value), KINDS[kind])
            else:
                self.assertEqual(self.refused(kind.value), f"This server has no {kind.value} tunnels.")

    def test_one_of_a_later_version(self) -> None:
        said = self.refused("quic")
        self.assertEqual(said, "This server does not know the kind of tunnel 'quic': it has http tunnels.")
        self.assertLess(len(self.refused("x\n" * 10_000)), 120)
        self.assertNotIn("\n", self.refused("x\n"))

    def test_names_of_hosts(self) -> None:
        registry: TunnelRegistry[str] = TunnelRegistry()
        http = KINDS[TunnelKind.HTTP]
        self.assertEqual(http.label(OpenTunnel(1, "http", "demo"), registry, Random(1), 0.0), "demo")
        picked = http.label(OpenTunnel(1, "http"), registry, Random(1), 0.0)
        self.assertEqual(picked, registry.free_name(Random(1), 0.0))
        invalid = OpenTunnel(1, "http", "no_name")
        error = self.assertRaises(ProblemError, http.label, invalid, registry, Random(1), 0.0)
        self.assertIs(error.problem, NAME_INVALID)
        self.assertEqual(http.url("demo", ServerSettings(), 3000), "http://demo.localhost:3000")


class ClaimTests(GatewayCase):
    def test_a_client_is_told(self) -> None:
        client = self.server.client().connect()
        for number, kind in enumerate(("tcp", "quic")):
            client.say(OpenTunnel(number, kind))
        self.assertEqual(client.refusals, [("forbidden", True)] * 2)
        self.assertIn("'quic'", client.party.messages[-1].message)
