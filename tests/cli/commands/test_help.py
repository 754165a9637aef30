"""``sellia help``: every code of the catalogue is explained, offline."""

from sellia.cli.exits import Exit
from sellia.problems import PROBLEMS
from tests.cli.case import CommandCase


class HelpTests(CommandCase):
    def test_every_code(self) -> None:
        listed = self.invoke("help")
        for problem in PROBLEMS.values():
            self.assertIn(f"{problem.code} ", listed)
            shown = self.invoke("help", problem.code)
            self.assertIn(problem.sentence, shown)
            self.assertIn(problem.remedy, shown)
            if problem.status is not None:
                self.assertIn(str(problem.status), shown)
            if problem.close_code is not None:
                self.assertIn(str(problem.close_code), shown)

    def test_as_it_stands_in_a_close_reason(self) -> None:
        self.assertEqual(self.invoke("help", "Client-Gone:"), self.invoke("help", "client-gone"))

    def test_mistyped(self) -> None:
        self.assertIn("Did you mean name-taken?", self.invoke("help", "name-takn", status=Exit.USAGE))
