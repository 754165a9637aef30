"""Attempts to get visitors of a domain or of a name that is somebody else's, by how it is spelled."""

from typing import Any

from sellia.protocol.messages import CloseTunnel, OpenTunnel, TunnelOptions
from sellia.server.gateway.tunnels import GHOST_MOST
from tests.server.gateways import Client, GatewayCase

#: Spellings that mean shop.example.org, or would to somebody who reads them.
SAME = ("SHOP.example.ORG", "shop.example.org.", "Shop.Example.Org.")
NONE = (
    "sh\u043ep.example.org",  # with a Cyrillic o
    "ｓｈｏｐ.example.org",
    "shop.example\u3002org",
    "shop\u00ad.example.org",
    "shop.example.org\u200b",
    "shop.example.org..",
    ".shop.example.org",
    "shop..example.org",
    "shop.example.org:443",
    "shop.example.org/",
    "shop.example.org\x00.tunnel.example.com",
    "shop.example.org ",
    "*.*.example.org",
    "s*.example.org",
    "*",
    "*.org.",
    "shop",
)


class SpellingTests(GatewayCase):
    settings = {"master_key": "key", "domain": "tunnel.example.com"}

    def setUp(self) -> None:
        super().setUp()
        self.server.zones.aliases["shop.example.org"] = "tunnel.example.com"
        self.holder = self.ask("shop.example.org")
        self.assertEqual(self.holder.names, ["shop.example.org"])

    def ask(self, *domains: str, client: Client | None = None, **options: Any) -> Client:
        client = client or self.server.client("key").connect()
        number = len(client.party.messages) + 1
        client.say(OpenTunnel(number, "http", None, options=TunnelOptions(domains=list(domains), **options)))
        self.server.talk()
        return client

    def test_another_spelling_is_the_same_name(self) -> None:
        """It is taken, and so is the name when it stands twice in one tunnel."""
        for spelling in SAME:
            other = self.ask(spelling)
            self.server.wait(GHOST_MOST + 1)
            self.assertEqual(other.refusals, [("name-taken", False)], spelling)
        self.holder.say(CloseTunnel(1))
        self.server.talk()
        self.ask("shop.example.org", *SAME)
        self.assertEqual(list(self.server.registry.by_name), ["shop.example.org."])

    def test_what_only_looks_like_it(self) -> None:
        """Is no domain; an A-label is another domain than the one that it looks like, and its owner has to show it."""
        for spelling in NONE:
            other = self.ask(spelling)
            [(word, final)] = other.refusals
            self.assertIn(word, ("name-invalid", "domain-not-proven"), spelling)
            self.assertTrue(final)
        asked = set(self.server.zones.asked)
        other = self.ask("xn--shp-nmc.example.org")
        self.assertEqual(other.refusals, [("domain-not-proven", True)])
        self.assertEqual(
            {each.split()[0] for each in set(self.server.zones.asked) - asked},
            {"_sellia.xn--shp-nmc.example.org", "xn--shp-nmc.example.org"},
        )
        self.assertEqual(list(self.server.registry.by_name), ["shop.example.org."])

    def test_a_wildcard_of_a_strangers(self) -> None:
        """It needs a record of its own, and then stands for no name that another tunnel has."""
        self.assertEqual(self.ask("*.example.org").refusals, [("domain-not-proven", True)])
        self.server.zones.aliases["*.example.org"] = "tunnel.example.com"
        other = self.ask("*.example.org")
        self.assertEqual(other.names, ["*.example.org"])
        found = self.server.registry.find("shop.example.org.")
        self.assertEqual(found and found.label, "shop.example.org.")
        self.holder.say(CloseTunnel(1))
        self.server.talk()
        found = self.server.registry.find("shop.example.org.")
        self.assertEqual(found and found.label, "*.example.org.")
