"""Nothing that comes from outside steers a terminal or breaks a line of the log."""

import re
import sys

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.text import SHOWN, decoded, field, printable, sentence, shown_host, shown_subprotocol, shown_target, size_of


class DecodedTests(SynchronousTestCase):
    def test_nothing_is_lost(self) -> None:
        self.assertEqual(decoded("Grüße".encode()), "Grüße")
        self.assertEqual(decoded(b"a\xff\n"), "a\\xff\n")


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

    def test_parameters_of_a_path(self) -> None:
        self.assertEqual(shown_target(b"/a;jsessionid=s3cret/b;x?y"), "/a;…/b;…?…")


class SubprotocolTests(SynchronousTestCase):
    """Names are shown, tokens are not."""

    def test_names(self) -> None:
        for name in (
            *(
                "vite-hmr",
                "vite-ping",
                "graphql-transport-ws",
                "graphql-ws",
                "mqtt",
                "mqttv3.1",
                "v12.stomp",
                "ocpp1.6",
            ),
            *(
                "v4.channel.k8s.io",
                "actioncable-v1-json",
                "wamp.2.json",
                "sip",
                "xmpp",
                "soap",
                "Chat",
                "SOAP",
                "realtime",
            ),
            *("ocpp2.0.1", "json.webpubsub.azure.v1", "v1.kernel.websocket.jupyter.org", "sec-websocket-protocol", ""),
        ):
            self.assertEqual(shown_subprotocol(name), name)
            self.assertEqual(shown_subprotocol(name.encode()), name)

    def test_tokens(self) -> None:
        for name, shown in (
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "…"),
            ("bearer.eyJhbGciOiJIUzI1NiJ9.e30.x", "bearer.…"),
            (
                "base64url.bearer.authorization.k8s.io.dG9rZW4tc2VjcmV0LXZhbHVl",
                "base64url.bearer.authorization.k8s.io.…",
            ),
            ("openai-insecure-api-key.sk-proj-Ab3dE5", "openai-insecure-api-key.sk-proj-…"),
            ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "…"),
            ("deadbeef0123456789", "…"),
            ("xkqzrtplm", "…"),
            ("a" * 100, "…"),
            ("-".join(["word"] * 30), "word-" * 12 + "…"),
            ("\x1b[2J", "…"),
        ):
            self.assertEqual(shown_subprotocol(name), shown)


class FieldTests(SynchronousTestCase):
    """One value of a ``name=value`` pair."""

    def test_quotes(self) -> None:
        for value, shown in (
            ("plain", "plain"),
            ("", "-"),
            ("-", '"-"'),
            (7, "7"),
            (None, "None"),
            (b"a b", '"a b"'),
            ("x by=service code=1000", '"x by=service code=1000"'),
            ('say "hi"', r'"say \"hi\""'),
            ('\\" by=sellia', r'"\\\" by=sellia"'),
            ("it's", '"it\'s"'),
            ("a\n\tb=c", r'"a\\n\\tb=c"'),
            ("a\u00a0b", r"a\xa0b"),
        ):
            self.assertEqual(field(value), shown)

    @given(st.one_of(st.text(), st.binary()))
    def test_nothing_passes_for_another_field(self, value: str | bytes) -> None:
        shown = field(value)
        line = f"event: a={shown} b=1"
        found = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s"=]*)(?=\s|$)', line)
        assert found == [("a", shown), ("b", "1")], found

    def test_credentials(self) -> None:
        for value, shown in (
            ("invalid token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", '"invalid token …"'),
            ("Authorization: Bearer abc.def-123 was wrong", '"Authorization: Bearer … was wrong"'),
            ("GET /x?access_token=s3cret&a=b", '"GET /x?access_token=…&a=b"'),
            ("bad password: hunter2", '"bad password: …"'),
            ("api_key=s3cret", '"api_key=…"'),
            ("the token is too old", '"the token is too old"'),
            ("Basic YTpi", '"Basic …"'),
        ):
            self.assertEqual(field(value), shown)

    def test_sizes(self) -> None:
        for amount, shown in (
            (1, "1 byte"),
            (1500, "1,500 bytes"),
            (1024, "1 KiB"),
            (3 << 30, "3 GiB"),
            (0, "0 bytes"),
        ):
            self.assertEqual(size_of(amount), shown)


class SentenceTests(SynchronousTestCase):
    def test_words_of_an_exception(self) -> None:
        self.assertEqual(sentence(ValueError("the host is none")), "The host is none.")
        self.assertEqual(sentence("X-Forwarded-For is one"), "X-Forwarded-For is one.")
        self.assertEqual(sentence("über"), "Über.")
        self.assertEqual(sentence(""), ".")
