"""One tenant against another behind each proxy whose file is shipped: each visitor is answered by whom it asked."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.e2e import fronts
from tests.e2e.fronts import STARTERS
from tests.hostile.tenants import Tenants, plays
from tests.processes import Process

EVERY = os.environ.get("SELLIA_HOSTILE_EVERY", "") not in ("", "0")
"""Whether all interim responses are tried, and not each second one."""


class TenantTests(SynchronousTestCase):
    """Whatever one tenant answers, another's visitors get their own answers."""

    def tricks(self, name: str, server: Process) -> None:
        tenants = Tenants(fronts.front(STARTERS[name], server.port), server.port)
        self.addCleanup(tenants.close)
        wrong = [each for ask, trick in plays(EVERY) for each in tenants.play(ask, trick)]
        self.assertEqual(wrong, [])

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
