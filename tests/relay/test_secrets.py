"""Secrets are compared whole, from one source, and never shown."""

from __future__ import annotations

from base64 import b64encode

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.messages import Headers
from sellia.relay.secrets import SecretDigest, basic_auth_digest, challenge, parse_authorization


def basic(credentials: bytes, scheme: bytes = b"Basic ", name: bytes = b"Authorization") -> tuple[bytes, bytes]:
    return name, scheme + b64encode(credentials)


class SecretDigestTests(SynchronousTestCase):
    def test_only_the_secret_matches(self) -> None:
        digest = SecretDigest("open sesame")
        self.assertTrue(digest.matches("open sesame"))
        self.assertTrue(digest.matches(b"open sesame"))
        for wrong in ("", "open sesam", "open sesame ", "Open sesame", "open sesame" * 10_000, "\udc80", b"\xff"):
            self.assertFalse(digest.matches(wrong))

    def test_it_does_not_show_the_secret(self) -> None:
        digest = SecretDigest("hunter2")
        for text in (repr(digest), str(digest), f"{digest}", repr([digest])):
            self.assertNotIn("hunter2", text)
        self.assertFalse(hasattr(digest, "__dict__"))
        self.assertEqual(len(digest._octets), 32)

    def test_an_empty_secret_is_none(self) -> None:
        self.assertRaises(ValueError, SecretDigest, "")
        self.assertRaises(ValueError, SecretDigest, b"")

    def test_it_can_stand_for_an_owner(self) -> None:
        self.assertEqual(SecretDigest("a"), SecretDigest(b"a"))
        self.assertEqual(hash(SecretDigest("a")), hash(SecretDigest("a")))
        self.assertNotEqual(SecretDigest("a"), SecretDigest("b"))
        self.assertNotEqual(SecretDigest("a"), "a")


def matches(headers: Headers, digest: SecretDigest) -> bool:
    """Whether a request with this section has the password."""
    credentials = parse_authorization(headers)
    return credentials is not None and digest.matches(credentials)


class BasicAuthTests(SynchronousTestCase):
    digest = basic_auth_digest("user:pass:word")

    def test_the_right_credentials(self) -> None:
        for header in (
            basic(b"user:pass:word"),
            basic(b"user:pass:word", scheme=b"bAsIc   "),
            basic(b"user:pass:word", name=b"AUTHORIZATION"),
        ):
            self.assertTrue(matches([(b"Host", b"x"), header], self.digest))

    def test_wrong_ones_and_none(self) -> None:
        sections: list[Headers] = [
            [],
            [basic(b"")],
            [basic(b"user")],
            [basic(b"user:")],
            [basic(b"user:pass")],
            [basic(b"user:pass:word ")],
            [basic(b"user:pass:word", scheme=b"Bearer ")],
            [basic(b"user:pass:word", scheme=b"Basic")],
            [basic(b"user:pass:word", scheme=b"")],
            [(b"Authorization", b"Basic user:pass:word")],
            [(b"Authorization", b"Basic !" + b64encode(b"user:pass:word"))],
            [(b"Authorization", basic(b"user:pass:word")[1].rstrip(b"=") + b"=====")],
            [(b"Authorization", b"Basic")],
            [(b"Authorization", b"")],
            [basic(b"user:pass:word" * 10_000)],
        ]
        for section in sections:
            self.assertFalse(matches(section, self.digest), section)

    def test_exactly_one_header_is_the_source(self) -> None:
        right = basic(b"user:pass:word")
        self.assertFalse(matches([right, right], self.digest))
        self.assertFalse(matches([right, basic(b"x:y", name=b"authorization")], self.digest))
        self.assertFalse(matches([basic(b"user:pass:word", name=b"Proxy-Authorization")], self.digest))
        self.assertTrue(matches([right, basic(b"x:y", name=b"Proxy-Authorization")], self.digest))

    def test_parsing(self) -> None:
        self.assertEqual(parse_authorization([basic("us\xe9r:p\xe4ss".encode())]), "us\xe9r:p\xe4ss".encode())
        self.assertIsNone(parse_authorization([(b"Authorization", b"Basic \xff\xfe")]))

    def test_beyond_ascii_it_is_utf8(self) -> None:
        digest = basic_auth_digest("us\xe9r:p\xe4ss")
        self.assertTrue(matches([basic("us\xe9r:p\xe4ss".encode())], digest))

    def test_a_setting_that_cannot_be_right_is_not_repeated(self) -> None:
        for text in ("hunter2", ":hunter2", "hunter2:", "", "user:hunt\ner2"):
            self.assertNotIn("hunt", str(self.assertRaises(ValueError, basic_auth_digest, text)))

    def test_challenge(self) -> None:
        self.assertEqual(challenge("myapp"), b'Basic realm="myapp", charset="UTF-8"')
        self.assertEqual(challenge('a"b\\c\r\nd\xe9'), b'Basic realm="a\\"b\\\\c??d?", charset="UTF-8"')
