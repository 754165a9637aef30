"""The catalogue of problems is sound, and the documentation has it word for word."""

from __future__ import annotations

import ast
import re
from http import HTTPStatus
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia import problems
from sellia.problems import (
    CLOSE_REASON_LIMIT,
    IDLE_TOO_LONG,
    INTERNAL,
    NAME_TAKEN,
    NO_SUCH_TUNNEL,
    NOT_ASKED,
    PROBLEMS,
    RESPONSE_COMPLETE,
    SERVICE_DIED,
    VISITOR_GONE,
    Problem,
    problem_of,
)

#: Problems of streams that answer nobody.
RESETS = (VISITOR_GONE, RESPONSE_COMPLETE, IDLE_TOO_LONG, NOT_ASKED)

#: Names of settings that are spelled as codes are.
SETTINGS = {"request-timeout"}

DOCUMENT = Path(__file__).parent.parent / "docs" / "errors.rst"

SECTION = re.compile(
    r"^\.\. _error-(?P<label>[a-z-]+):\n\n"
    r"``(?P<word>[a-z-]+)``\n"
    r"~+\n\n"
    r":HTTP status: (?P<status>\w+)\n"
    r":Close code: (?P<close_code>\w+)\n"
    r":Cause: (?P<cause>.*?)\n"
    r":Remedy: (?P<remedy>.*?)\n(?:\n|\Z)",
    re.MULTILINE | re.DOTALL,
)


class CatalogueTests(SynchronousTestCase):
    def test_every_constant_is_in_it_under_its_code(self) -> None:
        constants = {name: value for name, value in vars(problems).items() if isinstance(value, Problem)}
        self.assertEqual(set(constants.values()), {*PROBLEMS.values(), *RESETS})
        for name, problem in constants.items():
            self.assertEqual(name, problem.code.upper().replace("-", "_"))
            self.assertIs(problem_of(problem.code), problem)

    def test_every_constant_is_used(self) -> None:
        package = Path(problems.__file__).parent
        used = "\n".join(
            path.read_text("utf-8") for path in package.rglob("*.py") if not path.name.endswith("problems.py")
        )
        names = [name for name, value in vars(problems).items() if isinstance(value, Problem)]
        self.assertEqual([name for name in names if not re.search(rf"\b{name}\b", used)], [])

    def test_no_code_stands_bare_in_the_source(self) -> None:
        """A mistyped constant is an error of types; a mistyped word would be ``internal``, at run time."""
        package = Path(problems.__file__).parent
        codes = {*PROBLEMS, *(problem.code for problem in RESETS)} - {"internal", "forbidden", "overloaded"} - SETTINGS
        found = [
            f"{path}:{node.lineno}: {node.value}"
            for path in sorted(package.rglob("*.py"))
            if not path.name.endswith("problems.py")
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.partition(":")[0] in codes
        ]
        self.assertEqual(found, [])

    def test_words_of_peers(self) -> None:
        """Those that this version does not know are kept, and answered as ``internal``."""
        strange = problem_of("moon-phase")
        self.assertEqual((strange.code, strange.status, strange.close_code), ("moon-phase", None, None))
        self.assertEqual(strange, problem_of("moon-phase"))
        self.assertNotEqual(strange, problem_of("moon-phases"))
        self.assertNotIn("moon-phase", PROBLEMS)

    def test_answers(self) -> None:
        self.assertIs(SERVICE_DIED.answer, SERVICE_DIED)
        for problem in (*RESETS, NAME_TAKEN, problem_of("moon-phase")):
            self.assertIs(problem.answer, INTERNAL)

    def test_resets_are_in_the_protocol(self) -> None:
        document = (DOCUMENT.parent / "protocol.rst").read_text("utf-8")
        for problem in RESETS:
            row = re.search(rf"^``{problem.code}`` +(.*)$", document, re.MULTILINE)
            assert row is not None, problem.code
            self.assertEqual(row[1].lower(), problem.sentence.lower().rstrip("."))

    def test_every_problem_can_be_told(self) -> None:
        """Each has a real status or a legal close code, and two sentences on one line each."""
        for problem in PROBLEMS.values():
            self.assertRegex(problem.code, r"\A[a-z]+(-[a-z]+)*\Z")
            self.assertTrue(problem.status or problem.close_code, problem.code)
            if problem.status is not None:
                self.assertGreaterEqual(HTTPStatus(problem.status), 400)
            self.assertIn(problem.close_code, (None, 1001, 1002, 1008, 1009, 1011, 1012, 1013))
            for sentence in (problem.sentence, problem.remedy):
                self.assertRegex(sentence, r"\A[A-Z][^\n]+\.\Z")

    def test_documentation_has_them_word_for_word_and_in_order(self) -> None:
        documented = [
            (
                found["label"],
                found["word"],
                found["status"],
                found["close_code"],
                joined(found["cause"]),
                joined(found["remedy"]),
            )
            for found in SECTION.finditer(DOCUMENT.read_text(encoding="utf-8"))
        ]
        catalogue = [
            (
                word,
                word,
                str(problem.status or "none"),
                str(problem.close_code or "none"),
                problem.sentence,
                problem.remedy,
            )
            for word, problem in PROBLEMS.items()
        ]
        self.assertEqual(documented, catalogue)

    def test_documentation_mentions_no_other_word(self) -> None:
        sections = re.findall(r"^\.\. _error-(.*):$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
        self.assertEqual(sections, list(PROBLEMS))

    def test_close_reason_opens_with_the_code(self) -> None:
        self.assertEqual(SERVICE_DIED.close_reason("It crashed."), "service-died: It crashed.")
        self.assertEqual(NO_SUCH_TUNNEL.close_reason(), "no-such-tunnel: No tunnel has this name.")

    def test_close_reason_fits_in_a_close_frame(self) -> None:
        """It is cut to 123 octets, never in the middle of a character."""
        for detail in ("x" * 200, "\N{SNOWMAN}" * 200, "a\N{SNOWMAN}" * 200, "\udc80" * 200):
            octets = SERVICE_DIED.close_reason(detail).encode("utf-8")
            self.assertLessEqual(len(octets), CLOSE_REASON_LIMIT)
            self.assertGreater(len(octets), CLOSE_REASON_LIMIT - 4)
        for problem in PROBLEMS.values():
            self.assertTrue(problem.close_reason().startswith(problem.code + ": "))


def joined(text: str) -> str:
    """Text that the document breaks into lines, as one line."""
    return " ".join(text.split())
