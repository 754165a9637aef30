"""What is said of a service that does not speak HTTP."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http.not_http import SHOWN, what_came


class WhatCameTests(SynchronousTestCase):
    def test_first_line_is_shown(self) -> None:
        self.assertEqual(what_came(b"Unauthorized"), 'answered with something that is not HTTP: "Unauthorized"')
        self.assertIn('"SSH-2.0-OpenSSH_9.2"', what_came(b"\r\nSSH-2.0-OpenSSH_9.2\r\nmore"))

    def test_no_more_than_a_line_of_it(self) -> None:
        shown = what_came(b"x" * 100_000).partition('"')[2].rstrip('"')
        self.assertEqual(shown, "x" * SHOWN + "…")

    def test_a_terminal_acts_on_nothing_of_it(self) -> None:
        shown = what_came(b"\x1b]0;title\x07\xff\xfe" + "\N{RIGHT-TO-LEFT OVERRIDE}".encode())
        self.assertTrue(shown.isprintable())
        self.assertIn("\\x1b]0;title", shown)

    def test_tls(self) -> None:
        for record in (b"\x15\x03\x01\x00\x02\x02\x46", b"\x16\x03\x03\x00\x7a\x02"):
            self.assertIn("https:// target", what_came(record))

    def test_http2(self) -> None:
        self.assertIn("HTTP/2", what_came(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"))

    def test_nothing_but_line_ends(self) -> None:
        self.assertIn('""', what_came(b"\r\n"))
