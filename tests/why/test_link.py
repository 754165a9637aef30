"""Who is blamed for a link that was lost, and for what a server refuses."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.problems import FORBIDDEN, NAME_TAKEN, OVERLOADED, RATE_LIMITED, WRONG_KEY, problem_of
from sellia.why.link import link_cause, opening_cause, refusal_cause


class LinkTests(SynchronousTestCase):
    def test_by_what_it_says(self) -> None:
        for reason, who, what in (
            ("nothing came from the other side for 15 s", "link", "link-silent"),
            ("the other side closed it with code 1012: server-draining", "server", "link-closed"),
            ("the connection broke off: the other side, or a device between, reset it", "unknown", "link-lost"),
            ("the connection broke off", "unknown", "link-lost"),
            ("the machine has slept", "client", "slept"),
            ("localhost:3000 refused the connection", "unknown", "link-failed"),
        ):
            cause = link_cause("9f3a61c2-l1", reason, "client", streams=3)
            self.assertEqual((cause.who, cause.what), (who, what), reason)
            self.assertEqual(cause.evidence["streams"], 3)
            self.assertTrue(cause.sentence.endswith("."))
            self.assertTrue(cause.remedy.endswith("."))

    def test_silence_is_in_the_evidence(self) -> None:
        cause = link_cause("9f3a61c2-l1", "nothing came from the other side for 15 s", "server")
        self.assertEqual(cause.evidence, {"silent": 15, "pings": "unanswered"})
        self.assertIn("from the client", cause.sentence)

    def test_a_close_is_the_other_programs(self) -> None:
        cause = link_cause("9f3a61c2-l1", "the other side closed it with code 1000: goodbye", "server")
        self.assertEqual((cause.who, cause.evidence["code"]), ("client", 1000))


class RefusalTests(SynchronousTestCase):
    def test_whose_doing_it_is(self) -> None:
        for problem, who in ((WRONG_KEY, "client"), (NAME_TAKEN, "client"), (RATE_LIMITED, "visitor")):
            cause = refusal_cause("x", problem, "No.", name="demo")
            self.assertEqual((cause.who, cause.what, cause.sentence), (who, problem.code, "No."))
            self.assertEqual((cause.remedy, cause.evidence), (problem.remedy, {"name": "demo"}))
        self.assertEqual(refusal_cause("x", OVERLOADED, "").who, "server")

    def test_no_visitor_has_to_do_with_a_tunnel_that_is_refused(self) -> None:
        for problem, who in ((FORBIDDEN, "client"), (OVERLOADED, "server")):
            self.assertEqual(opening_cause("x", problem, "").who, who)

    def test_a_word_of_a_later_version(self) -> None:
        cause = refusal_cause("x", problem_of("moon-phase"), "")
        self.assertEqual((cause.who, cause.sentence), ("unknown", "The server refused it: moon-phase."))
