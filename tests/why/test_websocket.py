"""Who is blamed for the end of a WebSocket, by what one end of the link knows of it."""

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import (
    BAD_FRAME,
    CLIENT_GONE,
    FRAME_TOO_LARGE,
    INTERNAL,
    OVERLOADED,
    SERVER_DRAINING,
    SERVICE_DIED,
    SESSION_EXPIRED,
    VISITOR_GONE,
)
from sellia.why.cause import Cause
from sellia.why.websocket import PING_WAIT, Told, WebSocketEnd, idle_time, websocket_cause

SERVICE = WebSocketEnd("9f3a61c2-14", "client", "service", seconds=12.0)
VISITOR = replace(SERVICE, here="server", by="visitor")
DROPPED = replace(VISITOR, dropped=True, silent_in=7.0, silent_out=9.0)


class CaseOfEnds(SynchronousTestCase):
    def cause(self, end: WebSocketEnd) -> Cause:
        cause = websocket_cause(end)
        assert cause is not None
        self.assertTrue(cause.sentence.endswith("."), cause.sentence)
        self.assertNotIn("{", cause.sentence + cause.remedy)
        return cause

    def assert_blamed(self, end: WebSocketEnd, who: str, what: str) -> Cause:
        cause = self.cause(end)
        self.assertEqual((cause.who, cause.what), (who, what))
        return cause


class CodeTests(CaseOfEnds):
    """The codes of close frames, as the troubleshooting page lists them."""

    def test_1000_and_1001_are_good(self) -> None:
        for end in (SERVICE, VISITOR):
            for code in (1000, 1001):
                self.assertIsNone(websocket_cause(replace(end, code=code, reason="bye")))

    def test_1001_of_a_client_that_stops_is_not_an_end_by_one_of_them(self) -> None:
        gone = replace(VISITOR, by="client", code=1001, reason="client-gone: stopped", problem=CLIENT_GONE)
        cause = self.assert_blamed(gone, "client", "client-gone")
        self.assertEqual(cause.evidence["frame_by"], "client")

    def test_others_are_their_senders(self) -> None:
        words = {
            1002: "protocol-error",
            1003: "unsupported-data",
            1007: "invalid-data",
            1008: "policy-violation",
            1009: "message-too-big",
            1010: "extension-missing",
            1011: "internal-error",
            1012: "service-restart",
            1013: "try-again-later",
            1014: "bad-gateway",
            3000: "unauthorized-close",
            3999: "own-code",
            4001: "own-code",
            None: "no-status",
        }
        for code, word in words.items():
            for end, who in ((SERVICE, "service"), (VISITOR, "visitor")):
                cause = self.assert_blamed(replace(end, code=code, reason="because" if code else ""), who, word)
                self.assertEqual(cause.evidence.get("code"), code)
                self.assertTrue(cause.remedy, word)

    def test_1012_of_the_server_is_the_servers(self) -> None:
        """At the client it is told by the server, and at the server it is its own."""
        stops = replace(VISITOR, by="server", code=1012, problem=SERVER_DRAINING, reason=SERVER_DRAINING.close_reason())
        self.assert_blamed(stops, "server", "server-draining")
        self.assert_blamed(replace(stops, here="client"), "server", "server-draining")

    def test_one_that_reads_like_ours_and_that_nobody_says_is(self) -> None:
        """An older peer, or one of the original dialect, cannot say whose it was; a visitor may have written it."""
        cause = self.assert_blamed(
            replace(VISITOR, code=1012, reason=SERVER_DRAINING.close_reason()), "unknown", "looks-like-sellia"
        )
        self.assertIn("does not say so", cause.sentence)
        other = replace(VISITOR, code=1011, reason=SERVER_DRAINING.close_reason())
        self.assert_blamed(other, "visitor", "internal-error")


class DroppedTests(CaseOfEnds):
    """1006: nobody sends it, and it is a connection that was lost without a close frame."""

    def test_by_a_visitor_that_is_there_itself(self) -> None:
        cause = self.assert_blamed(replace(DROPPED, how="it ended in order, with FIN"), "visitor", "dropped")
        self.assertEqual(cause.evidence["how"], "it ended in order, with FIN")
        self.assertEqual(cause.evidence["silent_in"], 7.0)
        self.assertEqual(cause.evidence["silent_out"], 9.0)

    def test_behind_a_proxy_it_is_not_known_whose_it_was(self) -> None:
        for proxied in ("trusted", "seen"):
            cause = self.assert_blamed(replace(DROPPED, proxied=proxied), "unknown", "dropped")
            self.assertIn("proxy", cause.sentence)
            self.assertIn("proxy", cause.evidence)

    def test_an_idle_time_out_of_a_proxy(self) -> None:
        """Nginx drops a WebSocket after a minute in which nothing has passed either way."""
        idle = replace(DROPPED, proxied="trusted", silent_in=59.4, silent_out=80.0)
        cause = self.assert_blamed(idle, "proxy", "idle-timeout")
        self.assertIn("after 60 s of silence", cause.sentence)
        self.assert_blamed(replace(idle, silent_out=3.0), "unknown", "dropped")

    def test_an_idle_time_out_of_somebody_who_is_not_seen(self) -> None:
        cause = self.assert_blamed(replace(DROPPED, silent_in=59.4, silent_out=80.0), "unknown", "idle-timeout")
        self.assertIn("ping", cause.remedy)

    def test_by_a_service(self) -> None:
        died = replace(SERVICE, dropped=True)
        self.assert_blamed(died, "service", "dropped")
        ended = self.assert_blamed(replace(died, listening=False, counts={"undelivered": 3}), "service", "dropped")
        self.assertIn("Nothing listens", ended.sentence)
        self.assertIn("3 frames did not reach it", ended.sentence)
        self.assertIn("Start the service", ended.remedy)
        self.assertEqual(ended.evidence["listening"], "no")
        self.assertEqual(self.cause(replace(died, listening=True)).evidence["listening"], "yes")

    def test_by_a_service_that_was_idle_for_long(self) -> None:
        idle = replace(SERVICE, dropped=True, silent_in=29.5, silent_out=29.5)
        self.assert_blamed(idle, "service", "idle-timeout")
        self.assert_blamed(replace(idle, listening=False), "service", "dropped")

    def test_by_a_service_whose_ping_nobody_answered(self) -> None:
        for end in (replace(SERVICE, dropped=True), replace(SERVICE, code=1011, reason="keepalive ping timeout")):
            late = replace(end, pings_unanswered=1, silent_in=PING_WAIT)
            self.assert_blamed(late, "visitor", "ping-timeout")
            self.assertEqual(self.cause(late).evidence["pings_unanswered"], 1)
            self.assertEqual(self.cause(replace(late, silent_in=PING_WAIT - 1)).who, "service")

    def test_by_a_service_while_the_link_is_away(self) -> None:
        """It may have waited in vain for what the link held back, or have ended by itself."""
        late = replace(SERVICE, dropped=True, silent_in=20.0, linked=False)
        self.assertEqual(self.assert_blamed(late, "unknown", "link-away").evidence["link"], "away")
        self.assert_blamed(replace(late, listening=False), "service", "dropped")

    def test_how_long_a_silence_must_be(self) -> None:
        for silent, idle in ((58.6, None), (58.7, 60.0), (60.0, 60.0), (60.3, 60.0), (60.4, None), (0.0, None)):
            self.assertEqual(idle_time(silent), idle, silent)


class SelliaTests(CaseOfEnds):
    """Ends that Sellia has made."""

    def test_a_frame_that_broke_a_rule_is_its_senders(self) -> None:
        bad = replace(SERVICE, code=1002, reason="bad-frame: it was", problem=BAD_FRAME, sender="service")
        self.assertIn("It was.", self.assert_blamed(bad, "service", "bad-frame").sentence)

    def test_a_limit_that_was_reached(self) -> None:
        reason = "frame-too-large: a frame of more than 16 MiB; websocket.frame_size in the server's settings"
        large = replace(VISITOR, by="server", code=1009, reason=reason, problem=FRAME_TOO_LARGE, sender="visitor")
        cause = self.assert_blamed(large, "visitor", "frame-too-large")
        self.assertIn("16 MiB; websocket.frame_size in the server's settings", cause.sentence)

    def test_the_link(self) -> None:
        expired = replace(SERVICE, by="server", reason="session-expired", problem=SESSION_EXPIRED)
        self.assert_blamed(expired, "link", "session-expired")

    def test_a_fault_is_that_of_the_program_that_has_it(self) -> None:
        for problem in (INTERNAL, OVERLOADED):
            for program in ("server", "client"):
                end = replace(SERVICE, by=program, reason=problem.code, problem=problem)  # type: ignore[arg-type]
                self.assert_blamed(end, program, problem.code)

    def test_a_visitor_who_reads_nothing(self) -> None:
        reason = "unread: nothing taken for 60 s; timeouts.unread in the server's settings"
        self.assert_blamed(replace(VISITOR, by="server", reason=reason), "visitor", "unread")

    def test_a_visitor_that_has_gone(self) -> None:
        self.assert_blamed(replace(VISITOR, here="client", problem=VISITOR_GONE), "visitor", "dropped")

    def test_a_service_that_has_died(self) -> None:
        self.assert_blamed(replace(SERVICE, here="server", problem=SERVICE_DIED), "service", "service-died")


class ToldTests(CaseOfEnds):
    def test_the_end_that_saw_it_first_is_believed(self) -> None:
        told = Told("proxy", "idle-timeout", {"silent": 59.5, "how": "it ended in order, with FIN"})
        cause = self.assert_blamed(replace(DROPPED, here="client", told=told), "proxy", "idle-timeout")
        self.assertIn("after 60 s of silence", cause.sentence)
        self.assertEqual(cause.evidence["how"], "it ended in order, with FIN")

    def test_a_word_of_a_later_version(self) -> None:
        cause = self.assert_blamed(replace(DROPPED, told=Told("service", "moon-phase", {})), "service", "moon-phase")
        self.assertEqual(cause.remedy, "")
        self.assertIn("dropped the connection", cause.sentence)
