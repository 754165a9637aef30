"""Tables for people: columns that fit, and nothing from outside that a terminal would act on."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.admin.table import day_time, table


class TableTests(SynchronousTestCase):
    def test_columns(self) -> None:
        text = table(("ID", "NAMES", "N"), (("a", ["x", "y"], 1), ("longer", [], None)))
        self.assertEqual(text, "ID      NAMES  N\na       x, y   1\nlonger  -      -")

    def test_what_comes_from_outside(self) -> None:
        text = table(("A", "B"), (("\x1b[31m\u202e", "b"), ("x" * 200, "b")))
        self.assertNotIn("\x1b", text)
        self.assertLess(max(map(len, text.splitlines())), 90)

    def test_wide_letters(self) -> None:
        lines = table(("A", "B"), (("\u65e5\u672c", "b"), ("xxxx", "b"))).splitlines()
        self.assertEqual(lines, ["A     B", "\u65e5\u672c  b", "xxxx  b"])

    def test_times(self) -> None:
        self.assertEqual(day_time("2027-01-31T12:34:56.789Z"), "2027-01-31 12:34")
        self.assertEqual(day_time(None), "")
