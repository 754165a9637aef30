"""One tenant can do nothing to another: streams, sessions, names, keys."""

from __future__ import annotations

import os
import threading

from sellia.protocol import native
from sellia.protocol.messages import (
    CloseTunnel,
    Hello,
    Refused,
    ResponseHead,
    Trailers,
    TunnelReady,
    TunnelRefused,
    Welcome,
)
from tests.hostile import stage
from tests.hostile.case import HostileCase, Row, cases
from tests.hostile.ledger import OK, Arrived
from tests.hostile.peers import HostileClient, LinkClosed, Peer, record
from tests.hostile.visitors import dial, get, parse, talk
from tests.processes import ProcessError, start_server, wait_until

HEAD = native.encode(ResponseHead(200, b"OK", [(b"Content-Length", b"0")]))


def for_stream(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    """A record of a stream."""
    return record(kind, stream, payload, flags)


def answers() -> dict[str, list[bytes]]:
    """
    What a client that has been asked on stream 2 may send that is wrong, each a parcel.

    Stream 4 was never opened; at the server, sessions count on their own, so 4 may well be another tenant's.
    """
    good = for_stream(native.HEAD, 2, HEAD, native.END)
    begun = for_stream(native.HEAD, 2, native.encode(ResponseHead(200, b"", [])))
    return {
        "a stream that was never opened": [for_stream(native.HEAD, 4, HEAD, native.END)],
        "a stream with the highest number": [for_stream(native.DATA, 2**64 - 1, b"abc")],
        "a stream of its own parity": [for_stream(native.HEAD, 1, HEAD)],
        "an answer twice": [good, good],
        "an answer twice in one parcel": [good + good],
        "data behind the end": [good, for_stream(native.DATA, 2, b"abc")],
        "an end twice": [for_stream(native.HEAD, 2, HEAD) + for_stream(native.DATA, 2, b"", 1) * 2],
        "data before the head": [for_stream(native.DATA, 2, b"abc")],
        "trailers before the head": [for_stream(native.TRAILERS, 2, native.encode(Trailers([])))],
        "a second head": [for_stream(native.HEAD, 2, HEAD) * 2],
        "frames on a request": [for_stream(native.FRAME, 2, b"abc", 0x81)],
        "more than its credit": [begun] + [for_stream(native.DATA, 2, b"x" * 65536)] * 80,
        "a record above 64 KiB": [
            for_stream(native.HEAD, 2, native.encode(ResponseHead(200, b"", [])))
            + for_stream(native.DATA, 2, b"x" * 65537)
        ],
        "credit without end": [for_stream(native.CREDIT, 2, b"\xff\xff\xff\xff")],
        "the stream opened again": [for_stream(native.OPEN, 2, b"\x90")],
        "600 fields": [for_stream(native.HEAD, 2, native.encode(ResponseHead(200, b"", [(b"A", b"b")] * 600)))],
        "a head of 100 KiB": [for_stream(native.HEAD, 2, native.encode(ResponseHead(200, b"x" * 100_000, [])))],
        "a status of the wrong type": [for_stream(native.HEAD, 2, b"\x94\xa4head\xa3200\xc4\x02OK\x90")],
    }


def play(test: HostileCase, row: Row) -> None:
    """Its link is closed; its own visitor is told; an honest tenant, in the middle of an answer, notices nothing."""
    let_go = threading.Event()

    def slowly(arrived: Arrived) -> None:
        arrived.send(OK[:-1])
        let_go.wait(10)
        arrived.send(OK[-1:])

    stage.ledger().on("/honest", slowly)
    server = stage.server()
    with dial(server.port) as honest, dial(server.port) as visitor, HostileClient(server.port, "hostile") as client:
        honest.sendall(get(b"/honest"))
        ready = client.open(None)
        assert isinstance(ready, TunnelReady), ready
        visitor.sendall(get(host=ready.name.encode() + b".localhost"))
        stream, _ = client.asked()
        test.assertEqual(stream, 2)
        if row.name == "more than its credit":
            # The visitor reads nothing, so no credit comes back.
            visitor.settimeout(0.01)
        try:
            for parcel in row.sent:
                client.parcel(parcel)
        except ConnectionError:
            pass  # it was closed before all was said
        code, reason = client.end()
        test.assertIn(code, row.statuses, reason)
        let_go.set()
        data = b""
        while not parse(data)[0]:
            data += honest.recv(65536)
        test.assertEqual([each.body for each in parse(data)[0]], [b"ok"])
        gone = talk(server.port, (get(host=ready.name.encode() + b".localhost"),))
        test.assertIn(gone.answers[0].value("sellia-error"), ("client-gone", "no-such-tunnel"))


LIMITS = ("more than its credit", "a record above 64 KiB", "credit without end")


@cases([Row(name, tuple(parcels), (1008,) if name in LIMITS else (1002,)) for name, parcels in answers().items()], play)
class StreamTests(HostileCase):
    """Streams that are another's, ended, answered twice, or never opened."""


class SessionTests(HostileCase):
    """A session belongs to who has its token, and its key where it has one."""

    def test_guesses(self) -> None:
        """A token that is none begins a new session, and nothing tells how near it came."""
        with HostileClient(stage.server().port, "owner") as owner:
            guesses = [
                os.urandom(16),
                b"",
                bytes(16),
                owner.token[:15],
                owner.token + b"\x00",
                owner.token[:15] + b"\x00",
            ]
            for guess in guesses:
                with HostileClient(stage.server().port, "thief", session=guess) as thief:
                    self.assertFalse(thief.resumed)
                    self.assertNotEqual(thief.token, owner.token)
            self.assertTrue(owner.is_alive())

    def test_a_stolen_token_without_the_key(self) -> None:
        with HostileClient(stage.server().port, "owner") as owner:
            for key in ("thief", None):
                with HostileClient(stage.server().port, key, session=owner.token) as thief:
                    self.assertFalse(thief.resumed)
            self.assertTrue(owner.is_alive())

    def test_a_count_that_cannot_be(self) -> None:
        """It costs who tells it its own session, and nobody else anything."""
        with HostileClient(stage.server().port, "owner") as owner:
            with self.assertRaises(LinkClosed) as raised:
                again = HostileClient(stage.server().port, "owner", session=owner.token, received=10**6)
                again.is_alive()
            self.assertEqual(raised.exception.code, 1002)

    def test_closing_the_tunnel_of_another(self) -> None:
        with HostileClient(stage.server().port, "other") as client:
            for number in (0, 1, 2, 2**63 - 1):
                client.tell(CloseTunnel(number))
            self.assertTrue(client.is_alive())
        self.assertEqual(talk(stage.server().port, (get(),)).statuses, [200])


class NameTests(HostileCase):
    """A name has one owner."""

    def test_100_claims_at_once(self) -> None:
        """All have said hello before any of them asks: exactly one gets it."""
        clients = [HostileClient(stage.server().port, f"key {number}") for number in range(100)]
        try:
            for number, client in enumerate(clients):
                from sellia.protocol.messages import OpenTunnel

                client.tell(OpenTunnel(1, "http", "wanted" if number % 2 else "WanTed"))
            told = [client.message(TunnelReady, TunnelRefused) for client in clients]
        finally:
            for client in clients:
                client.drop()
        self.assertEqual([type(each) for each in told].count(TunnelReady), 1)
        self.assertEqual({each.word for each in told if isinstance(each, TunnelRefused)}, {"name-taken"})

    def test_the_name_is_kept_for_its_owner(self) -> None:
        """Also from who comes the moment after its link was lost."""
        port = stage.server().port
        owner = HostileClient(port, "owner of kept")
        self.assertIsInstance(owner.open("kept"), TunnelReady)
        owner.drop()
        for _ in range(3):
            with HostileClient(port, "thief") as thief:
                refused = thief.open("kept")
                assert isinstance(refused, TunnelRefused)
                self.assertEqual((refused.word, refused.final), ("name-taken", False))
        with HostileClient(port, "owner of kept") as again:
            self.assertIsInstance(again.open("kept"), TunnelReady)

    def test_the_name_of_an_honest_tenant(self) -> None:
        with HostileClient(stage.server().port, "thief") as thief:
            for number, name in enumerate(("demo", "DEMO", "Demo"), 1):
                refused = thief.open(name, number)
                assert isinstance(refused, TunnelRefused)
                self.assertEqual(refused.word, "name-taken")
        self.assertEqual(talk(stage.server().port, (get(),)).statuses, [200])

    def test_names_that_are_none(self) -> None:
        wrong = {
            "name-reserved": ("admin", "Admin", "www", "api", "postmaster", "localhost"),
            "name-invalid": (
                "xn--",
                "xn--a",
                "xn--demo-",
                "XN--DEMO-",
                "xn--xn--a-1ga",
                "ab--cd",
                "-abc",
                "abc-",
                "a.b",
                "demo.localhost",
                "a_b",
                "a b",
                "аdmin",
                "ｄｅｍｏ",
                "de\u00admo",
                "demo\n",
                "demo\x00",
                "a" * 64,
                "ab",
                "*",
                "../demo",
                "<script>",
            ),
        }
        number = 0
        with HostileClient(stage.server().port, "namer") as client:
            for word, names in wrong.items():
                for name in names:
                    number += 1
                    refused = client.open(name, number)
                    assert isinstance(refused, TunnelRefused), name
                    self.assertEqual((refused.word, refused.final), (word, True), name)

    def test_101_tunnels(self) -> None:
        with HostileClient(stage.server().port, "greedy") as client:
            told = [client.open(None, number) for number in range(1, 103)]
        self.assertEqual([type(each) for each in told], [TunnelReady] * 100 + [TunnelRefused] * 2)

    def test_a_number_twice(self) -> None:
        with HostileClient(stage.server().port, "twice") as client:
            client.open(None, 1)
            with self.assertRaises(LinkClosed) as raised:
                client.open(None, 1)
            self.assertEqual(raised.exception.code, 1002)


class CredentialTests(HostileCase):
    """Where a key is required, nothing else will do."""

    def setUp(self) -> None:
        super().setUp()
        self.server = start_server("--master-key", stage.KEY, *stage.SERVER_OPTIONS)
        self.addCleanup(self.server.stop)

    def word(self, key: str | None) -> str | int | None:
        with HostileClient(self.server.port, hello=False) as client:
            client.say(Hello(1, "hostile/1", key=key))
            try:
                told = client.message(Refused, Welcome)
            except LinkClosed as closed:
                return closed.code
        return told.word if isinstance(told, Refused) else "welcome"

    def test_keys(self) -> None:
        self.assertEqual(self.word(stage.KEY), "welcome")
        self.assertEqual(self.word(None), "key-required")
        self.assertEqual(self.word(""), "key-required")
        right = stage.KEY
        for key in (
            "x",
            right[:-1],
            right + "x",
            right.upper(),
            " " + right,
            right + "\x00",
            right + "\n",
            "x" * 15_000,
        ):
            self.assertEqual(self.word(key), "wrong-key", key[:40])
        self.assertEqual(self.word("x" * 20_000), 1002, "longer than a message may be")
        self.assertNotIn("Traceback", self.server.output)
        self.assertNotIn(right, self.server.output)

    def test_fields_of_the_handshake_are_no_source_of_keys(self) -> None:
        data = get(
            b"/ws",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Protocol: sellia.v1",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            b"Authorization: Bearer " + stage.KEY.encode(),
            b"Proxy-Authorization: Bearer " + stage.KEY.encode(),
            host=b"localhost",
        )
        with dial(self.server.port) as connection:
            connection.sendall(data)
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536)
            self.assertIn(b" 101 ", head)
            peer = Peer()
            peer.connection = connection
            peer.say(Hello(1, "hostile/1"))
            told = peer.message(Refused, Welcome)
            self.assertEqual(told.word, "key-required")
        self.assertNotIn(stage.KEY, self.server.output)

    def test_a_key_that_cannot_be_read_stops_the_start(self) -> None:
        for value in ("/nonexistent/key", "/dev/null", "/proc/self/mem"):
            with self.assertRaises(ProcessError):
                start_server("--require-auth", env={"SELLIA_MASTER_KEY_FILE": value})


class PasswordTests(HostileCase):
    """A tunnel with a password has one source of credentials."""

    def test_one_source(self) -> None:
        from base64 import b64encode

        good = b64encode(b"ann:s3cret-password")
        with HostileClient(stage.server().port, "locked") as client:
            ready = client.open(None, 1, "ann:s3cret-password")
            assert isinstance(ready, TunnelReady)
            host = ready.name.encode() + b".localhost"
            wrong: list[tuple[bytes, ...]] = [
                (),
                (b"Proxy-Authorization: Basic " + good,),
                (b"Authorization: Basic " + good, b"Authorization: Basic " + good),
                (b"Authorization: Basic " + b64encode(b"ann:wrong"), b"authorization: Basic " + good),
                (b"Authorization: Basic " + good[:-4],),
                (b"Authorization: Basic " + good + b"=",),
                (b"Authorization: Basic\t" + good,),
                (b"Authorization: Bearer " + good,),
                (b"Authorization: Basic",),
            ]
            for fields in wrong:
                said = talk(stage.server().port, (get(b"/", *fields, host=host),))
                self.assertEqual(said.statuses, [401], fields)
                self.assertIn("Basic realm=", said.answers[0].value("www-authenticate") or "")
            with dial(stage.server().port) as visitor:
                visitor.sendall(get(b"/", b"Authorization: Basic " + good, host=host))
                stream, opening = client.asked()
                self.assertNotIn(b"authorization", {name.lower() for name, _ in opening.headers})
                client.answer(stream, ResponseHead(200, b"OK", [(b"Content-Length", b"0")]))
                wait_until(lambda: visitor.recv(65536), "the answer")
        self.assertNotIn("s3cret-password", stage.server().output)
