"""Groups of settings in the file, and the flat names of before."""

import os

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import FAULTS_SHOWN, SettingsError
from sellia.settings import Count, Settings, check, gather, setting
from sellia.settings.check import EXPLAINED


class Grouped(Settings):
    """Settings at three depths, and one with a list of its own."""

    RENAMED = {"breadth": "width", "size.tallness": "height"}

    name: str = setting("nobody", "A name.")
    width: Count = setting(1, "A width.", path="size.width")
    height: Count = setting(2, "A height.", path="size.height")
    burst: Count = setting(3, "A burst.", path="rates.requests.burst")
    items: tuple[Count, ...] = setting((), "Items.", path="size.items")


class GroupTests(SynchronousTestCase):
    def load(self, text: str) -> Grouped:
        path = os.path.abspath(self.mktemp())
        with open(path, "w") as file:
            file.write(text)
        return check(Grouped, gather(Grouped, flags={}, environment={}, config=path))

    def bad(self, text: str) -> SettingsError:
        return self.assertRaises(SettingsError, self.load, text)

    def test_groups(self) -> None:
        loaded = self.load("name: x\nsize:\n  width: 5\n  height: 6\nrates: {requests: {burst: 7}}\n")
        self.assertEqual((loaded.name, loaded.width, loaded.height, loaded.burst), ("x", 5, 6, 7))
        self.assertEqual(loaded.cautions, ())

    def test_old_path(self) -> None:
        loaded = self.load("size: {tallness: 6}\n")
        self.assertEqual(loaded.height, 6)
        (caution,) = loaded.cautions
        self.assertTrue(
            caution.endswith(" size.tallness is called size.height now; the next version refuses the old name.")
        )

    def test_empty(self) -> None:
        self.assertEqual(self.load("size:\nrates: {requests: }\n"), Grouped())
        self.assertEqual(self.load("size: {width: }\n"), Grouped())

    def test_place_of_a_wrong_value(self) -> None:
        self.assertTrue(
            self.bad("size:\n  width: x\n").line.endswith(":2:10: size.width: must be a valid integer, not x")
        )
        self.assertIn(":3:4: size.items[1]: must be", self.bad("size:\n  items: [1,\n   0]\n").line)

    def test_unknown_name_in_a_group(self) -> None:
        error = self.bad("size:\n  hight: 1\n")
        self.assertTrue(error.line.endswith(":2:3: size.hight is not a setting"), error.line)
        self.assertEqual(error.hint, "Did you mean size.height?")
        self.assertEqual(self.bad("size: {zzz: 1}").hint, "The settings are: size.width, size.height, size.items.")
        self.assertIn("rates.requests.zzz is not a setting", self.bad("rates: {requests: {zzz: 1}}").line)

    def test_name_of_a_group_that_is_misspelt(self) -> None:
        self.assertEqual(self.bad("heigt: 1\n").hint, "Did you mean size.height?")
        self.assertEqual(self.bad("size_height: 1\n").hint, "Did you mean size.height?")
        self.assertEqual(self.bad("sizes: {width: 1}\n").hint, "Did you mean size?")
        self.assertEqual(self.bad("rates: {request: {burst: 1}}\n").hint, "Did you mean rates.requests?")

    def test_not_more_than_anybody_reads(self) -> None:
        error = self.bad("size:\n" + "".join(f"  k{number}: 1\n" for number in range(EXPLAINED + 50)))
        self.assertEqual(len(error.faults), EXPLAINED)
        self.assertEqual(len(str(error).splitlines()), 2 * FAULTS_SHOWN + 1)
        self.assertTrue(str(error).endswith(f"\nand {EXPLAINED - FAULTS_SHOWN} more faults"))

    def test_a_group_has_settings(self) -> None:
        for text in ("size: 1\n", "size: [width]\n", "rates: {requests: 5}\n"):
            error = self.bad(text)
            self.assertTrue(error.line.endswith(": is a group of settings"), error.line)
            self.assertIn("two spaces", error.hint)

    def test_flat_name(self) -> None:
        loaded = self.load("name: x\nheight: 6\n")
        self.assertEqual(loaded.height, 6)
        [caution] = loaded.cautions
        self.assertTrue(
            caution.endswith(":2:1: height is called size.height now; the next version refuses the old name.")
        )

    def test_name_of_before(self) -> None:
        loaded = self.load("breadth: 6\n")
        self.assertEqual(loaded.width, 6)
        self.assertIn("breadth is called size.width now", loaded.cautions[0])
        self.assertTrue(self.bad("breadth: x\n").line.endswith(":1:10: breadth: must be a valid integer, not x"))

    def test_given_under_two_names(self) -> None:
        for text in ("height: 6\nsize: {height: 6}\n", "size: {height: 6}\nheight: 6\n", "width: 1\nbreadth: 1\n"):
            error = self.bad(text)
            self.assertIn("is the same setting as", error.line)

    def test_names_that_are_no_text(self) -> None:
        self.assertIn("5 is not a setting", self.bad("size: {5: 1}\n").line)
