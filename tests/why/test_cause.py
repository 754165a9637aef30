"""The record of an end: its bounds, its id, and what JSON and people read of it."""

import json
from typing import get_args

from twisted.trial.unittest import SynchronousTestCase

from sellia.why.cause import EVIDENCE, FACT_SHOWN, PARTIES, Cause, Party, blamed, cause_id, facts


class CauseTests(SynchronousTestCase):
    def test_json_has_the_names_that_scripts_rely_on(self) -> None:
        cause = Cause("9f3a61c2-14", "service", "service-died", "It died.", "Look.", facts(bytes_in=3, code="x"))
        self.assertEqual(
            json.loads(json.dumps(cause.as_json())),
            {
                "id": "9f3a61c2-14",
                "who": "service",
                "what": "service-died",
                "sentence": "It died.",
                "remedy": "Look.",
                "evidence": {"bytes_in": 3, "code": "x"},
            },
        )

    def test_everybody_who_can_be_blamed_has_words(self) -> None:
        words = {party: blamed(party) for party in get_args(Party)}
        self.assertEqual(tuple(words), PARTIES)
        self.assertEqual(words["service"], "the service")
        self.assertEqual(words["unknown"], "nobody knows who")
        self.assertEqual(words["proxy"], "a proxy in front")

    def test_ids(self) -> None:
        """Both ends make the same one, of what both know."""
        self.assertEqual(cause_id("9f3a61c2", 14), "9f3a61c2-14")
        self.assertEqual(cause_id("9f3a61c2", 14, "n"), "9f3a61c2-n14")
        self.assertEqual(cause_id("", 14), "--14")


class FactTests(SynchronousTestCase):
    def test_what_is_not_known_is_no_fact(self) -> None:
        self.assertEqual(facts(code=None, reason="", bytes_in=0), {"bytes_in": 0})

    def test_texts_are_short_and_without_secrets(self) -> None:
        told = facts(reason="x" * 10_000, other="token=abcdef \x1b[2J")
        self.assertEqual(len(str(told["reason"])), FACT_SHOWN + 1)
        self.assertEqual(told["other"], "token=… \\x1b[2J")

    def test_there_are_few(self) -> None:
        self.assertEqual(len(facts(**{f"fact{n}": n for n in range(EVIDENCE + 10)})), EVIDENCE)
