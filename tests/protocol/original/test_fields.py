"""Each type of a field, and the table that is made of a message's annotations."""

from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import LimitExceeded, ProtocolError
from sellia.protocol.messages import Headers
from sellia.protocol.original.fields import FIELDS_LIMIT, TYPES, Form, Long, TextOctets, Words
from sellia.protocol.original.msgpack import find_fields


class _Everything(msgspec.Struct, frozen=True, tag="everything"):
    name: str
    words: Words
    octets: bytes
    text: TextOctets
    small: int
    large: Long
    yes: bool
    headers: Headers
    perhaps: str | None = None


WHOLE = _Everything("n", "w", b"o", b"t\xff", 1, 2**40, True, [(b"A", b"1"), (b"a", b"2")])


class FormTests(SynchronousTestCase):
    def test_written_and_read(self) -> None:
        form = Form(_Everything)
        data = b"".join(form.write(WHOLE))
        self.assertTrue(data.startswith(b"\x89\xa4type\xaaeverything\xa4name\xa1n"))
        read = form.read(data, find_fields(data, form.names))
        self.assertEqual(read, msgspec.structs.replace(WHOLE, headers=[(b"A", b"1"), (b"A", b"2")]))

    def test_what_must_be_there(self) -> None:
        form = Form(_Everything)
        data = b"".join(form.write(WHOLE))
        found = find_fields(data, form.names)
        for name in form.names - {b"perhaps"}:
            rest = {each: at for each, at in found.items() if each != name}
            self.assertRaises(ProtocolError, form.read, data, rest)


class TypeTests(SynchronousTestCase):
    def read(self, kind: Any, value: Any) -> Any:
        return TYPES[kind][1](msgspec.msgpack.encode(value), 0)

    def test_integers_have_32_bits_or_64(self) -> None:
        for kind, bits in ((int, 31), (Long, 63)):
            for value in (-(2**bits), -1, 0, 2**bits - 1):
                self.assertEqual(self.read(kind, value), value)
            self.assertRaises(ProtocolError, self.read, kind, 2**bits)
        self.assertRaises(ProtocolError, self.read, int, -(2**31) - 1)

    def test_text(self) -> None:
        self.assertEqual(self.read(str, "gr\u00fc\u00dfe"), "gr\u00fc\u00dfe")
        self.assertRaises(ProtocolError, self.read, str, b"\xff")
        self.assertEqual(self.read(Words, b"a\xff"), "a\ufffd")
        self.assertEqual(self.read(TextOctets, b"a\xff"), b"a\xff")

    def test_lone_surrogates_are_not_sent(self) -> None:
        """As of an error's text, say: nothing that could not be read again leaves."""
        self.assertEqual(TYPES[str][0]("a\ud800"), (b"\xa2a?",))

    def test_header_fields_are_counted(self) -> None:
        most = {"A": [""] * (FIELDS_LIMIT - 1), "B": [""]}
        self.assertEqual(len(self.read(Headers, most)), FIELDS_LIMIT)
        for more in ({**most, "C": [""]}, {"A": [""] * (FIELDS_LIMIT + 1)}):
            self.assertRaises(LimitExceeded, self.read, Headers, more)
