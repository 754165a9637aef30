"""The original dialect's octets: written as the original writes, read as it reads, and garbage is nothing."""

from typing import Any, get_args, get_type_hints

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import LimitExceeded
from sellia.protocol.messages import Headers
from sellia.protocol.original import messages as original
from sellia.protocol.original.fields import FIELDS_LIMIT, Long, TextOctets, Words
from sellia.protocol.original.messages import MESSAGE_LIMIT, Limits, Message, decode, encode, id_in

quick = settings(deadline=None, database=None, max_examples=200)

ID = "d38e56c3703c4a03908d4f5f71e188b4"

#: Names that differ when case is folded, so that none are merged.
NAMES = st.lists(st.binary(min_size=1, max_size=20), unique_by=bytes.lower, max_size=4)


@st.composite
def headers(draw: st.DrawFn) -> Headers:
    """Fields of equal names behind each other, as they come out of a map."""
    values = st.lists(st.binary(max_size=300), min_size=1, max_size=3)
    return [(name, value) for name in draw(NAMES) for value in draw(values)]


VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=50),
    Words: st.text(max_size=50),
    bytes: st.binary(max_size=50),
    TextOctets: st.binary(max_size=50),
    int: st.integers(-(2**31), 2**31 - 1),
    Long: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    Headers: headers(),
    Limits: st.builds(Limits, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1)),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    if kind in VALUES:
        return VALUES[kind]
    return st.none() | values(next(each for each in get_args(kind) if each is not type(None)))


def fields(kind: Any) -> dict[str, st.SearchStrategy[Any]]:
    hints = get_type_hints(kind, include_extras=True)
    return {each.name: values(hints[each.name]) for each in msgspec.structs.fields(kind)}


MESSAGES = st.one_of([st.builds(kind, **fields(kind)) for kind in get_args(Message)])


def said(**fields: Any) -> bytes:
    """A message in the encoding of somebody else."""
    return msgspec.msgpack.encode(fields)


class RoundTests(SynchronousTestCase):
    @quick
    @given(MESSAGES)
    def test_any_message_survives(self, message: Message) -> None:
        self.assertEqual(decode(encode(message)), message)

    @quick
    @given(MESSAGES)
    def test_others_can_read_it_and_type_comes_first(self, message: Message) -> None:
        octets = encode(message)
        self.assertEqual(octets[1:6], b"\xa4type")
        try:
            plain = msgspec.msgpack.decode(octets)
        except UnicodeDecodeError:  # text of the original's may be any octets
            return
        self.assertEqual(next(iter(plain)), "type")
        self.assertNotIn(None, plain.values())

    @quick
    @given(MESSAGES, st.randoms(use_true_random=False), st.binary())
    def test_in_any_order_and_among_others(self, message: Message, random: Any, rest: bytes) -> None:
        try:
            plain = msgspec.msgpack.decode(encode(message))
        except UnicodeDecodeError:
            return
        items = [*plain.items(), ("unknown", [{"a": None}, 1.5]), ("another", None)]
        random.shuffle(items)
        self.assertEqual(decode(msgspec.msgpack.encode(dict(items)) + rest), message)

    @quick
    @given(MESSAGES)
    def test_text_and_binary_for_each_other(self, message: Message) -> None:
        """Everything that is text sent as binary, names of fields and headers included."""
        try:
            plain = msgspec.msgpack.decode(encode(message))
        except UnicodeDecodeError:
            return
        self.assertEqual(decode(msgspec.msgpack.encode(_binary(plain))), message)

    def test_binary_sent_as_text(self) -> None:
        body = said(type="response_body", request_id=ID, chunk="hällo")
        self.assertEqual(decode(body), original.ResponseBody(ID, "hällo".encode()))


def _binary(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict):
        return {_binary(name): _binary(each) for name, each in value.items()}
    return [_binary(each) for each in value] if isinstance(value, list) else value


class WrittenTests(SynchronousTestCase):
    def test_as_it_was_recorded(self) -> None:
        """Octet for octet: a message of the original's client, and one of its server."""
        pong = bytes.fromhex("82a474797065a4706f6e67a974696d657374616d70cf000001a20489427f")
        self.assertEqual(decode(pong), original.Pong(1795372434047))
        self.assertEqual(encode(original.Pong(1795372434047)), pong)
        refused = bytes.fromhex(
            "83a474797065ac74756e6e656c5f636c6f7365a974756e6e656c5f6964a0a6726561736f6e"
            "bd537562646f6d61696e202761646d696e27206973207265736572766564"
        )
        self.assertEqual(decode(refused), original.TunnelClose("", "Subdomain 'admin' is reserved"))
        self.assertEqual(encode(original.TunnelClose("", "Subdomain 'admin' is reserved")), refused)

    def test_absent_fields_are_left_out(self) -> None:
        self.assertEqual(msgspec.msgpack.decode(encode(original.WsClose(ID))), {"type": "ws_close", "request_id": ID})

    def test_equal_names_come_together_under_the_first_spelling(self) -> None:
        fields = [(b"X-A", b"1"), (b"Host", b"h"), (b"x-a", b"2"), (b"X-A", b"3")]
        plain = msgspec.msgpack.decode(encode(original.WsUpgradeOk(ID, fields)))
        self.assertEqual(list(plain["headers"].items()), [("X-A", ["1", "2", "3"]), ("Host", ["h"])])

    def test_octets_of_header_values_are_not_touched(self) -> None:
        message = original.WsUpgradeOk(ID, [(b"X-Latin", b"caf\xe9")])
        self.assertIn(b"\xa4caf\xe9", encode(message))
        self.assertEqual(decode(encode(message)), message)


class IgnoredTests(SynchronousTestCase):
    """What the original ignores is None."""

    def ignored(self, **fields: Any) -> None:
        self.assertIsNone(decode(said(**fields)), fields)

    def test_unknown_types_and_no_type(self) -> None:
        self.ignored(type="hello", request_id=ID)
        self.ignored(request_id=ID)
        self.ignored(type=7)
        self.ignored(type=None)
        self.ignored(type="")

    def test_missing_fields(self) -> None:
        self.ignored(type="auth")
        self.ignored(type="response_body", request_id=ID)
        self.ignored(type="auth_ok", account_id="a", limits={"max_tunnels": 1})

    def test_mistyped_fields(self) -> None:
        self.ignored(type="auth", api_key=7)
        self.ignored(type="auth", api_key=None)
        self.ignored(type="ws_frame", request_id=ID, opcode="1", payload=b"", fin=True)
        self.ignored(type="ws_frame", request_id=ID, opcode=1, payload=b"", fin=1)
        self.ignored(type="ws_close", request_id=ID, code="1000")
        self.ignored(type="auth_ok", account_id="a", limits=[1, 2])

    def test_headers_that_are_not_lists_of_text(self) -> None:
        for wrong in ({"A": "plain"}, {"A": [1]}, {"A": [None]}, {1: ["a"]}, [["A", ["a"]]], "A", None):
            self.ignored(type="response_start", request_id=ID, status_code=200, headers=wrong)
        none = said(type="response_start", request_id=ID, status_code=200, headers={"A": []})
        self.assertEqual(decode(none), original.ResponseStart(ID, 200, []))

    def test_numbers_out_of_range_and_floats(self) -> None:
        for wrong in (2**31, -(2**31) - 1, 200.0, 2**63):
            self.ignored(type="response_start", request_id=ID, status_code=wrong, headers={})
        for wrong in (2**63, 1.0):
            self.ignored(type="pong", timestamp=wrong)
        for right in (2**31 - 1, -(2**31)):
            start = decode(said(type="response_start", request_id=ID, status_code=right, headers={}))
            self.assertEqual(start, original.ResponseStart(ID, right, []))
        self.assertEqual(decode(said(type="pong", timestamp=2**63 - 1)), original.Pong(2**63 - 1))

    def test_nil_for_what_is_optional(self) -> None:
        self.assertEqual(decode(said(type="ws_close", request_id=ID, code=None)), original.WsClose(ID))

    def test_text_that_is_not_utf8(self) -> None:
        """It is no id and no name; for people it is replaced."""
        self.ignored(type="auth", api_key=b"\xff")
        close = decode(said(type="ws_close", request_id=ID, reason=b"a\xff"))
        self.assertEqual(close, original.WsClose(ID, None, "a\ufffd"))

    def test_no_map(self) -> None:
        each: Any
        for each in ([], ["auth"], "auth", 7, None, {}):
            self.assertIsNone(decode(msgspec.msgpack.encode(each)))
        self.assertIsNone(decode(b""))

    @quick
    @given(st.binary(max_size=200))
    def test_any_octets(self, data: bytes) -> None:
        try:
            decode(data)
        except LimitExceeded:
            pass

    @quick
    @given(MESSAGES, st.data())
    def test_octets_that_are_almost_a_message(self, message: Message, data: st.DataObject) -> None:
        octets = bytearray(encode(message))
        for _ in range(data.draw(st.integers(1, 3))):
            octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
        try:
            decode(bytes(octets))
        except LimitExceeded:
            pass

    @quick
    @given(MESSAGES, st.data())
    def test_what_is_cut_off_is_nothing(self, message: Message, data: st.DataObject) -> None:
        octets = encode(message)
        self.assertIsNone(decode(octets[: data.draw(st.integers(0, len(octets) - 1))]))


class LimitTests(SynchronousTestCase):
    def test_length(self) -> None:
        around = len(encode(original.ResponseBody(ID, b"x" * 100_000))) - 100_000
        longest = original.ResponseBody(ID, b"x" * (MESSAGE_LIMIT - around))
        self.assertEqual(decode(encode(longest)), longest)
        error = self.assertRaises(LimitExceeded, decode, encode(longest) + b"x")
        self.assertEqual(error.code, 1009)

    def test_header_fields(self) -> None:
        most = [(b"A", b"")] * FIELDS_LIMIT
        self.assertEqual(decode(encode(original.WsUpgradeOk(ID, most))), original.WsUpgradeOk(ID, most))
        error = self.assertRaises(LimitExceeded, decode, encode(original.WsUpgradeOk(ID, [*most, (b"B", b"")])))
        self.assertEqual(error.code, 1008)


class BeginningTests(SynchronousTestCase):
    """Of a message that is too long to be read, whom it is about."""

    def test_the_id(self) -> None:
        for message in (original.ResponseBody(ID, b"x" * 5000), original.WsFrame(ID, 2, b"x" * 5000, True)):
            self.assertEqual(id_in(encode(message)[:200]), ID)
        another = said(type="ws_frame", opcode=1, extra=[{"a": 1}] * 3, request_id=ID, payload=b"x" * 5000)
        self.assertEqual(id_in(another[:200]), ID)

    def test_none(self) -> None:
        late = said(type="ws_frame", payload=b"x" * 5000, request_id=ID)
        for beginning in (late[:200], b"", b"\xdf\xff\xff\xff\xff", said(type="pong", timestamp=1), said(request_id=7)):
            self.assertEqual(id_in(beginning), "")

    @quick
    @given(st.binary(max_size=200))
    def test_any_octets(self, data: bytes) -> None:
        id_in(data)
