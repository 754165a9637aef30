"""Destinations of COPY and MOVE."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http.webdav import with_destination


class DestinationTests(SynchronousTestCase):
    def seen(self, destination: bytes, host: bytes = b"demo.example", scheme: bytes = b"http") -> bytes:
        """The field as a service asked by that scheme gets it."""
        sent = [(b"Host", host), (b"dESTINATION", destination), (b"Depth", b"0")]
        received = with_destination(sent, scheme)
        self.assertEqual([received[0], received[2]], [sent[0], sent[2]])
        self.assertEqual(received[1][0], b"dESTINATION")
        return received[1][1]

    def test_the_scheme_becomes_that_of_the_service(self) -> None:
        self.assertEqual(self.seen(b"https://demo.example/a%20b?c#d"), b"http://demo.example/a%20b?c#d")
        self.assertEqual(self.seen(b"HTTPS://Demo.Example:443/a"), b"http://demo.example/a")
        self.assertEqual(self.seen(b"https://demo.example:8443/a", b"demo.example:8443"), b"http://demo.example:8443/a")
        self.assertEqual(self.seen(b"http://demo.example/a", scheme=b"https"), b"https://demo.example/a")
        self.assertEqual(self.seen(b"https://demo.example"), b"http://demo.example")

    def test_what_stays_as_it_is(self) -> None:
        for destination in (
            b"http://demo.example/a",
            b"/a",
            b"https://other.example/a",
            b"https://demo.example:444/a",
            b"https://user@demo.example/a",
            b"https://demo.example@evil/a",
            b"ftp://demo.example/a",
            b"https:///a",
            b"",
        ):
            self.assertEqual(self.seen(destination), destination)

    def test_a_request_with_no_single_host(self) -> None:
        for hosts in ([], [(b"Host", b"a"), (b"Host", b"b")]):
            sent = [*hosts, (b"Destination", b"https://a/b")]
            self.assertEqual(with_destination(sent, b"http"), sent)
