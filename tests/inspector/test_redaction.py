"""Credentials that do not leave."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.redaction import redacted_headers, redacted_target, secret_name


class HeaderTests(SynchronousTestCase):
    def test_fields(self) -> None:
        for name, value, shown in (
            (b"Authorization", b"Bearer eyJabc.def", b"Bearer REDACTED"),
            (b"authorization", b"Basic dXNlcjpwYXNz", b"Basic REDACTED"),
            (b"Authorization", b"secret-without-scheme", b"REDACTED"),
            (b"Proxy-Authorization", b"Basic abc", b"Basic REDACTED"),
            (b"Cookie", b"a=1; sid=abc; empty=", b"a=REDACTED; sid=REDACTED; empty=REDACTED"),
            (b"Set-Cookie", b"sid=abc; Path=/; HttpOnly", b"sid=REDACTED; Path=/; HttpOnly"),
            (b"X-Api-Key", b"abc", b"REDACTED"),
            (b"X-Auth-Token", b"abc", b"REDACTED"),
            (b"X-Hub-Signature-256", b"sha256=abc", b"REDACTED"),
            (b"Stripe-Signature", b"t=1,v1=abc", b"REDACTED"),
            (b"Referer", b"https://x.example/a?token=1&b=2", b"https://x.example/a?token=REDACTED&b=2"),
            (b"Location", b"https://u:p@x.example/cb?code=1", b"https://x.example/cb?code=REDACTED"),
            (b"Content-Type", b"text/plain", b"text/plain"),
            (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZSBub25jZQ=="),
            (b"Host", b"key.example.com", b"key.example.com"),
        ):
            self.assertEqual(redacted_headers([(name, value)]), [(name, shown)])

    def test_nothing_of_a_secret_stays(self) -> None:
        secret = b"hunter2hunter2"
        for name in (b"Authorization", b"Cookie", b"Set-Cookie", b"X-Session-Token", b"Proxy-Authorization"):
            for before in (b"", b"Bearer ", b"a=", b"a=1; b=", b'Digest username="'):
                if name != b"Set-Cookie" or before in (b"", b"a="):
                    ((_, shown),) = redacted_headers([(name, before + secret)])
                    self.assertNotIn(secret, shown)


class TargetTests(SynchronousTestCase):
    def test_queries(self) -> None:
        for target, shown in (
            (b"/a", b"/a"),
            (b"/a?b=c&d", b"/a?b=c&d"),
            (b"/a?token=x&b=c", b"/a?token=REDACTED&b=c"),
            (b"/a?access_token=x#f", b"/a?access_token=REDACTED#f"),
            (b"/a?API-KEY=&apikey=1", b"/a?API-KEY=REDACTED&apikey=REDACTED"),
            (b"https://u:p@h/a?code=1&state=2", b"https://h/a?code=REDACTED&state=REDACTED"),
            (b"/a?q=token", b"/a?q=token"),
        ):
            self.assertEqual(redacted_target(target), shown)

    def test_names(self) -> None:
        for name in ("token", "id_token", "X-Amz-Signature", "client_secret", "password", "sid", "code"):
            self.assertTrue(secret_name(name), name)
        for name in ("q", "page", "encode", "keyboard", "coder"):
            self.assertFalse(secret_name(name), name)
