"""Words of causes: each problem has somebody to blame, and each word a remedy and a row in the document."""

import re
from pathlib import Path
from typing import get_args

from twisted.trial.unittest import SynchronousTestCase

import sellia
from sellia.problems import BAD_FRAME, IDLE_TOO_LONG, INTERNAL, NOT_ASKED, PROBLEMS, VISITOR_GONE, problem_of
from sellia.why.cause import PARTIES, Party
from sellia.why.words import (
    BLAME,
    BY_CODE,
    GOOD_CODES,
    OF_FRAMES,
    OF_PROGRAMS,
    OWNERS,
    WORDS,
    blame,
    remedy,
    word_of_close,
)

PAGE = (Path(sellia.__file__).parent.parent / "docs" / "why.rst").read_text("utf-8")


class BlameTests(SynchronousTestCase):
    def test_who_is_blamed_for_which_problem(self) -> None:
        """Of those that end no exchange, as the answers of an API, nobody is."""
        known = {*BLAME, *OF_FRAMES, *OF_PROGRAMS}
        problems = {*PROBLEMS, *(each.code for each in (VISITOR_GONE, IDLE_TOO_LONG, NOT_ASKED))}
        self.assertEqual(known - problems, set(), "a problem that there is not")
        self.assertEqual(set(BLAME.values()) - set(PARTIES), set())

    def test_every_problem_of_the_catalogue_has_somebody(self) -> None:
        undecided = {*PROBLEMS} - {*BLAME} - OF_FRAMES - OF_PROGRAMS
        self.assertEqual(undecided, set())

    def test_of_frames_it_is_the_sender(self) -> None:
        self.assertEqual(blame(BAD_FRAME, "server", "service"), "service")
        self.assertEqual(blame(BAD_FRAME, "server"), "unknown")

    def test_of_a_fault_it_is_the_program_that_has_it(self) -> None:
        self.assertEqual(blame(INTERNAL, "client"), "client")
        self.assertEqual(blame(INTERNAL), "unknown")

    def test_of_a_word_of_a_later_version_nobody_knows(self) -> None:
        self.assertEqual(blame(problem_of("moon-phase"), "client", "service"), "unknown")


class WordTests(SynchronousTestCase):
    def test_every_code_has_a_word(self) -> None:
        for code in (*range(1002, 5000), None):
            self.assertIn(word_of_close(code), WORDS, code)
        self.assertFalse(set(GOOD_CODES) & set(BY_CODE))

    def test_every_word_has_a_remedy_for_everybody(self) -> None:
        who: Party
        for who in get_args(Party):
            self.assertIn(who, OWNERS)
            for what in (*WORDS, *PROBLEMS):
                told = remedy(what, who)
                self.assertTrue(told.endswith("."), (what, told))
                self.assertNotIn("{", told)
        self.assertEqual(remedy("moon-phase", "service"), "")

    def test_no_word_is_a_problem_too(self) -> None:
        self.assertEqual(set(WORDS) & set(PROBLEMS), set())

    def test_the_document_has_a_row_for_each(self) -> None:
        table = PAGE.partition("A cause's word is")[2].partition("Evidence\n---")[0]
        self.assertEqual(set(re.findall(r"^``([a-z-]+)`` ", table, re.MULTILINE)), set(WORDS))
        table = PAGE.partition("Who\n---")[2].partition("What\n----")[0]
        self.assertEqual(tuple(re.findall(r"^``([a-z-]+)`` ", table, re.MULTILINE)), PARTIES)
