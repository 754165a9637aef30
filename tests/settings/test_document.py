"""Documents: YAML 1.2's core schema, positions, and what is refused; ruamel.yaml reads the same."""

import gc
import math
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from twisted.trial.unittest import SynchronousTestCase

from sellia.settings.document import ELEMENT_LIMIT, FAULT_LIMIT, plain, read_document
from sellia.settings.given import FILE_LIMIT
from sellia.settings.positions import line_and_column


class DocumentCase(SynchronousTestCase):
    marks: Any

    def read(self, text: str) -> Any:
        value, self.marks = read_document(text, lambda *fault: self.fail(str(fault)))
        return value

    def faults(self, text: str) -> list[tuple[tuple[int, int], str]]:
        found: list[tuple[tuple[int, int], str]] = []
        read_document(text, lambda position, line, hint: found.append((line_and_column(position), line)))
        return found


class CoreSchemaTests(DocumentCase):
    def test_texts_of_yaml_1_1_that_are_something_else(self) -> None:
        for text in ("no", "yes", "on", "off", "y", "1_000", "12:30:45", "2026-01-01", "0b1", "=", "<<", "tRUE", "1,5"):
            self.assertEqual(self.read(f"a: {text}"), {"a": text})

    def test_values(self) -> None:
        for text, value in (
            *(("012", 12), ("0o17", 15), ("0xFf", 255), ("-5", -5), ("+5", 5), ("1.5", 1.5), (".5", 0.5), ("5.", 5.0)),
            *(("1e3", 1000.0), ("-.inf", -math.inf), ("true", True), ("False", False), ("~", None), ("Null", None)),
            *(("'5'", "5"), ('"true"', "true"), ("|\n 5", "5"), ("! 5", "5"), ("!!str 5", "5"), ("9" * 101, "9" * 101)),
        ):
            found = self.read(f"a: {text}")["a"]
            self.assertEqual((found, type(found)), (value, type(value)), text)
        self.assertTrue(math.isnan(self.read(".nan")))
        self.assertIsNone(self.read("# nothing"))

    def test_syntax_of_yaml_1_2(self) -> None:
        self.assertEqual(self.read('%YAML 1.2\n---\n{"a":1, "b":["\\/"]}'), {"a": 1, "b": ["/"]})
        self.assertEqual(self.faults("%YAML 1.1\n---\na: no"), [((1, 1), "is not said to be YAML 1.2")])

    @given(st.text(st.sampled_from("0123456789abefnltruNULTF.+-_xo~"), max_size=8))
    @settings(max_examples=300, deadline=None, derandomize=True)
    def test_scalars_as_another_reader_has_them(self, text: str) -> None:
        yaml = YAML(typ="safe", pure=True)
        try:
            expected = yaml.load(f"a: [{text}\n]")
        except (YAMLError, ValueError, AssertionError, TypeError):
            return
        if "_" not in text:  # with which that reader makes numbers, as in YAML 1.1
            self.assertEqual(repr(self.read(f"a: [{text}\n]")), repr(expected))

    def test_plain_has_bounds(self) -> None:
        before = time.process_time()
        self.assertEqual(plain("1" * FILE_LIMIT), "1" * FILE_LIMIT)
        self.assertEqual(plain("1." * (FILE_LIMIT // 2)), "1." * (FILE_LIMIT // 2))
        self.assertLess(time.process_time() - before, 0.1)


class PositionTests(DocumentCase):
    def test_of_everything(self) -> None:
        self.read("a: 1\nbb:\n  - x\n  - c: {d: 2}\n")
        _, marks = self.marks
        self.assertEqual([line_and_column(marks[name][0]) for name in ("a", "bb")], [(1, 1), (2, 1)])
        self.assertEqual(line_and_column(marks["a"][1]), (1, 4))
        start, items = marks["bb"][1]
        self.assertEqual([line_and_column(start), line_and_column(items[0])], [(3, 3), (3, 5)])


class FaultTests(DocumentCase):
    def test_all_of_them_at_once(self) -> None:
        found = self.faults("a: 1\na: 2\nb: *x\nc: !t v\n? [k]\n: v\n")
        self.assertEqual(
            found,
            [
                ((2, 1), "a key is given twice, the first time on line 1"),
                ((3, 4), "an alias stands here"),
                ((4, 4), "a tag stands here"),
                ((5, 3), "a name has parts"),
            ],
        )

    def test_not_yaml(self) -> None:
        """In our words, at the place where somebody has to look."""
        for text, place, line in (
            ("a: 'b\nc: 1\n", (1, 4), "a quote is never closed"),
            ("a: [1\nb: 2\n", (1, 4), "a bracket [ is not closed here"),
            ("a: {b: 1\nc: 2\n", (1, 4), "a bracket { is not closed here"),
            ("a: [", (2, 1), "a bracket is never closed"),
            ("a: b: c\n", (1, 5), "a colon stands where none can"),
            ("a: 1\nb\n", (3, 1), "a name has no colon after it"),
            ("a:\n\tb: 1\n", (2, 1), "a tab stands where only spaces can"),
            ("a:\n  b: 1\n c: 2\n", (3, 2), "this line does not fit those before it"),
            ("a: @b\n", (1, 4), "a value cannot begin with this character"),
            ('a: "\\q"\n', (1, 5), "there is no such escape"),
            ("a: 'b' c\n", (1, 8), "text stands behind a value that is complete"),
            ("a: - b\n", (1, 4), "a list begins on a line of its own"),
        ):
            self.assertEqual(self.faults(text), [(place, f"is not valid YAML: {line}")], text)
        self.assertEqual(self.faults("%FOO"), [((1, 5), "is not valid YAML")])

    def test_not_more_than_anybody_reads(self) -> None:
        self.assertEqual(len(self.faults("- *a\n" * (FAULT_LIMIT + 50))), FAULT_LIMIT)

    def test_characters(self) -> None:
        self.assertEqual(self.faults("a: b\nc: \x07"), [((2, 4), "a control character stands here")])
        for mark in "\x85\u2028\u2029":
            [(place, line)] = self.faults(f"a: b\nc: é{mark}x: 1")
            self.assertEqual(place, (2, 5))
            self.assertIn("U+", line)

    def test_a_second_document(self) -> None:
        self.assertEqual(self.faults("a: 1\n---\nb: 1\n"), [((2, 1), "a second document begins here")])


class BoundTests(DocumentCase):
    def test_elements(self) -> None:
        """The list is one itself, and so is each item."""
        self.assertEqual(len(self.read("[" + "a," * (ELEMENT_LIMIT - 1) + "]")), ELEMENT_LIMIT - 1)
        [(_, line)] = self.faults("[" + "a," * ELEMENT_LIMIT + "]")
        self.assertEqual(line, "has more than 50,000 names and values")
        self.assertEqual(len(self.faults("-\n" * ELEMENT_LIMIT)), 1)
        self.assertEqual(len(self.faults("".join(f"k{n}: 1\n" for n in range(30_000))[:FILE_LIMIT])), 1)

    def test_the_largest_file_is_read_in_a_moment(self) -> None:
        """256 KiB of flat text in less than 0.3 s, whatever they are made of."""
        flat = "".join(f"some_name_{number}: some value {number}\n" for number in range(8000))[:FILE_LIMIT]
        short = "".join(f"k{number}: 1\n" for number in range(24_000)).ljust(FILE_LIMIT, "#")
        for text in (
            flat,
            short,
            "[" + "a," * (FILE_LIMIT // 2),
            "- []\n" * (FILE_LIMIT // 5),
            "#\n" * (FILE_LIMIT // 2),
        ):
            self.assertLess(min(self.seconds(text) for _ in range(3)), 0.3)

    def seconds(self, text: str) -> float:
        """CPU time of one reading; the least of several is without what other processes do to caches.

        What other tests have left in memory is kept from the garbage collector, which would look through all of it.
        """
        gc.collect()
        gc.freeze()
        self.addCleanup(gc.unfreeze)
        before = time.process_time()
        read_document(text, lambda *fault: None)
        return time.process_time() - before
