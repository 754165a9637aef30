"""Which names a tunnel can have, and what is suggested to who asks for none."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import NAME_INVALID, NAME_RESERVED
from sellia.relay.http.hosts import Side, locate
from sellia.relay.names import (
    RESERVED,
    NameInvalid,
    NameReserved,
    suggest_name,
    validate_name,
    validate_subdomain,
)


class ValidateTests(SynchronousTestCase):
    def test_good_names_come_back_in_lower_case(self) -> None:
        for text in ("abc", "My-App", "a1b", "123", "3com", "a--b", "x" * 63):
            self.assertEqual(validate_name(text), text.lower())

    def test_bad_names_are_told_why(self) -> None:
        for text, word in (
            ("", "at least 3"),
            ("ab", "at least 3"),
            ("x" * 64, "at most 63"),
            ("x" * 1_000_000, "at most 63"),
            ("-abc", "hyphen"),
            ("abc-", "hyphen"),
            ("a.b", "letters, digits"),
            ("a_b", "letters, digits"),
            ("a b", "letters, digits"),
            ("abc\n", "letters, digits"),
            ("abc\0", "letters, digits"),
            ("caf\xe9", "a to z"),
            ("\N{KELVIN SIGN}elvin", "a to z"),
            ("\uff41bc", "a to z"),
        ):
            error = self.assertRaises(NameInvalid, validate_name, text)
            self.assertIn(word, str(error))
            self.assertNotIn("\n", str(error))
            self.assertIs(error.problem, NAME_INVALID)

    def test_reserved_names_in_any_case(self) -> None:
        for text in ("www", "api", "Admin", "MAIL", "postmaster", "wpad", "sellia"):
            error = self.assertRaises(NameReserved, validate_name, text)
            self.assertIn(text.lower(), str(error))
            self.assertIs(error.problem, NAME_RESERVED)

    def test_demo_is_free(self) -> None:
        """The README's first try uses it, and the issue's examples `myapp`."""
        self.assertEqual([validate_name("demo"), validate_name("myapp")], ["demo", "myapp"])

    def test_all_reserved_names_could_be_asked_for(self) -> None:
        """None of them is there for nothing."""
        for name in RESERVED:
            self.assertRaises(NameReserved, validate_name, name)

    def test_a_labels(self) -> None:
        """Only what IDNA 2008 calls the A-label of a word, in its one spelling."""
        for text in ("xn--mnchen-3ya", "XN--MNCHEN-3YA", "xn--bcher-kva", "xn--fiqs8s"):
            self.assertEqual(validate_name(text), text.lower())
        for text in (
            "xn--a",
            "xn--abc-",
            "xn--abc",
            "xn--99999999",
            "xn--ls8h",  # an emoji
            "xn--mnchen-3yb9999999",
            "xn--a-ecp.ru",
            "ab--cd",
        ):
            self.assertRaises(NameInvalid, validate_name, text)

    def test_errors_can_be_caught_as_value_errors_and_as_problems(self) -> None:
        self.assertRaises(ValueError, validate_name, "")
        self.assertRaises(ProblemError, validate_name, "www")

    @settings(max_examples=200, deadline=None)
    @given(
        st.text(max_size=70)
        | st.text("abcXYZ019-", min_size=1, max_size=66)
        | st.text("abc-3ya", max_size=12).map("xn--".__add__)
    )
    def test_a_valid_name_is_always_a_label_that_finds_its_tunnel(self, text: str) -> None:
        try:
            name = validate_name(text)
        except ProblemError:
            return
        self.assertEqual(validate_name(name), name)
        place = locate([f"{text}.example.com:80".encode()], "example.com")
        self.assertEqual((place.side, place.label), (Side.TUNNEL, name))


class SuggestTests(SynchronousTestCase):
    def test_suggestions_are_valid_and_easy_to_say(self) -> None:
        random = Random(1)
        for _ in range(2000):
            name = suggest_name(random)
            self.assertRegex(name, r"\A[a-z]{2,8}-[a-z]{2,8}-[1-9][0-9]?\Z")
            self.assertEqual(validate_name(name), name)

    def test_they_differ(self) -> None:
        random = Random(1)
        self.assertGreater(len({suggest_name(random) for _ in range(1000)}), 990)

    def test_the_same_source_gives_the_same_name(self) -> None:
        self.assertEqual(suggest_name(Random(7)), suggest_name(Random(7)))


class SubdomainTests(SynchronousTestCase):
    """Names below names, and wildcards."""

    def test_good_ones(self) -> None:
        for text in ("myapp", "Api.MyApp", "a.b.c.d.myapp", "*.myapp", "*.eu.myapp", "www.myapp", "x.myapp", "1.myapp"):
            self.assertEqual(validate_subdomain(text), text.lower())

    def test_bad_ones(self) -> None:
        for text, word in (
            ("", "at least 3"),
            ("*", "at least 3"),
            ("*.ab", "at least 3"),
            ("x.*", "stands for names below"),
            ("a.*.myapp", "only the first"),
            ("*.*.myapp", "only the first"),
            ("**.myapp", "only the first"),
            ("x*.myapp", "only the first"),
            (".myapp", "Each part"),
            ("a..myapp", "Each part"),
            ("myapp.", "at least 3"),
            ("-a.myapp", "Each part"),
            ("a_b.myapp", "Each part"),
            ("a" * 64 + ".myapp", "Each part"),
            ("\u212a.myapp", "Each part"),
            ("a\n.myapp", "Each part"),
            ("ab--cd.myapp", "A-label"),
            ("a.b.c.d.e.myapp", "at most 5 parts"),
            ("a" * 62 + "." + "b" * 62 + "." + "c" * 62 + ".myapp", "at most 5 parts"),
            ("a." * 500_000 + "myapp", "at most 5 parts"),
            ("shop.example.com", "in front of the server's domain"),
        ):
            self.assertIn(word, str(self.assertRaises(NameInvalid, validate_subdomain, text)), text)

    def test_what_is_kept_back(self) -> None:
        """Is the name itself, with all below it."""
        for text in ("x.www", "*.admin", "*.a.api"):
            self.assertRaises(NameReserved, validate_subdomain, text)
