"""Values with their origins, and what is found while they are gathered."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SettingsError
from sellia.settings import Findings, Given, Origin, Rank


class OriginTests(SynchronousTestCase):
    def test_places(self) -> None:
        for origin, where, whole in (
            (Origin(Rank.FLAG, "--port"), "--port", "--port"),
            (Origin(Rank.ENVIRONMENT, "T_FILE", "/x"), "T_FILE", "T_FILE"),
            (Origin(Rank.USER, "a.b", "/x\x1b", 3, 4), "/x\\x1b:3:4", "/x\\x1b:3:4: a.b"),
            (Origin(Rank.FILE, "", "/x"), "/x", "/x"),
            (Origin(Rank.DEFAULT), "default", "default"),
        ):
            self.assertEqual((origin.where, str(origin)), (where, whole))

    def test_ranks_of_files(self) -> None:
        self.assertEqual([rank.name for rank in Rank if rank.is_file], ["SYSTEM", "USER", "PROJECT", "FILE"])


class GivenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.inner = Given(5, Origin(Rank.USER, "a[0].b", "u", 1, 1))
        self.item = Given.of({"b": self.inner, "c": Given(None, self.inner.origin)}, Origin(Rank.USER, "a[0]", "u"))
        self.whole = Given.of([self.item], Origin(Rank.PROJECT, "a", "p"))

    def test_parts_keep_their_origins(self) -> None:
        self.assertEqual(self.whole.value, [{"b": 5, "c": None}])
        self.assertEqual((self.whole.rank, self.whole.path, self.whole.at((0, "b")).path), (Rank.PROJECT, "p", "u"))
        self.assertEqual(list(self.item.inside()), ["b"], "null is not given")
        self.assertEqual(self.whole.inside(), {})

    def test_the_last_part_on_the_way(self) -> None:
        self.assertIs(self.whole.at((0, "b")), self.inner)
        self.assertIs(self.whole.at((0, "x")), self.item)
        self.assertIs(self.whole.at((7,)), self.whole)


class FindingsTests(SynchronousTestCase):
    def test_in_the_order_of_lines(self) -> None:
        findings = Findings()
        findings.raise_any()
        for line in (30, 4):
            with findings.collecting():
                raise Origin(Rank.USER, "x", "u", line, 1).fault("is wrong", "Mend it.")
        findings.add(Origin(Rank.FLAG, "--x").fault("is wrong"))
        error = self.assertRaises(SettingsError, findings.raise_any)
        self.assertEqual(
            [each.line for each in error.faults], ["--x: is wrong", "u:4:1: x: is wrong", "u:30:1: x: is wrong"]
        )
        self.assertEqual(str(error).splitlines()[1:3], ["u:4:1: x: is wrong", "Hint: Mend it."])
        again = Findings()
        again.add(error)
        self.assertEqual(len(again.faults), 3)
