"""One tenant against another behind each proxy whose file is shipped: each visitor is answered by whom it asked."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.e2e import fronts
from tests.e2e.fronts import STARTERS
from tests.hostile.tenants import ASKS, INTERIMS, Ask, Tenants, Trick, plays
from tests.processes import Process, wait_until

EVERY = os.environ.get("SELLIA_HOSTILE_EVERY", "") not in ("", "0")
"""Whether all interim responses are tried, and not each second one."""


class TenantCase(SynchronousTestCase):
    def wrong(self, name: str, server: Process, plays: Iterable[tuple[Ask, Trick]]) -> list[str]:
        """What visitors of the good tenant get that is wrong, behind that proxy and this server."""
        tenants = Tenants(fronts.front(STARTERS[name], server.port), server.port)
        self.addCleanup(tenants.close)
        return [each for ask, trick in plays for each in tenants.play(ask, trick)]


class TenantTests(TenantCase):
    """Whatever one tenant answers, another's visitors get their own answers."""

    def tricks(self, name: str, server: Process) -> None:
        self.assertEqual(self.wrong(name, server, plays(EVERY)), [])

    def test_nginx(self) -> None:
        self.tricks("nginx", fronts.server())

    def test_caddy(self) -> None:
        self.tricks("caddy", fronts.server())

    def test_haproxy(self) -> None:
        self.tricks("haproxy", fronts.server())

    def test_apache(self) -> None:
        self.tricks("apache", fronts.server())

    def test_traefik(self) -> None:
        self.tricks("traefik", fronts.server())

    def test_envoy(self) -> None:
        self.tricks("envoy", fronts.server())


class InterimTests(TenantCase):
    """The same at a server that sends interim responses to proxies: which of them ``interim_responses`` may name."""

    def tricks(self, name: str) -> None:
        interims = INTERIMS if EVERY else INTERIMS[::3]
        plays = itertools.product(ASKS, interims)
        self.assertEqual(self.wrong(name, fronts.server_with_interim_responses(), plays), [])

    def test_caddy(self) -> None:
        self.tricks("caddy")

    def test_haproxy(self) -> None:
        self.tricks("haproxy")

    def test_apache(self) -> None:
        self.tricks("apache")

    def test_traefik(self) -> None:
        self.tricks("traefik")

    def test_envoy(self) -> None:
        self.tricks("envoy")

    def test_nginx(self) -> None:
        """It takes an interim response to HEAD for the final one, and must not be named."""
        if fronts.nginx_version() >= (1, 29):
            raise SkipTest("what this nginx does with interim responses is not known")
        # A visitor may come to another of its workers, with connections of its own, and then is answered rightly.
        plays = [(ask, INTERIMS[0]) for ask in ASKS if ask.bodiless]
        server = fronts.server_with_interim_responses()
        wait_until(lambda: self.wrong("nginx", server, plays), "a visitor of nginx who is answered by another tenant")
