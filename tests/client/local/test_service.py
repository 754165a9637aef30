"""The service that a tunnel points to: its address and settings, and what is left when it stops."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import CLIENT_GONE
from tests.client.stage import HELLO, UPGRADE, Stage


class LocalServiceTests(SynchronousTestCase):
    def test_address_for_people(self) -> None:
        self.assertEqual(Stage("localhost").service.where, "localhost:8080")
        self.assertEqual(Stage("::1").service.where, "[::1]:8080")

    def test_connect_timeout_is_a_setting(self) -> None:
        stage = Stage(connect_timeout=3.0)
        visitor = stage.ask()
        stage.reactor.advance(3.0)
        stage.talk()
        self.assertEqual(visitor.why, "127.0.0.1:8080 did not answer within 3 seconds.")

    def test_idle_connections_are_bounded_by_settings(self) -> None:
        stage = Stage(idle_limit=1, idle_seconds=5.0)
        stage.ask()
        stage.ask()
        first, second = stage.accept(), stage.accept()
        for service in (first, second):
            service.say(HELLO)
        stage.talk()
        self.assertEqual((first.open, second.open), (False, True))
        stage.reactor.advance(5.0)
        self.assertFalse(second.open)

    def test_a_connection_that_is_closed_and_stays_is_dropped(self) -> None:
        stage = Stage(idle_seconds=5.0)
        service = stage.pooled()
        stage.reactor.advance(5.0)
        self.assertTrue(service.transport.disconnecting)
        self.assertFalse(service.transport.aborted)
        stage.reactor.advance(10.0)
        self.assertTrue(service.transport.aborted)

    def test_nothing_is_left_when_all_is_over(self) -> None:
        """Legs are told by the session, idle connections by ``stop``."""
        stage = Stage()
        idle = stage.pooled()
        stage.ask()
        stage.ask(UPGRADE, end=False)
        asked = stage.ask()
        busy = stage.accept()
        stage.pair.client.session.close(CLIENT_GONE, "the client was stopped")
        stage.service.stop()
        self.assertTrue(busy.transport.aborted)
        self.assertTrue(idle.transport.aborted)
        self.assertIsNone(asked.reset)
        self.assertEqual(stage.reactor.getDelayedCalls(), [])
