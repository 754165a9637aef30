"""The cookie of a pool: what is believed, what is taken off, and what visitors can make up."""

from base64 import urlsafe_b64encode
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.sticky import COOKIE, TRIED, StickyCookies, take_off

MARK = b"12345678"


def always(mark: bytes) -> bool:
    return True


class SignatureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cookies = StickyCookies(b"s" * 32, "demo")

    def test_there_and_back(self) -> None:
        self.assertEqual(self.cookies.mark_in(self.cookies.value(MARK), always), MARK)
        self.assertIsNone(self.cookies.mark_in(self.cookies.value(MARK), lambda mark: False), "it has left")

    def test_of_another_name_or_server(self) -> None:
        for other in (StickyCookies(b"s" * 32, "other"), StickyCookies(b"t" * 32, "demo")):
            self.assertIsNone(self.cookies.mark_in(other.value(MARK), always))

    def test_made_up(self) -> None:
        """Whatever the bytes are."""
        random = Random(7)
        value = self.cookies.value(MARK)
        for number in range(len(value)):
            changed = bytearray(value)
            changed[number] = ord("A") if changed[number] != ord("A") else ord("B")
            self.assertIsNone(self.cookies.mark_in(bytes(changed), always))
        for size in range(70):
            self.assertIsNone(self.cookies.mark_in(random.randbytes(size), always))
            self.assertIsNone(self.cookies.mark_in(urlsafe_b64encode(MARK + random.randbytes(size)), always))

    def test_attributes(self) -> None:
        name, value = self.cookies.field(MARK, secure=True)
        self.assertEqual(name, b"Set-Cookie")
        self.assertEqual(
            value, b"Sellia-Sticky=" + self.cookies.value(MARK) + b"; Path=/; HttpOnly; SameSite=Lax; Secure"
        )
        self.assertFalse(self.cookies.field(MARK, secure=False)[1].endswith(b"Secure"))


class TakeOffTests(SynchronousTestCase):
    def test_among_others(self) -> None:
        for value, left in (
            (b"a=1; Sellia-Sticky=x; b=2", b"a=1; b=2"),
            (b"Sellia-Sticky=x; b=2", b"b=2"),
            (b"a=1;Sellia-Sticky=x", b"a=1"),
            (b"a=1; Sellia-Stickyer=y; Sellia-Sticky = x ", b"a=1; Sellia-Stickyer=y"),
        ):
            headers, values = take_off([(b"Host", b"h"), (b"cookie", value), (b"X", b"y")])
            self.assertEqual(headers, [(b"Host", b"h"), (b"cookie", left), (b"X", b"y")])
            self.assertEqual(values, [b"x"])

    def test_alone(self) -> None:
        self.assertEqual(take_off([(b"Cookie", b"Sellia-Sticky=x")]), ([], [b"x"]))

    def test_none(self) -> None:
        """What has none is passed on as it is."""
        headers = [(b"Cookie", b"a=Sellia-Sticky; ;b"), (b"Other", b"Sellia-Sticky=x")]
        self.assertEqual(take_off(headers), (headers, []))
        self.assertIs(take_off(headers)[0], headers)

    def test_a_thousand(self) -> None:
        """All are taken off, few are looked at."""
        headers, values = take_off([(b"Cookie", b"; ".join([COOKIE + b"=x"] * 1000))] * 2)
        self.assertEqual((headers, values), ([], [b"x"] * TRIED))
