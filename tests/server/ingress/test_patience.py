"""How long a service may take: whose limit it is, and what the 504 says of it."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.messages import TunnelOptions
from sellia.relay.http.error_responses import SHOWN_LENGTH
from sellia.server.ingress.patience import explain_timeout, response_patience, upgrade_patience
from sellia.server.settings import ServerSettings
from tests.server.support import GET, UPGRADE, ServerCase, post

DEFAULTS = ServerSettings()


class PatienceTests(SynchronousTestCase):
    def test_the_tunnels_own_the_default_and_the_ceiling(self) -> None:
        self.assertEqual(response_patience(TunnelOptions(), DEFAULTS), 600.0)
        self.assertEqual(upgrade_patience(TunnelOptions(), DEFAULTS), 60.0)
        own = TunnelOptions(request_timeout=1.5, upgrade_timeout=2.5)
        self.assertEqual((response_patience(own, DEFAULTS), upgrade_patience(own, DEFAULTS)), (1.5, 2.5))
        for asked in (3600.0, 3600.5, 1e300):
            much = TunnelOptions(request_timeout=asked, upgrade_timeout=asked)
            self.assertEqual((response_patience(much, DEFAULTS), upgrade_patience(much, DEFAULTS)), (3600.0, 3600.0))

    def test_the_sentence_fits_into_an_answer(self) -> None:
        for asked in (0.0, 86399.5, 1e300):
            for upgrade in (False, True):
                said = explain_timeout(TunnelOptions(asked, asked), DEFAULTS, upgrade=upgrade)
                self.assertLess(len(said), SHOWN_LENGTH, said)


class TimeoutTests(ServerCase):
    """A visitor reads how long was waited, whose limit that was, and where it is set."""

    settings: dict[str, Any] = {"request_timeout": 20, "upgrade_timeout": 10, "request_timeout_limit": 40}

    def open(self, **options: Any) -> None:
        self.stage.open_tunnel("demo", options=TunnelOptions(**options))

    def assert_late(self, request: bytes, seconds: int, said: str) -> None:
        visitor, service = self.stage.ask(request)
        self.stage.wait(seconds - 1)
        self.assertEqual(visitor.read(), b"")
        self.stage.wait(1)
        word = "response-timeout" if request is GET else "upgrade-timeout"
        answer = visitor.read().decode()
        self.assertIn(f"Sellia-Error: {word}\r\n", answer)
        self.assertIn(said, answer)
        self.assertEqual(service.reset, word)

    def test_response(self) -> None:
        self.assert_late(GET, 20, "within 20 s, this server's default (request_timeout)")
        self.open(request_timeout=30)
        self.assert_late(GET, 30, "within 30 s, the limit of this tunnel: its client sets --request-timeout or ")
        self.open(request_timeout=41)
        self.assert_late(GET, 40, "within 40 s, the most that this server allows (its timeouts.request_limit)")

    def test_upgrade(self) -> None:
        self.assert_late(UPGRADE, 10, "within 10 s, this server's default (upgrade_timeout)")
        self.open(upgrade_timeout=15, request_timeout=1)
        self.assert_late(UPGRADE, 15, "within 15 s, the limit of this tunnel: its client sets upgrade_timeout")
        self.open(upgrade_timeout=100)
        self.assert_late(UPGRADE, 40, "within 40 s, the most that this server allows (its timeouts.request_limit)")

    def test_an_interim_response_winds_the_clock(self) -> None:
        visitor, service = self.stage.ask()
        for _ in range(5):
            self.stage.wait(19)
            service.head(102, reason=b"Processing")
            self.assertEqual(visitor.read(), b"HTTP/1.1 102 Processing\r\n\r\n")
        self.stage.wait(19)
        self.assertEqual(visitor.read(), b"")
        self.stage.wait(1)
        self.assert_answers(visitor, (504, "response-timeout"))

    def test_a_visitor_that_leaves_cancels_at_once(self) -> None:
        for request in (GET, UPGRADE):
            visitor, service = self.stage.ask(request)
            self.stage.wait(5)
            visitor.leave()
            self.assertEqual(service.reset, "visitor-gone")

    def test_a_100_that_does_not_come_is_the_services_fault(self) -> None:
        visitor, service = self.stage.ask(post(b"", b"Expect: 100-continue", length=2))
        self.stage.wait(20)
        self.assert_answers(visitor, (504, "response-timeout"))

    def test_after_a_100_it_is_the_body_that_is_waited_for(self) -> None:
        """A body that then does not come is the visitor's fault."""
        visitor, service = self.stage.ask(post(b"", b"Expect: 100-continue", length=2))
        self.stage.wait(19)
        service.head(100, reason=b"Continue")
        self.assertEqual(visitor.read(), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.stage.wait(20)
        self.assertEqual(visitor.read(), b"", "the grace of a body")
        self.stage.wait(1)
        self.assert_answers(visitor, (408, "request-timeout"))

    def test_a_body_that_comes_without_a_100(self) -> None:
        """Nobody has to wait for one (RFC 9110, 10.1.1)."""
        visitor, service = self.stage.ask(post(b"", b"Expect: 100-continue", length=2))
        self.stage.wait(5)
        visitor.send(b"a")
        self.stage.wait(18)
        visitor.send(b"b")
        self.stage.wait(19)
        self.assertEqual(visitor.read(), b"")
        service.answer(b"late")
        self.assert_answers(visitor, (200, None))
