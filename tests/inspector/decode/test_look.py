"""The choice of a decoder and all decoders, held against golden files, and against what a hostile visitor sends."""

import json
from random import Random

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.decode.decoded import PARTS, About
from sellia.inspector.decode.look import about_message, look, look_at_request, look_at_response, opening_of
from sellia.inspector.exchange import new_exchange
from sellia.inspector.timeline import Timeline
from tests.inspector.decode.golden import cases, made_of

#: What decoders are told, each of which leads to another one.
ABOUTS = [
    About(type=kind, parameters={"boundary": "XyZ"}, target="/graphql")
    for kind in (
        "application/json",
        "application/x-ndjson",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/xml",
        "text/event-stream",
        "application/msgpack",
        "application/graphql",
        "text/plain",
        "",
        "image/png",
    )
] + [
    About(websocket=True, binary=binary, subprotocol=subprotocol, target=target, opened=opened, from_visitor=visitor)
    for binary in (True, False)
    for visitor in (True, False)
    for subprotocol, target, opened in (
        ("graphql-transport-ws", "/", b""),
        ("actioncable-v1-json", "/cable", b""),
        ("v12.stomp", "/", b""),
        ("mqtt", "/", b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00"),
        ("", "/socket.io/?EIO=4", b""),
        ("", "/socket.io/?EIO=3", b""),
        ("", "/hub", b'{"protocol":"json","version":1}\x1e'),
        ("", "/socket/websocket?vsn=2.0.0", b""),
        ("vite-hmr", "/", b""),
        ("", "/_next/webpack-hmr", b""),
        ("", "/ws", b""),
    )
]


class GoldenTests(SynchronousTestCase):
    maxDiff = None

    def test_every_case(self) -> None:
        for name, each in cases().items():
            for case in each:
                self.assertEqual(made_of(case), case["decoded"], f"{name}: {case['name']}")

    def test_every_decoder_has_one(self) -> None:
        words = {case["decoded"]["decoder"] for each in cases().values() for case in each}
        self.assertEqual(
            words,
            set(
                """
                action-cable binary engine.io form graphql graphql-ws image json json-rpc jsonl jwt mcp mqtt msgpack
                multipart next phoenix signalr socket.io sse stomp text vite webpack xml
                """.split()
            ),
        )

    def test_titles_are_one_short_line(self) -> None:
        for each in cases().values():
            for case in each:
                title = case["decoded"].get("title", "")
                self.assertLessEqual(len(title), 200)
                self.assertNotIn("\n", title)


class HostileTests(SynchronousTestCase):
    def test_golden_cases_cut_and_changed(self) -> None:
        """No decoder raises, and what it makes can be shown, wherever cases are cut or changed."""
        random = Random(11)
        samples = [
            bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode()
            for each in cases().values()
            for case in each
        ]
        for data in samples:
            for about in random.sample(ABOUTS, 12):
                changed = bytearray(data[: random.randrange(len(data) + 1)] if random.random() < 0.5 else data)
                for _ in range(random.randrange(4) if changed else 0):
                    changed[random.randrange(len(changed))] = random.randrange(256)
                msgspec.json.encode(look(bytes(changed), about))

    def test_depth(self) -> None:
        for deep in (b"[" * 20_000, b"[" * 900 + b"]" * 900, b'{"a":' * 5000 + b"1" + b"}" * 5000, b"<a>" * 20_000):
            for about in ABOUTS:
                msgspec.json.encode(look(deep, about))
        for about in ABOUTS:
            msgspec.json.encode(look(b"\x91" * 20_000 + b"\x01", about))

    def test_numbers_and_counts(self) -> None:
        """Numbers with thousands of digits, and more parts than anybody looks at."""
        for data in (
            b"[" + b"9" * 10_000 + b"]",
            b'{"type":1e999}\x1e',
            b"&".join([b"a=b"] * 3000),
            b"\r\n--XyZ" * 3000,
            b"data: x\n\n" * 3000,
            b"\x1e".join([b"42[1]"] * 20_000),
            b"\xc0\x00" * 3000,
            b'{"type":6}\x1e' * 3000,
            b"99999999999999999999:x",
        ):
            for about in ABOUTS:
                found = look(data, about)
                self.assertLessEqual(len(found.parts), PARTS)
                json.dumps(msgspec.to_builtins(found))

    def test_a_billion_laughs(self) -> None:
        entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
        laughs = f'<!DOCTYPE x [<!ENTITY l0 "ha">{entities}]><x>&l29;</x>'
        found = look(laughs.encode(), About(type="text/xml"))
        self.assertLess(len(found.text), 10_000)
        external = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
        self.assertNotIn("root:", look(external, About(type="text/xml")).text)

    def test_text_is_as_it_came(self) -> None:
        """Markup, escapes and marks are not interpreted: whoever shows them escapes them."""
        text = "<img src=x onerror=alert(1)>\x1b[31m\u202e\0"
        self.assertIn(text, look(json.dumps([text]).encode(), About(type="application/json")).value)


class ExchangeTests(SynchronousTestCase):
    def test_bodies(self) -> None:
        exchange = new_exchange(1, "http", target=b"/graphql")
        exchange.request_headers = [(b"Content-Type", b"application/json; charset=utf-8")]
        exchange.request_body.add(b'{"query": "query Me { me }"}', 1.0, 1000)
        exchange.response_headers = [(b"content-type", b"application/json")]
        exchange.response_body.add(b'{"data": {"me": 1}}', 1.0, 1000)
        self.assertEqual(look_at_request(exchange).title, "query Me")
        self.assertEqual(look_at_response(exchange).title, "data: me")

    def test_messages(self) -> None:
        """SignalR in MessagePack is known by the handshake that came before."""
        exchange = new_exchange(1, "websocket", target=b"/hub")
        exchange.timeline = line = Timeline(limit=10_000, message_limit=10_000)
        line.add(1.0, True, 0x81, b'{"protocol":"messagepack","version":1}\x1e')
        line.add(1.0, False, 0x82, bytes.fromhex("02 91 06".replace(" ", "")))
        opened = opening_of(exchange)
        assert opened is not None
        about = about_message(exchange, line.messages()[1], opened.payload)
        self.assertEqual(look(line.messages()[1].payload, about).title, "Ping")
        self.assertIsNone(opening_of(new_exchange(1, "http")))
