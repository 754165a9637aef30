"""The hammer, for a moment: what the API says and does is what a model of it says."""

from twisted.internet.threads import deferToThread

from tests.server.admin.hammer import Hammer
from tests.server.admin.stage import MASTER, AdminCase


class HammerTests(AdminCase):
    settings = {"rate_limit": False, "auth_failures_burst": 1_000_000}

    async def test_many_calls(self) -> None:
        hammer = Hammer(self.port, MASTER, 7)
        await deferToThread(hammer.run, 1_000)
        self.assertGreaterEqual(hammer.calls, 1_000)
