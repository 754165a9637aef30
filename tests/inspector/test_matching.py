"""Values of a filter's terms; `test_filters` has the terms."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.matching import FilterError, Searched, matcher, seconds_of, size_of, values_of


class ValueTests(SynchronousTestCase):
    def test_alternatives_and_quotation_marks(self) -> None:
        for text, expected in (
            ("a", ["a"]),
            ("a,b,,c", ["a", "b", "c"]),
            ('"a,b",c', ["a,b", "c"]),
            ('x"y z"', ["xy z"]),
            (r'"a \"b\" \\"', ['a "b" \\']),
            (",", []),
        ):
            self.assertEqual(values_of(text), expected)

    def test_texts(self) -> None:
        self.assertTrue(matcher("B")("abc"))
        self.assertFalse(matcher("b", whole=True)("abc"))
        self.assertTrue(matcher("a*c", whole=True)("abbc"))
        self.assertFalse(matcher("a*c", whole=True)("abbcd"))
        self.assertTrue(matcher("a*c")("xabbcd"))
        self.assertFalse(matcher("a?c")("abc"))

    def test_sizes_and_times(self) -> None:
        self.assertEqual([size_of("x", each) for each in ("7", "1k", "1.5M", "2KiB")], [7, 1024, 1572864, 2048])
        self.assertEqual([seconds_of("x", each) for each in ("7", "500ms", "1m", "2.5s")], [7.0, 0.5, 60.0, 2.5])
        self.assertRaises(FilterError, size_of, "x", "1g")
        self.assertRaises(FilterError, seconds_of, "x", "-1s")

    def test_bytes(self) -> None:
        self.assertTrue(Searched("HELLO,nothing")(b"\x00hello\xff"))
        self.assertTrue(Searched("zoë")("ZOË".encode()))
        self.assertFalse(Searched("zoë")(b"zo\xff"))
