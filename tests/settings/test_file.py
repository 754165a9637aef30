"""The settings file: YAML 1.2, within bounds, and what is said of a malformed one."""

import time

from sellia.errors import SettingsError
from sellia.settings import (
    FILE_LIMIT,
    gather,
)
from sellia.settings.document import DEPTH_LIMIT
from tests.settings.cases import SettingsCase, Whole


class FileTests(SettingsCase):
    def test_empty(self) -> None:
        self.assertEqual(self.load(text="# nothing\n"), Whole())

    def test_null_is_not_given(self) -> None:
        self.assertEqual(self.load(text="port:\n").port, 80)

    def test_yaml_1_2(self) -> None:
        """`no` is a word and 010 is ten: neither is in YAML 1.1."""
        self.assertEqual(self.load(text="name: 'no'\nport: 010\n").port, 10)
        self.assertEqual(self.load(text="name: no\n").name, "no")

    def test_byte_order_mark(self) -> None:
        self.assertEqual(self.load(text="\ufeffport: 5\n").port, 5)

    def test_unknown_name(self) -> None:
        error = self.bad(text="name: x\nprot: 1\n")
        self.assertTrue(error.line.endswith(":2:1: prot is not a setting"), error.line)
        self.assertEqual(error.hint, "Did you mean port?")
        self.assertIn("port, name, key", self.bad(text="zzz: 1\n").hint)

    def test_place_of_a_nested_value(self) -> None:
        error = self.bad(text="parts:\n- port: 1\n- port: 2\n  key: 5\n")
        self.assertTrue(error.line.endswith(":4:8: parts[1].key: must be text"), error.line)
        error = self.bad(text="parts:\n- key: a\n")
        self.assertTrue(error.line.endswith(":2:3: parts[0]: port is missing"), error.line)
        error = self.bad(text="parts:\n- prot: 1\n  port: 1\n")
        self.assertEqual(error.hint, "Did you mean port?")

    def test_not_a_mapping(self) -> None:
        self.assertTrue(self.bad(text="- a\n").line.endswith(": is not a list of settings"))

    def test_larger_than_a_file_of_settings(self) -> None:
        self.assertEqual(self.load(text="port: 5\n".ljust(FILE_LIMIT, "#")).port, 5)
        error = self.bad(text="#" * (FILE_LIMIT + 1))
        self.assertTrue(error.line.endswith(" is larger than 256 KiB"), error.line)

    def test_malformed(self) -> None:
        for text in ("a: [", "a: b: c", "\tx: 1", "%FOO", "%YAML 1.3\n---\na: b", "a: 'b", "a: {b: ", "a: @b"):
            self.assertIn("is not valid YAML", self.bad(text=text).line)

    def test_aliases(self) -> None:
        """With them a few lines could be a document without end."""
        laughs = "\n".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))
        for text in ("a: &a [*a]\n", "port: &a 5\nname: *a\n", f"a0: &a0 [x]\n{laughs}\n", "a: *b"):
            self.assertIn(": an alias stands here", self.bad(text=text).line)

    def test_names_with_parts(self) -> None:
        for text in ("? [a]\n: b\n", "{a: b}: c\n", "a: &a [? *a]\n", "parts:\n  - ? {x: y}\n    : z\n"):
            error = self.bad(text=text)
            self.assertTrue(error.line.endswith(": a name has parts"), error.line)
        self.assertIn(":2:7: ", error.line)

    def test_deeper_than_anybody_means(self) -> None:
        for text in ("[" * 600, "a: " + "{b: " * 600, "- " * 600, "? " * 600, "[a: " * 600, "- " + "[" * 600):
            self.assertRegex(self.bad(text=text).faults[-1].line, r":1:[0-9]+: nested too deeply$")
        error = self.bad(text="port: 1\nparts:\n- port: 2\n  key: " + "[" * 600)
        self.assertTrue(error.line.endswith(":4:21: nested too deeply"), error.line)

    def test_as_deep_as_may_be(self) -> None:
        """One level is the mapping of all settings."""
        for deep in ("port: " + "[" * (DEPTH_LIMIT - 1), "parts:\n  - port: " + "[" * (DEPTH_LIMIT - 3)):
            closed = deep + "]" * deep.count("[")
            self.assertIn("port: must be", self.bad(text=closed).line)
            self.assertIn("nested too deeply", self.bad(text=deep + "[").line)

    def test_a_hostile_file_is_refused_soon(self) -> None:
        """Nesting is found where it gets too deep, not when all of it has been read."""
        before = time.process_time()
        for text in ("[" * 5000, "port: " + "{a: " * 5000, "- " * 100_000, "? [" * 50_000, "[" * FILE_LIMIT):
            self.assertIn("nested too deeply", self.bad(text=text).faults[-1].line)
        self.assertLess(time.process_time() - before, 0.1)

    def test_no_code_runs(self) -> None:
        self.bad(text="name: !!python/object/apply:os.system ['exit 1']\n")

    def test_given_twice(self) -> None:
        error = self.bad(text="key: SECRET\nkey: SECRET\n")
        self.assertTrue(error.line.endswith(":2:1: a key is given twice, the first time on line 1"), error.line)

    def test_missing_file(self) -> None:
        given = {"flags": {}, "environment": {}, "config": "/nowhere.yaml"}
        error = self.assertRaises(SettingsError, gather, **given)
        self.assertEqual(error.line, "--config: cannot read /nowhere.yaml: No such file or directory")
