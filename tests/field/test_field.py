"""The field tests themselves: what is declared, how outcomes are compared, and the table."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.field.__main__ import known
from tests.field.install import Pip, Requirement, Unavailable, command
from tests.field.play import Result, compare
from tests.field.program import Kit, Outcome, Program, Way, outcome_of
from tests.field.table import BEGIN, DOCUMENT, escaped, lines, read_rows, write


def serve(kit: Kit) -> int:
    return 0


def visit(way: Way) -> Outcome:
    return {}


PROGRAM = Program("one", "One", "a page", serve, visit, better={"page": "as it should be"})


def result(**outcomes: Outcome) -> Result:
    return Result("one", "One", "a page", outcomes=outcomes, cuts=2)


class DeclarationTests(SynchronousTestCase):
    def test_names(self) -> None:
        """Every program has a name that a host name may have, and a title of its own."""
        programs = known()
        self.assertGreater(len(programs), 35)
        for name, program in programs.items():
            self.assertRegex(name, r"^[a-z0-9-]+$")
            self.assertEqual(name, program.name)
        self.assertEqual(len({program.title for program in programs.values()}), len(programs))

    def test_the_document_has_every_program(self) -> None:
        """A program that is declared has been played, and its row is in the table; no row is of one that has gone."""
        self.assertEqual(set(read_rows(DOCUMENT.read_text())), {escaped(each.title) for each in known().values()})


class CompareTests(SynchronousTestCase):
    def test_equal(self) -> None:
        """Equal outcomes are no trouble."""
        played = result(direct={"page": 200}, tunnel={"page": 200}, cut={"page": 200})
        compare(PROGRAM, played)
        self.assertEqual(played.troubles, [])
        self.assertEqual((played.cell("tunnel"), played.cell("cut")), ("the same", "the same, 2 cuts"))

    def test_different(self) -> None:
        """An entry that differs, or is missing, is a trouble that names the play and both values."""
        played = result(direct={"frames": 3}, tunnel={"frames": 2}, cut={})
        compare(PROGRAM, played)
        self.assertEqual(played.troubles, ["tunnel: frames is 2, directly 3", "cut: frames is None, directly 3"])

    def test_better(self) -> None:
        """A difference that is declared is a note."""
        played = result(direct={"page": 502}, tunnel={"page": 200}, cut={"page": 200})
        compare(PROGRAM, played)
        self.assertEqual(played.troubles, [])
        self.assertEqual(played.notes, "page: as it should be")

    def test_no_cut(self) -> None:
        """A visit during which no link was cut has not shown what it is there for."""
        played = result(direct={}, tunnel={}, cut={})
        played.cuts = 0
        compare(PROGRAM, played)
        self.assertEqual(played.troubles, ["cut: no link was there to be cut"])

    def test_outcome_of_a_program(self) -> None:
        self.assertEqual(outcome_of('connected\n{"page": 200}\n'), {"page": 200})


class TableTests(SynchronousTestCase):
    def document(self) -> Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "field.rst"
        path.write_text(f"Title\n=====\n\n{BEGIN}\n")
        return path

    def test_rows_are_kept(self) -> None:
        """A run writes the rows of what it has played, and leaves the others."""
        path = self.document()
        first = result(direct={"page": "`Unauthorized`"})
        second = Result("two", "Two", "a file", outcomes={"direct": {"file": "a*b"}})
        write([first], path)
        write([second], path)
        first.outcomes["direct"] = {"page": 200}
        write([first], path)
        found = read_rows(path.read_text())
        self.assertEqual([row[3] for row in found.values()], ["page: 200", r"file: a\*b"])
        self.assertTrue(path.read_text().startswith("Title\n"))

    def test_a_skip_does_not_overwrite(self) -> None:
        """What was found where the program could be installed stays."""
        path = self.document()
        write([result(direct={"page": 200})], path)
        write([Result("one", "One", "a page", verdict="skipped", troubles=["not root"])], path)
        self.assertEqual(read_rows(path.read_text())["One"][3], "page: 200")

    def test_lines(self) -> None:
        """Every trouble is shown below its program."""
        played = result(direct={"page": 200})
        played.troubles = ["tunnel: gone"]
        self.assertIn("         ! tunnel: gone", lines([played]))


class InstallTests(SynchronousTestCase):
    def test_reasons(self) -> None:
        """What cannot be had says why in one line: not there, failed, or not in time."""
        folder = Path(tempfile.gettempdir())
        cases = [
            (["no-such-program-of-ours"], 5.0, "no-such-program-of-ours is not installed"),
            (["sh", "-c", "echo no room; exit 1"], 5.0, "failed: no room"),
            (["sleep", "30"], 0.1, "took more than 0.1 s"),
        ]
        for argv, deadline, reason in cases:
            error = self.assertRaises(Unavailable, command, argv, folder, deadline)
            self.assertIn(reason, str(error))

    def test_cached(self) -> None:
        """An installation is made once for each requirement, and anew when the requirement changes."""
        made: list[str] = []

        class Counted(Requirement):
            def __repr__(self) -> str:
                return f"Counted {len(made) // 3}"

            def install(self, folder: Path) -> None:
                made.append(folder.name)

        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        home = Path(folder.name)
        Counted().ensure("one", home)
        Counted().ensure("one", home)
        self.assertEqual(made, ["one"])
        made += ["", ""]
        Counted().ensure("one", home)
        self.assertEqual(len(made), 4)

    def test_requirements_are_values(self) -> None:
        self.assertEqual(Pip("a==1"), Pip("a==1"))
        self.assertNotEqual(repr(Pip("a==1")), repr(Pip("a==2")))
