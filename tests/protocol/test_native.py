"""The native dialect's bytes: whatever is said survives, whatever is garbage is refused, and neither costs much."""

import tracemalloc
from collections.abc import Callable
from typing import Any, get_args, get_origin

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.protocol import messages, native
from sellia.protocol.limits import CONTROL_LIMIT, HEAD_LIMIT, HEADER_COUNT_LIMIT, KIB
from sellia.protocol.messages import Ack, Headers, Hello, HttpRequest, Reset, ResponseHead, Trailers, Welcome

quick = settings(deadline=None, database=None, max_examples=200)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Whatever a field of this type can hold on the wire."""
    inner = get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return any_of(kind)
    if get_origin(kind) is list:
        return st.lists(values(inner[0]), max_size=5)
    if get_origin(kind) is dict:
        return st.dictionaries(*map(values, inner), max_size=5)
    if get_origin(kind) is tuple:
        return st.tuples(*map(values, inner))
    if inner:
        return st.one_of(*map(values, inner))
    return {
        int: st.integers(-(2**63), 2**64 - 1),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
        str: st.text(max_size=50),
        bytes: st.binary(max_size=50),
        type(None): st.none(),
    }[kind]


def any_of(*types: Any) -> st.SearchStrategy[Any]:
    """Any message of these types, with all fields set."""
    fields = {each: {field.name: values(field.type) for field in msgspec.structs.fields(each)} for each in types}
    return st.one_of([st.builds(each, **fields[each]) for each in types])


LINK_MESSAGES = any_of(*get_args(messages.LinkMessage))
OPENINGS = any_of(*get_args(messages.Opening))
SESSION_MESSAGES = any_of(*get_args(messages.SessionMessage))

Record = tuple[int, int, int, bytes]

RECORDS: st.SearchStrategy[list[Record]] = st.lists(
    st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**64 - 1), st.binary(max_size=200)),
    max_size=10,
)

DECODERS: tuple[Callable[[bytes], Any], ...] = (
    native.decode_link,
    native.decode_opening,
    native.decode_head,
    native.decode_trailers,
    native.decode_reset,
    native.decode_control,
    native.decode_credit,
    native.decode_frame_length,
    native.parcel_ack,
    lambda message: list(native.records(message)),
)


def parcel(said: list[Record], ack: int = 0) -> bytes:
    """A parcel of these records."""
    return native.pack_parcel(native.PARCEL, ack) + b"".join(
        native.pack_record(kind, flags, stream, len(payload)) + payload for kind, flags, stream, payload in said
    )


class RoundTripTests(SynchronousTestCase):
    """What is said is what is heard."""

    @quick
    @given(LINK_MESSAGES)
    def test_link_messages(self, message: messages.LinkMessage) -> None:
        encoded = native.encode_link(message)
        self.assertEqual(encoded[0], native.LINK)
        self.assertEqual(native.decode_link(encoded), message)

    @quick
    @given(OPENINGS)
    def test_openings(self, opening: messages.Opening) -> None:
        self.assertEqual(native.decode_opening(native.encode(opening)), opening)

    @quick
    @given(SESSION_MESSAGES)
    def test_session_messages(self, message: messages.SessionMessage) -> None:
        self.assertEqual(native.decode_control(native.encode(message)), message)

    @quick
    @given(any_of(ResponseHead), any_of(Trailers), any_of(Reset))
    def test_what_goes_on_in_a_stream(self, head: ResponseHead, trailers: Trailers, reset: Reset) -> None:
        self.assertEqual(native.decode_head(native.encode(head)), head)
        self.assertEqual(native.decode_trailers(native.encode(trailers)), trailers)
        self.assertEqual(native.decode_reset(native.encode(reset)), reset)

    @quick
    @given(RECORDS, st.integers(0, 2**64 - 1))
    def test_parcels(self, said: list[Record], ack: int) -> None:
        message = parcel(said, ack)
        self.assertEqual(native.parcel_ack(message), ack)
        self.assertEqual(list(native.records(message)), said)

    @quick
    @given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
    def test_numbers(self, credit: int, length: int) -> None:
        self.assertEqual(native.decode_credit(native.pack_credit(credit)), credit)
        self.assertEqual(native.decode_frame_length(native.pack_length(length)), length)


class GarbageTests(SynchronousTestCase):
    """Whatever arrives, ProtocolError is all that is raised."""

    def meet(self, decoder: Callable[[bytes], Any], payload: bytes) -> None:
        try:
            decoder(payload)
        except ProtocolError as error:
            self.assertTrue(str(error))

    @quick
    @given(st.binary(max_size=300))
    def test_any_bytes(self, payload: bytes) -> None:
        for decoder in DECODERS:
            self.meet(decoder, payload)

    @quick
    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**64 - 1)
            | st.floats()
            | st.text()
            | st.binary()
            | st.sampled_from(("http", "ws", "head", "reset", "hello", "welcome", "ack", "bye", "open-tunnel")),
            lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(), inner, max_size=3),
        )
    )
    def test_anything_that_messagepack_can_say(self, value: object) -> None:
        payload = native.encode(value)
        for decoder in DECODERS:
            self.meet(decoder, payload)
        self.meet(native.decode_link, b"\x00" + payload)

    @quick
    @given(st.one_of(OPENINGS, SESSION_MESSAGES, LINK_MESSAGES), st.data())
    def test_messages_with_one_octet_changed_or_cut_off(self, message: Any, data: st.DataObject) -> None:
        whole = native.encode(message)
        at = data.draw(st.integers(0, len(whole) - 1))
        changed = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
        for payload in (changed, whole[:at], whole + b"\x00"):
            for decoder in (native.decode_opening, native.decode_control):
                self.meet(decoder, payload)
            self.meet(native.decode_link, b"\x00" + payload)

    @quick
    @given(RECORDS, st.integers(0, 2000))
    def test_parcels_cut_off_anywhere(self, said: list[Record], length: int) -> None:
        """What was whole before the cut is read; then the cut is found, unless it fell between two records."""
        whole = parcel(said)
        cut = whole[:length]
        heard = []
        try:
            for record in native.records(cut):
                heard.append(record)
        except ProtocolError:
            self.assertNotEqual(parcel(heard), cut)
        else:
            if len(cut) >= native.PARCEL_HEADER:
                self.assertEqual(parcel(heard), cut)
        self.assertEqual(heard, said[: len(heard)])

    def test_deep_nesting(self) -> None:
        for nested in (b"\x91" * CONTROL_LIMIT, b"\x92\xa3ack" + b"\x91" * 10_000, b"\x81" * 10_000):
            for decoder in DECODERS:
                self.meet(decoder, nested[:CONTROL_LIMIT])

    def test_text_that_is_not_utf_8(self) -> None:
        self.assertRaises(ProtocolError, native.decode_reset, b"\x93\xa5reset\xa1\xff\xa0")
        self.assertRaises(ProtocolError, native.decode_link, b"\x00\x92\xa1\xff\x01")


class UnknownTests(SynchronousTestCase):
    """A newer peer can say more."""

    def test_messages_with_an_unknown_tag(self) -> None:
        future = native.encode(["future", 1, 2, 3])
        self.assertIsNone(native.decode_link(b"\x00" + future))
        self.assertIsNone(native.decode_control(future))

    def test_but_not_where_an_answer_depends_on_it(self) -> None:
        """A stream cannot be opened by a message that nobody understands."""
        for decoder in (native.decode_opening, native.decode_head, native.decode_reset, native.decode_trailers):
            self.assertRaises(ProtocolError, decoder, native.encode(["future", 1, 2, 3]))

    def test_a_known_tag_with_a_wrong_field_is_not_unknown(self) -> None:
        self.assertRaises(ProtocolError, native.decode_link, b"\x00" + native.encode(["ack", "many"]))
        self.assertRaises(ProtocolError, native.decode_control, native.encode(["open-tunnel", 1, 2]))


class LimitTests(SynchronousTestCase):
    """Lengths are refused before they cost anything."""

    def test_messages_that_are_too_long(self) -> None:
        for decoder, message in (
            (native.decode_link, b"\x00" + native.encode(Hello(1, "x" * CONTROL_LIMIT))),
            (native.decode_control, native.encode(messages.GoAway("x", "x" * CONTROL_LIMIT))),
            (native.decode_reset, native.encode(Reset("x", "x" * CONTROL_LIMIT))),
            (native.decode_opening, native.encode(HttpRequest(1, b"GET", b"/" * HEAD_LIMIT, []))),
            (native.decode_head, native.encode(ResponseHead(200, b"x" * HEAD_LIMIT, []))),
            (native.decode_trailers, native.encode(Trailers([(b"x", b"x" * HEAD_LIMIT)]))),
        ):
            self.assertRaises(ProtocolError, decoder, message)

    def test_heads_with_too_many_fields(self) -> None:
        most: Headers = [(b"a", b"b")] * HEADER_COUNT_LIMIT
        more: Headers = [*most, (b"a", b"b")]
        makers: tuple[tuple[Callable[[bytes], Any], Callable[[Headers], Any]], ...] = (
            (native.decode_opening, lambda headers: HttpRequest(1, b"GET", b"/", headers)),
            (native.decode_opening, lambda headers: messages.WebSocketRequest(1, b"/", headers)),
            (native.decode_head, lambda headers: ResponseHead(200, b"OK", headers)),
            (native.decode_trailers, Trailers),
        )
        for decoder, make in makers:
            self.assertEqual(decoder(native.encode(make(most))), make(most))
            self.assertRaises(ProtocolError, decoder, native.encode(make(more)))

    def test_nothing_is_allocated_by_a_claimed_length(self) -> None:
        """Arrays, octets, text and records that claim gigabytes in a few octets."""
        head = b"\x95\xa4http\x01\xc4\x03GET\xc4\x01/"
        claims: list[tuple[Callable[[bytes], object], bytes]] = [
            (decoder, prefix + kind + size.to_bytes(4, "big"))
            for size in (2**20, 2**31, 2**32 - 1)
            for decoder, prefix, kind in (
                (native.decode_opening, head, b"\xdd"),
                (native.decode_opening, head, b"\xdf"),
                (native.decode_opening, head + b"\x91\x92", b"\xc6"),
                (native.decode_opening, b"", b"\xdd"),
                (native.decode_control, b"\x94\xabopen-tunnel\x01", b"\xdb"),
                (native.decode_link, b"\x00\x96\xa5hello\x01\xa1x", b"\xdd"),
                (native.decode_link, b"\x00", b"\xc9"),
            )
        ]
        record = native.pack_parcel(native.PARCEL, 0) + native.pack_record(native.DATA, 0, 1, 2**32 - 1)
        claims.append((lambda message: list(native.records(message)), record))
        tracemalloc.start()
        try:
            for decoder, payload in claims:
                self.assertRaises(ProtocolError, decoder, payload)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 256 * KIB)

    def test_a_long_head_costs_no_more_than_its_length_allows(self) -> None:
        """The most values that fit into a head: each costs at most some hundred octets before they are counted."""
        fields = (HEAD_LIMIT - 32) // 5
        payload = b"\x92\xa8trailers\xdd" + fields.to_bytes(4, "big") + b"\x92\xc4\x00\xc4\x00" * fields
        self.assertLessEqual(len(payload), HEAD_LIMIT)
        tracemalloc.start()
        try:
            self.assertRaises(ProtocolError, native.decode_trailers, payload)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 4096 * KIB)


class SpellingTests(SynchronousTestCase):
    """The examples of ``docs/protocol.rst``: whoever changes one of these changes the dialect."""

    def test_link_messages(self) -> None:
        self.assertEqual(native.encode_link(Ack(300)), b"\x00\x92\xa3ack\xcd\x01\x2c")
        self.assertEqual(
            native.encode_link(Hello(1, "sellia 1.0", [], "key", attempt=3)),
            b"\x00\x98\xa5hello\x01\xaasellia 1.0\x90\xa3key\xc0\x00\x03",
        )
        self.assertEqual(
            native.encode_link(Welcome(1, "s", b"\x01\x02", False)),
            b"\x00\x9b\xa7welcome\x01\xa1s\xc4\x02\x01\x02\xc2\x00\x90\xcb@\x14\0\0\0\0\0\0\xcb@.\0\0\0\0\0\0"
            b"\xcb@^\0\0\0\0\0\0\x80",
        )

    def test_records_and_parcels(self) -> None:
        self.assertEqual(native.pack_parcel(native.PARCEL, 5), b"\x01\0\0\0\0\0\0\0\x05")
        self.assertEqual(native.pack_record(native.DATA, native.END, 2, 5), b"\x03\x01\0\0\0\0\0\0\0\x02\0\0\0\x05")
        self.assertEqual((native.PARCEL_HEADER, native.RECORD_HEADER), (9, 14))

    def test_heads(self) -> None:
        self.assertEqual(
            native.encode(ResponseHead(200, b"OK", [(b"Server", b"x")])),
            b"\x96\xa4head\xcc\xc8\xc4\x02OK\x91\x92\xc4\x06Server\xc4\x01x\xc2\xc4\x00",
        )
        self.assertEqual(native.encode(Reset("visitor-gone")), b"\x96\xa5reset\xacvisitor-gone\xa0\xff\xff\x80")
