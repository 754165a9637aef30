"""Well-formedness of heads: what is refused wherever it comes from."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.messages import Headers
from sellia.relay.http.validation import (
    check_method,
    check_reason,
    check_status,
    check_target,
    validate,
    validate_response,
)


class WellFormednessTests(SynchronousTestCase):
    def test_good_sections(self) -> None:
        validate([])
        validate([(b"!#$%&'*+-.^_`|~09AZaz", b""), (b"A", b"tab\there, obs-text \xe9\xff"), (b"B", "caf\xc5".encode())])

    def test_bad_names(self) -> None:
        for name in (
            b"",
            b" A",
            b"A ",
            b"A:",
            b":",
            b"A\r",
            b"A\nB",
            b"A\0",
            b"\xc3\xa4",
            b"(A)",
            b'"A"',
            b"A/B",
            b"A\t",
        ):
            for section in ([(name, b"x")], [(b"Host", b"x"), (name, b"x"), (b"B", b"y")]):
                with self.assertRaises(ValueError, msg=repr(name)):
                    validate(section)

    def test_two_bad_names_do_not_make_a_good_one(self) -> None:
        for section in ([(b"", b"x"), (b"A:", b"x")], [(b"A:B", b"x"), (b"", b"x")]):
            with self.assertRaises(ValueError):
                validate(section)

    def test_control_characters_in_values(self) -> None:
        for octet in (*range(9), *range(10, 32), 127):
            for value in (b"a" + bytes([octet]) + b"b", bytes([octet])):
                with self.assertRaises(ValueError, msg=repr(value)):
                    validate([(b"A", b"x"), (b"B", value)])
                with self.assertRaises(ValueError, msg=repr(value)):
                    check_reason(value)

    def test_nel_ends_lines_in_some_parsers(self) -> None:
        """U+0085 is refused in Latin-1 and in UTF-8, but not the octet 0x85 inside of a character of UTF-8."""
        for value in (b"a\x85X-Forged: 1", "a\x85b".encode()):
            for check in (lambda v: validate([(b"A", v)]), check_target):
                with self.assertRaises(ValueError):
                    check(value)
        capital = "\N{LATIN CAPITAL LETTER A WITH RING ABOVE}".encode()
        self.assertIn(b"\x85", capital)
        validate([(b"A", capital)])
        self.assertEqual(check_reason(capital), capital)

    def test_nel_passes_towards_visitors(self) -> None:
        """Names of files in Shift-JIS and GBK have it; no browser ends a line there."""
        for value in (b"a\x85b", "a\x85b".encode(), b"\x85"):
            validate_response([(b"A", value)])
            self.assertEqual(check_reason(value), value)

    def test_a_response_is_judged_like_a_request_otherwise(self) -> None:
        for pair in ((b"A B", b"x"), (b"", b"x"), (b"A", b"a\rb"), (b"A", b"\x00"), (b"A", b"\x7f")):
            with self.assertRaises(ValueError, msg=repr(pair)):
                validate_response([(b"B", b"y"), pair])

    def test_nel_is_judged_value_by_value(self) -> None:
        """Latin-1 in one header does not spoil UTF-8 in another."""
        latin, utf8, nel = b"\xe9", b"\xc3\x85", b"b\x85"
        validate([(b"A", latin), (b"B", utf8)])
        for section in ([(b"A", latin), (b"B", nel)], [(b"A", nel), (b"B", utf8)]):
            with self.assertRaises(ValueError):
                validate(section)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(st.binary(max_size=5), st.binary(max_size=8)), max_size=5))
    @example([(b"A", b"\n")])
    def test_agrees_with_the_rules_spelled_out(self, section: Headers) -> None:
        """The one-pass check says the same as RFC 9110's grammar taken character by character."""
        token = set(b"!#$%&'*+-.^_`|~") | {octet for octet in range(128) if chr(octet).isalnum()}
        good = all(
            name and set(name) <= token and all(o == 9 or 32 <= o != 127 for o in value) and not nel(value)
            for name, value in section
        )
        if good:
            validate(section)
        else:
            self.assertRaises(ValueError, validate, section)

    def test_status(self) -> None:
        status: Any
        for status in (100, 200, 599, 999):
            self.assertEqual(check_status(status), status)
        for status in (0, 99, 1000, -200, True, 200.0, "200", None):
            with self.assertRaises(ValueError):
                check_status(status)

    def test_method(self) -> None:
        for method in (b"GET", b"get", b"M-SEARCH", b"VERSION-CONTROL", b"!"):
            self.assertEqual(check_method(method), method)
        for method in (b"", b"GET ", b"G\rT", b"GET\n", b"G\xc3", b"GET:"):
            self.assertRaises(ValueError, check_method, method)

    def test_target(self) -> None:
        for target in (b"/", b"*", b"/a//b/%2F?x=%00&y#z", b"/\xc3\xa4", b"http://demo.localhost/", b'/"<>{}|\\^`'):
            self.assertEqual(check_target(target), target)
        for target in (b"", b"/a b", b"/\t", b"/\r\nX: y", b"/\0", b"/\x7f", b"/\x1f", b"/\n", b"/\x0b"):
            self.assertRaises(ValueError, check_target, target)


def nel(value: bytes) -> bool:
    try:
        return "\x85" in value.decode()
    except UnicodeDecodeError:
        return 0x85 in value
