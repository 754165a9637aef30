"""One tenant against another behind each proxy whose file is shipped: each visitor is answered by whom it asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.e2e import fronts
from tests.e2e.fronts import Front
from tests.hostile.tenants import Tenants, plays

EVERY = os.environ.get("SELLIA_HOSTILE_EVERY", "") not in ("", "0")


class TenantTests:
    """Mixed into a test case for each proxy; ``start`` starts it in front of a port."""

    start: Callable[[int], Front]

    def test_tricks_of_one_tenant(self: Any) -> None:
        """Whatever one tenant answers, another's visitors get their own answers."""
        port = fronts.server().port
        tenants = Tenants(fronts.front(type(self).start, port), port)
        self.addCleanup(tenants.close)
        wrong = [each for ask, trick in plays(EVERY) for each in tenants.play(ask, trick)]
        self.assertEqual(wrong, [])


class NginxTests(TenantTests, SynchronousTestCase):
    """Through nginx."""

    start = staticmethod(fronts.start_nginx)


class CaddyTests(TenantTests, SynchronousTestCase):
    """Through Caddy."""

    start = staticmethod(fronts.start_caddy)
