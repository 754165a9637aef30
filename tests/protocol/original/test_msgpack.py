"""MessagePack without trust: what is written, others read; what others write is read; and nothing costs much."""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import LimitExceeded, ProtocolError
from sellia.protocol.original import msgpack as packing
from sellia.protocol.original.msgpack import VALUES_LIMIT

quick = settings(deadline=None, database=None, max_examples=200)

#: Anything that MessagePack can say.
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


#: What is no MessagePack, or not one value.
UNREADABLE = object()


def read(reader: Callable[..., Any], data: bytes, *where: Any) -> Any:
    """What a reader makes of the beginning of ``data``; None if it is unfit."""
    try:
        return reader(data, *(where or (0,)))
    except ProtocolError:
        return None


class WritingTests(SynchronousTestCase):
    @quick
    @given(st.integers(-(2**63), 2**64 - 1))
    def test_integers_in_the_smallest_form(self, value: int) -> None:
        self.assertEqual(packing.integer(value), msgspec.msgpack.encode(value))

    def test_integers_at_the_edges_of_each_form(self) -> None:
        edges = (0, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000, 2**32 - 1, 2**32, 2**64 - 1)
        for edge in (*edges, -1, -0x20, -0x21, -0x80, -0x81, -0x8000, -0x8001, -(2**31), -(2**31) - 1, -(2**63)):
            self.assertEqual(packing.integer(edge), msgspec.msgpack.encode(edge))
            self.assertEqual(packing.number(packing.integer(edge), 0), edge)

    def test_text_and_binary_at_the_edges_of_each_form(self) -> None:
        for size in (0, 31, 32, 255, 256, 65_535, 65_536):
            written = packing.text(b"x" * size)
            self.assertEqual(written, msgspec.msgpack.encode("x" * size))
            self.assertEqual(packing.octets(written, 0), (b"x" * size, len(written)))
            self.assertEqual(packing.binary_head(size) + b"x" * size, msgspec.msgpack.encode(b"x" * size))

    def test_maps_and_arrays_at_the_edges_of_each_form(self) -> None:
        for size in (0, 15, 16, 65_535, 65_536):
            self.assertEqual(packing.array_head(size) + b"\x01" * size, msgspec.msgpack.encode([1] * size))
            self.assertTrue(msgspec.msgpack.encode(dict.fromkeys(range(size), 1)).startswith(packing.map_head(size)))
            self.assertEqual(packing.array_size(packing.array_head(size), 0)[0], size)
            self.assertEqual(packing.map_size(packing.map_head(size), 0)[0], size)


class ReadingTests(SynchronousTestCase):
    @quick
    @given(st.dictionaries(st.text(), ANYTHING), ANYTHING, st.binary())
    def test_every_value_is_skipped_to_its_end(self, other: dict[str, Any], sought: Any, behind: bytes) -> None:
        """Whatever stands before a field, the field is found."""
        other.pop("sought", None)
        data = msgspec.msgpack.encode({**other, "sought": sought})
        found = packing.find_fields(data + behind, {b"sought"})
        self.assertEqual(data[found[b"sought"] :], msgspec.msgpack.encode(sought))

    @quick
    @given(st.binary() | ANYTHING.map(msgspec.msgpack.encode))
    def test_any_octets(self, data: bytes) -> None:
        """Whatever they are, they are unfit, or read as another reader reads them."""
        try:
            value = msgspec.msgpack.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            value = UNREADABLE
        number, truth = read(packing.number, data), read(packing.truth, data)
        octets, size = read(packing.octets, data), read(packing.array_size, data)
        if value is not UNREADABLE:
            self.assertEqual(truth, value if isinstance(value, bool) else None)
            self.assertEqual(number, value if isinstance(value, int) and not isinstance(value, bool) else None)
            spelled = value.encode() if isinstance(value, str) else value
            self.assertEqual(octets, (spelled, len(data)) if isinstance(spelled, bytes) else None)
            self.assertEqual(size and size[0], len(value) if isinstance(value, list) else None)
        elif octets is not None:
            self.assertEqual(octets[0], data[octets[1] - len(octets[0]) : octets[1]])
        for at in (read(packing.find_fields, data, {b"a"}) or {}).values():
            end, _ = packing.skip(data, at)
            self.assertLessEqual(end, len(data))
            if isinstance(value, dict) and "a" in value:
                self.assertEqual(msgspec.msgpack.decode(data[at:end]), value["a"])

    @quick
    @given(st.dictionaries(st.text(), ANYTHING, min_size=1), st.data())
    def test_what_is_cut_off_is_unfit(self, fields: dict[str, Any], data: st.DataObject) -> None:
        whole = msgspec.msgpack.encode(fields)
        cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
        self.assertRaises(ProtocolError, packing.find_fields, cut, {b"a"})

    def test_the_last_of_equal_fields_counts(self) -> None:
        data = packing.map_head(2) + packing.text(b"a") + b"\x01" + packing.text(b"a") + b"\x02"
        self.assertEqual(packing.number(data, packing.find_fields(data, {b"a"})[b"a"]), 2)

    def test_the_octet_that_never_begins_a_value(self) -> None:
        self.assertRaises(ProtocolError, packing.find_fields, b"\x81\xa1a\xc1", {b"a"})

    def test_other_types_are_unfit(self) -> None:
        value: Any
        for value in (None, 1.5, "1", [1], {}, True):
            self.assertRaises(ProtocolError, packing.number, msgspec.msgpack.encode(value), 0)
        for value in (None, 0, "true", []):
            self.assertRaises(ProtocolError, packing.truth, msgspec.msgpack.encode(value), 0)
        for value in (None, 0, [], {}):
            self.assertRaises(ProtocolError, packing.octets, msgspec.msgpack.encode(value), 0)


class AttackTests(SynchronousTestCase):
    def test_values_at_the_limit_and_beyond(self) -> None:
        fields = VALUES_LIMIT // 2
        data = b"\xde" + fields.to_bytes(2, "big") + b"\xa1a\xc0" * fields
        packing.find_fields(data, {b"a"})
        data = b"\xde" + (fields + 1).to_bytes(2, "big") + b"\xa1a\xc0" * (fields + 1)
        error = self.assertRaises(LimitExceeded, packing.find_fields, data, {b"a"})
        self.assertEqual(error.code, 1008)

    def test_lengths_that_are_only_claimed(self) -> None:
        """Nothing is allocated for them, whatever they are lengths of."""
        tracemalloc.start()
        try:
            for head in (0xC6, 0xC9, 0xDB, 0xDD, 0xDF):
                claim = bytes((head,)) + b"\xff\xff\xff\xff"
                self.assertRaises(ProtocolError, packing.find_fields, b"\x81\xa1a" + claim, {b"a"})
                self.assertRaises(ProtocolError, packing.find_fields, claim, {b"a"})
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 100_000)  # each of them claims 4 GiB

    def test_nesting_and_floods_take_no_stack_and_little_time(self) -> None:
        size = 4 * 1024 * 1024
        began = time.process_time()
        for bomb in (b"\x91" * size, b"\x81\xa0" * (size // 2), b"\xdd\xff\xff\xff\xff" + b"\xc0" * size):
            self.assertRaises(LimitExceeded, packing.find_fields, b"\x81\xa1a" + bomb, {b"b"})
        self.assertLess(time.process_time() - began, 1)
