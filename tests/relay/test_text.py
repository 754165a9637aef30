"""Nothing that comes from outside steers a terminal or breaks a line of the log."""

import sys

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.text import SHOWN, printable, shown_host, shown_target


class PrintableTests(SynchronousTestCase):
    def test_what_can_be_read_stays(self) -> None:
        for text in ("", "/a b?c=d%20#'\"<>\\", "Grüße ✓ 日本 é"):
            self.assertEqual(printable(text), text)
            self.assertEqual(printable(text.encode()), text)

    def test_what_steers_is_spelled_out(self) -> None:
        text = "a\x1b[2J\r\n\t\x00\x7f\x9b\x85\u202e\u2066\u2028\u200b\ufeff\xad\U000e0001"
        expected = r"a\x1b[2J\r\n\t\x00\x7f\x9b\x85\u202e\u2066\u2028\u200b\ufeff\xad\U000e0001"
        self.assertEqual(printable(text), expected)
        self.assertEqual(printable(text.encode()), expected)

    def test_links_of_terminals(self) -> None:
        """OSC 8 hides where a link leads."""
        self.assertEqual(
            printable("\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x07"),
            r"\x1b]8;;http://evil.example\x1b\click\x1b]8;;\x07",
        )

    def test_octets_that_are_no_text(self) -> None:
        self.assertEqual(printable(b"caf\xe9 \xff\xfe"), r"caf\xe9 \xff\xfe")
        self.assertEqual(printable("lone \ud800"), r"lone \ud800")

    def test_long_texts_are_cut(self) -> None:
        self.assertEqual(printable("x" * SHOWN), "x" * SHOWN)
        self.assertEqual(printable("x" * (SHOWN + 1)), "x" * SHOWN + "…")
        self.assertEqual(printable(b"x" * 1_000_000, 3), "xxx…")
        self.assertEqual(printable("\N{GRINNING FACE}" * 4, 4), "\N{GRINNING FACE}" * 4)
        self.assertEqual(printable(("\N{GRINNING FACE}" * 5).encode(), 4), "\N{GRINNING FACE}" * 4 + "…")

    def test_escapes_do_not_make_it_long_without_bound(self) -> None:
        self.assertLessEqual(len(printable("\U000e0001" * 1_000_000)), 10 * SHOWN + 1)

    @given(st.one_of(st.text(st.characters(max_codepoint=sys.maxunicode)), st.binary()))
    def test_whatever_it_is(self, text: str | bytes) -> None:
        shown = printable(text)
        assert shown.isprintable()
        assert len(shown.splitlines()) <= 1
        shown.encode("utf-8")


class TargetTests(SynchronousTestCase):
    """What a log may say of what was asked for."""

    def test_without_the_query(self) -> None:
        for target, shown in (
            (b"/", "/"),
            (b"/a/b?token=s3cret&x=1", "/a/b?…"),
            (b"/?s3cret", "/?…"),
            (b"/a?", "/a?…"),
            (b"/a?b?s3cret", "/a?…"),
            (b"/\x1b[2J?\x1b", r"/\x1b[2J?…"),
            ("/caf\u00e9?x", "/caf\u00e9?…"),
            (b"http://ann:s3cret@demo.localhost/a?b", "http://…@demo.localhost/a?…"),
            (b"http://ann:s3:@c@ret@demo.localhost", "http://…@demo.localhost"),
            (b"//ann:s3cret@demo.localhost/", "//…@demo.localhost/"),
            (b"*", "*"),
        ):
            self.assertEqual(shown_target(target), shown)

    def test_long_ones_are_cut(self) -> None:
        self.assertEqual(shown_target(b"/" + b"x" * 10_000 + b"?s3cret"), "/" + "x" * (SHOWN - 1) + "…")
        self.assertEqual(shown_target(b"/" + b"x" * SHOWN + b"?s3cret"), "/" + "x" * (SHOWN - 1) + "…?…")

    def test_hosts(self) -> None:
        self.assertEqual(shown_host(b"demo.localhost:3000"), "demo.localhost:3000")
        self.assertEqual(shown_host("ann:s3cret@demo.localhost"), "…@demo.localhost")
        self.assertEqual(shown_host(b"\xff\x1b@\x1b"), r"…@\x1b")
