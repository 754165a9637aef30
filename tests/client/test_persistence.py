"""Clients that do not try for ever."""

from typing import Any

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import LinkLost
from sellia.client.events import Refused as RefusedEvent
from sellia.client.link.tunnelled import ProxyLogin
from sellia.client.persistence import Persistence
from sellia.errors import ProxyLoginError, RefusedError, UnreachableError
from sellia.protocol.messages import Refused
from tests.client.links import ClientStage

REFUSED = "127.0.0.1:1 refused the connection"
RESET = "Connection was reset"


class PersistenceTests(SynchronousTestCase):
    def stage(self, retry: bool = True, connect_timeout: float | None = None) -> ClientStage:
        self.stage_ = stage = ClientStage(persistence=Persistence(retry, connect_timeout))
        return stage

    def tearDown(self) -> None:
        self.stage_.session.stop()
        self.stage_.talk()
        self.assertEqual(self.stage_.reactor.getDelayedCalls(), [], "a timer was left behind")

    def ended(self, stage: ClientStage, kind: type) -> str:
        failure: Failure = self.failureResultOf(stage.session.finished)
        self.assertIs(failure.type, kind)
        return str(failure.value)

    def test_no_retry(self) -> None:
        stage = self.stage(retry=False)
        stage.session.start()
        stage.network.refuse()
        self.assertEqual(self.ended(stage, UnreachableError), f"No link to the server: {REFUSED}.")
        stage.wait(60)
        self.assertEqual(len(stage.network.tried), 1)

    def test_no_retry_after_a_loss(self) -> None:
        stage = self.stage(retry=False).start()
        stage.cut()
        self.assertEqual(self.ended(stage, UnreachableError), f"No link to the server: {RESET}.")

    def test_no_retry_after_a_refusal_for_now(self) -> None:
        stage = self.stage(retry=False)
        stage.server.manner = ""
        stage.session.start()
        wire = stage.wire = stage.network.join(stage.connector, stage.server)
        wire.far.say(Refused("overloaded", "Busy.", False))
        wire.talk()
        self.assertEqual(self.ended(stage, RefusedError), "Busy.")
        self.assertTrue(stage.of(RefusedEvent)[0].final, "it is not said that it tries again")

    def test_connect_timeout(self) -> None:
        stage = self.stage(connect_timeout=12.0)
        stage.session.start()
        stage.network.refuse()
        stage.reactor.advance(11.9)
        self.assertNoResult(stage.session.finished)
        stage.reactor.advance(0.1)
        said = f"No link to the server within 12 s (--connect-timeout): {REFUSED}."
        self.assertEqual(self.ended(stage, UnreachableError), said)

    def test_connect_timeout_of_a_server_that_says_nothing(self) -> None:
        """Until it has been welcomed, a client is not connected."""
        stage = self.stage(connect_timeout=3.0)
        stage.server.manner = ""
        stage.session.start()
        stage.wire = stage.network.join(stage.connector, stage.server)
        stage.reactor.advance(3.0)
        self.assertIn("it has not answered", self.ended(stage, UnreachableError))

    def test_connect_timeout_counts_once(self) -> None:
        stage = self.stage(connect_timeout=3.0).start()
        stage.cut()
        stage.network.dials.clear()
        stage.reactor.advance(60)
        self.assertNoResult(stage.session.finished)

    def test_connect_timeout_of_a_client_that_is_stopped(self) -> None:
        stage = self.stage(connect_timeout=3.0)
        stage.session.start()
        stage.session.stop()
        self.assertIsNone(self.successResultOf(stage.session.finished))

    def refuse_login(self, stage: ClientStage) -> None:
        error: Any = ProxyLogin("was not reached: the proxy asks (407)")
        stage.network.pending[-1].result.errback(Failure(error))

    def test_a_wrong_login_at_a_proxy_is_final(self) -> None:
        """It is not tried again and again, which could lock the user out."""
        stage = self.stage()
        stage.session.start()
        self.refuse_login(stage)
        said = "No link to the server: 127.0.0.1:1 was not reached: the proxy asks (407)."
        self.assertEqual(self.ended(stage, ProxyLoginError), said)
        stage.wait(60)
        self.assertEqual(len(stage.network.tried), 1)

    def test_a_login_that_was_right_before(self) -> None:
        stage = self.stage().start()
        stage.cut()
        stage.reactor.advance(0.5)
        self.refuse_login(stage)
        self.assertNoResult(stage.session.finished)
        self.assertIn("407", stage.of(LinkLost)[-1].reason)
        stage.connect()
