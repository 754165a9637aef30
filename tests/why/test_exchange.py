"""Who is blamed for the end of a request, of a handshake, or of a connection."""

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import (
    BAD_SERVICE_RESPONSE,
    INTERNAL,
    RATE_LIMITED,
    RESPONSE_COMPLETE,
    RESPONSE_TIMEOUT,
    SERVICE_DIED,
    SERVICE_REFUSED,
    VISITOR_GONE,
)
from sellia.why.cause import Cause
from sellia.why.exchange import ExchangeEnd, exchange_cause, refused_handshake
from sellia.why.websocket import Told

END = ExchangeEnd("9f3a61c2-14", "client")


class ExchangeTests(SynchronousTestCase):
    def assert_blamed(self, end: ExchangeEnd, who: str, what: str) -> Cause:
        cause = exchange_cause(end)
        assert cause is not None
        self.assertEqual((cause.who, cause.what), (who, what))
        self.assertTrue(cause.sentence.endswith("."), cause.sentence)
        self.assertNotIn("{", cause.sentence + cause.remedy)
        return cause

    def test_what_is_plainly_good(self) -> None:
        self.assertIsNone(exchange_cause(END))
        self.assertIsNone(exchange_cause(replace(END, problem=RESPONSE_COMPLETE)))

    def test_a_problem_says_it_by_itself(self) -> None:
        cause = self.assert_blamed(
            replace(END, problem=SERVICE_REFUSED, message="localhost:8080 refused the connection."),
            "service",
            "service-refused",
        )
        self.assertEqual(cause.sentence, "localhost:8080 refused the connection.")
        self.assertEqual(cause.remedy, SERVICE_REFUSED.remedy)
        self.assertEqual(
            self.assert_blamed(replace(END, problem=RESPONSE_TIMEOUT), "service", "response-timeout").sentence,
            RESPONSE_TIMEOUT.sentence,
        )
        self.assert_blamed(replace(END, problem=RATE_LIMITED, reporter="server"), "visitor", "rate-limited")

    def test_a_fault_is_that_of_the_program_that_has_it(self) -> None:
        self.assert_blamed(replace(END, problem=INTERNAL), "client", "internal")
        self.assert_blamed(replace(END, problem=INTERNAL, reporter="server"), "server", "internal")

    def test_a_service_that_died_and_one_that_is_there(self) -> None:
        died = replace(END, problem=SERVICE_DIED, message="localhost:8080 ended the connection without an answer.")
        gone = self.assert_blamed(replace(died, listening=False), "service", "service-died")
        self.assertIn("Nothing listens there any more.", gone.sentence)
        self.assertEqual(gone.evidence["listening"], "no")
        there = self.assert_blamed(replace(died, listening=True), "service", "service-died")
        self.assertNotIn("Nothing listens", there.sentence)

    def test_a_visitor_who_leaves(self) -> None:
        gone = replace(END, reporter="server", problem=VISITOR_GONE)
        self.assert_blamed(gone, "visitor", "visitor-gone")
        cause = self.assert_blamed(replace(gone, proxied="trusted", waited=5.0), "unknown", "visitor-gone")
        self.assertIn("or the proxy in front", cause.sentence)

    def test_a_proxy_that_loses_patience(self) -> None:
        gone = replace(END, reporter="server", problem=VISITOR_GONE, proxied="seen", waited=60.0)
        cause = self.assert_blamed(gone, "proxy", "idle-timeout")
        self.assertIn("after 60 s", cause.sentence)
        told = Told("proxy", "idle-timeout", {"waited": 60.0})
        other = self.assert_blamed(replace(END, problem=VISITOR_GONE, told=told), "proxy", "idle-timeout")
        self.assertIn("after 60 s", other.sentence)
        self.assert_blamed(replace(gone, proxied=""), "visitor", "visitor-gone")

    def test_a_handshake_that_is_none(self) -> None:
        wrong = replace(END, problem=BAD_SERVICE_RESPONSE, message="It is wrong.", what="bad-handshake")
        self.assert_blamed(wrong, "service", "bad-handshake")

    def test_an_answer_of_the_services_own(self) -> None:
        cause = self.assert_blamed(replace(END, what="gateway-error", status=504), "service", "gateway-error")
        self.assertIn("504", cause.sentence)

    def test_a_proxy_that_strips_the_upgrade(self) -> None:
        self.assert_blamed(replace(END, what="upgrade-stripped", status=426), "proxy", "upgrade-stripped")

    def test_a_host_check(self) -> None:
        self.assert_blamed(replace(END, what="host-not-allowed", status=403), "service", "host-not-allowed")

    def test_what_the_other_end_says_that_is_not_known_here(self) -> None:
        cause = self.assert_blamed(
            replace(END, problem=INTERNAL, told=Told("link", "moon-phase", {})), "link", "moon-phase"
        )
        self.assertEqual(cause.remedy, "")


class HandshakeTests(SynchronousTestCase):
    def test_each_status_has_its_advice(self) -> None:
        for status in (200, 301, 400, 401, 403, 404, 426, 500):
            cause = refused_handshake("9f3a61c2-14", status, seconds=1.0)
            self.assertEqual((cause.who, cause.what), ("service", "upgrade-refused"))
            self.assertEqual(cause.evidence, {"status": status, "seconds": 1.0})
            self.assertTrue(cause.remedy.endswith("."))
        self.assertIn("page", refused_handshake("x", 200).remedy)

    def test_a_gateway_behind_it(self) -> None:
        self.assertEqual(refused_handshake("x", 502).what, "gateway-error")

    def test_a_host_check(self) -> None:
        self.assertEqual(refused_handshake("x", 403, "host-not-allowed").what, "host-not-allowed")
