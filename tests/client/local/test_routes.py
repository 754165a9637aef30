"""Where the streams of a tunnel go."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.local.routes import Routes
from tests.client.stage import GET, UPGRADE, Stage


class RoutesTests(SynchronousTestCase):
    def test_one_service_has_everything(self) -> None:
        service = Stage().service
        routes = Routes(service)
        self.assertIs(routes.service_for(GET), service)
        self.assertIs(routes.service_for(UPGRADE), service)
        self.assertEqual(list(routes), [service])
