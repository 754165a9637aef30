"""Line breaks in what a client says to the server, and in what a server says to the client: refused at both ends."""

from __future__ import annotations

from functools import cache
from typing import Any

from sellia.protocol import native
from sellia.protocol.messages import (
    GoAway,
    HttpRequest,
    Reset,
    ResponseHead,
    Trailers,
    TunnelReady,
    WebSocketRequest,
)
from tests.hostile import stage
from tests.hostile.case import HostileCase, Row, cases
from tests.hostile.peers import HostileClient, HostileServer, record
from tests.hostile.visitors import ACCEPT, dial, get, parse, talk, upgrade
from tests.processes import Process, start_twistd

CRLF = b"\r\nX-Injected: 1"
SPLIT = b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"


@cache
def hostile() -> HostileClient:
    """A client with a valid key that has the tunnel ``hostile``."""
    client = HostileClient(stage.server().port, "its own key")
    assert isinstance(client.open("hostile"), TunnelReady)
    return client


def heads() -> dict[str, ResponseHead]:
    """Answers that would be more than one."""
    ok: list[tuple[bytes, bytes]] = [(b"Content-Length", b"0")]
    bad_names = (
        b"A" + CRLF,
        b"A" + SPLIT,
        b"A\n",
        b"A\r",
        b"A:",
        b"A ",
        b" A",
        b"",
        b"A\x00",
        b"A\x85",
        b"\xc3\x84",
        b"A b",
    )
    bad_values = (
        b"b" + CRLF,
        b"b" + SPLIT,
        b"b\n",
        b"b\r",
        b"b\nX: 1",
        b"b\rX: 1",
        b"\x00",
        b"b\x1b",
        b"b\x7f",
    )
    found = {f"name {name!r}": ResponseHead(200, b"OK", [(name, b"b"), *ok]) for name in bad_names}
    found |= {f"value {value!r}": ResponseHead(200, b"OK", [(b"A", value), *ok]) for value in bad_values}
    found |= {
        f"reason {reason!r}": ResponseHead(200, reason, ok)
        for reason in (b"OK" + CRLF, b"OK" + SPLIT, b"OK\n", b"OK\r", b"OK\x00", b"OK\x1b[2J")
    }
    found |= {
        f"status {status}": ResponseHead(status, b"OK", ok) for status in (0, 1, 99, 1000, -200, 2**40, 2**63 - 1)
    }
    for status in (100, 103):
        found[f"value in an interim {status}"] = ResponseHead(status, b"", [(b"Link", b"b" + CRLF)])
    for value in (b"3, 3", b"+3", b"-1", b"0x3", b"3 ", b"", b"1" * 19, b"\xb2", b"3\r\nX: 1"):
        found[f"length {value!r}"] = ResponseHead(200, b"OK", [(b"Content-Length", value)])
    found["two lengths"] = ResponseHead(200, b"OK", [(b"Content-Length", b"0"), (b"content-length", b"6")])
    found["101 to a request without upgrade"] = ResponseHead(101, b"Switching Protocols", [])
    return found


def play_head(test: HostileCase, row: Row) -> None:
    """The visitor gets a 502 that is ours; the link stays."""
    client = hostile()
    with dial(stage.server().port) as visitor:
        visitor.sendall(get(b"/", host=b"hostile.localhost"))
        stream, _ = client.asked()
        client.parcel(record(native.HEAD, stream, native.encode(row.sent[0]), native.END))
        data = b""
        while not parse(data)[0]:
            more = visitor.recv(65536)
            test.assertTrue(more, data)
            data += more
        [answered], rest = parse(data)
        test.assertEqual((answered.status, answered.value("sellia-error")), (502, "bad-service-response"))
        test.assertNotIn(b"Injected", data)
        test.assertNotIn(b"forged", data)
        test.assertEqual(rest, b"")
    test.assertTrue(client.is_alive())
    test.assert_brief()


@cases([Row(name, (head,)) for name, head in heads().items()], play_head)  # type: ignore[arg-type]
class HostileClientHeadTests(HostileCase):
    """The head of an answer."""


def handshakes() -> dict[str, list[tuple[bytes, bytes]]]:
    """Fields of a 101 that do not answer the visitor's handshake."""
    good = (b"Sec-WebSocket-Accept", ACCEPT)
    protocol, extensions = b"Sec-WebSocket-Protocol", b"Sec-WebSocket-Extensions"
    return {
        "no accept": [],
        "forged accept": [(b"Sec-WebSocket-Accept", b"AAAAAAAAAAAAAAAAAAAAAAAAAAA=")],
        "two accepts": [good, good],
        "accept with a line break": [(b"Sec-WebSocket-Accept", ACCEPT + CRLF)],
        "subprotocol with a line break": [good, (protocol, b"chat" + CRLF)],
        "subprotocol that was not offered": [good, (protocol, b"other")],
        "two subprotocols": [good, (protocol, b"chat, chat")],
        "extension that was not offered": [good, (extensions, b"permessage-bzip2")],
        "extension of frames": [good, (extensions, b"x-webkit-deflate-frame")],
        "field with a line break": [good, (b"A", b"b" + CRLF)],
    }


def play_handshake(test: HostileCase, row: Row) -> None:
    """The visitor gets a 502 instead of the 101; the link stays."""
    client = hostile()
    with dial(stage.server().port) as visitor:
        visitor.sendall(upgrade(b"/", b"Sec-WebSocket-Protocol: chat", host=b"hostile.localhost"))
        stream, opening = client.asked()
        test.assertIsInstance(opening, WebSocketRequest)
        fields: Any = row.sent[0]
        client.answer(stream, ResponseHead(101, b"Switching Protocols", fields), end=False)
        data = b""
        while more := visitor.recv(65536):
            data += more
        [answered], rest = parse(data)
        test.assertEqual((answered.status, answered.value("sellia-error")), (502, "bad-service-response"))
        test.assertNotIn(b"Injected", data)
        test.assertEqual(rest, b"")
    test.assertTrue(client.is_alive())


@cases([Row(name, (fields,)) for name, fields in handshakes().items()], play_handshake)  # type: ignore[arg-type]
class HostileClientHandshakeTests(HostileCase):
    """A 101 that proves nothing, or agrees to what nobody offered."""


class HostileClientBodyTests(HostileCase):
    """An answer that says one thing about its length and does another cannot begin the next."""

    def visit(self, *records: bytes) -> bytes:
        """All that a visitor reads, when the client answers with these records, until the connection ends."""
        client = hostile()
        with dial(stage.server().port) as visitor:
            visitor.sendall(get(b"/", host=b"hostile.localhost") + get(b"/next", host=b"hostile.localhost"))
            stream, _ = client.asked()
            client.parcel(*(each.replace(b"STREAM..", stream.to_bytes(8, "big")) for each in records))
            data = b""
            try:
                while more := visitor.recv(65536):
                    data += more
            except ConnectionResetError:
                pass
        self.assertTrue(client.is_alive())
        return data

    def head(self, *fields: tuple[bytes, bytes]) -> bytes:
        return self.record(native.HEAD, native.encode(ResponseHead(200, b"OK", list(fields))))

    def data(self, payload: bytes, end: bool) -> bytes:
        return self.record(native.DATA, payload, native.END if end else 0)

    def record(self, kind: int, payload: bytes, flags: int = 0) -> bytes:
        """A record for a stream whose number is not known yet."""
        whole = record(kind, 0, payload, flags)
        return whole[:2] + b"STREAM.." + whole[10:]

    def test_longer_than_its_length(self) -> None:
        data = self.visit(self.head((b"Content-Length", b"2")), self.data(b"ab" + SPLIT, True))
        self.assertNotIn(b"forged", data)

    def test_shorter_than_its_length(self) -> None:
        data = self.visit(self.head((b"Content-Length", b"20")), self.data(b"ab", True))
        self.assertEqual(data.partition(b"\r\n\r\n")[2], b"ab", "the connection ends, so nobody takes it for complete")

    def test_a_coding_of_its_own(self) -> None:
        """Chunks are made by the server, so what looks like the last of them is data."""
        data = self.visit(
            self.head((b"Transfer-Encoding", b"chunked")),
            self.data(b"0\r\n\r\n" + SPLIT[4:], False),
            self.record(native.RESET, native.encode(Reset("service-died"))),
        )
        head, _, body = data.partition(b"\r\n\r\n")
        self.assertEqual(head.lower().count(b"transfer-encoding"), 1)
        self.assertIn(b"%x\r\n0\r\n\r\nHTTP/1.1 200" % (5 + len(SPLIT) - 4), body)

    def test_trailers_with_a_line_break(self) -> None:
        trailers = native.encode(Trailers([(b"A", b"b" + SPLIT)]))
        data = self.visit(self.head(), self.data(b"ab", False), self.record(native.TRAILERS, trailers))
        self.assertNotIn(b"forged", data)
        self.assertFalse(data.endswith(b"0\r\n\r\n"), "an answer that was broken must not look complete")


# --- a hostile server, and the client ------------------------------------------------------------------------------


@cache
def server_and_client() -> tuple[HostileServer, Process]:
    """A hostile server, and the client that has connected to it."""
    server = HostileServer()
    client = stage.watched(
        start_twistd(
            "sellia-client",
            *("--server", f"http://127.0.0.1:{server.port}", "--target", str(stage.ledger().port)),
            *("--subdomain", "demo", "--log-level", "debug"),
        )
    )
    server.accept()
    return server, client


HOST = (b"Host", b"demo.localhost")


def openings() -> dict[str, HttpRequest | WebSocketRequest]:
    """Requests that would be more than one."""
    found: dict[str, HttpRequest | WebSocketRequest] = {}
    for method in (b"GET / HTTP/1.1\r\nX: 1\r\n\r\nGET", b"GE T", b"", b"GET\n", b"GET\x00", b"G\xc9T"):
        found[f"method {method!r}"] = HttpRequest(1, method, b"/", [HOST])
    for target in (
        b"/ HTTP/1.1\r\nX: 1\r\n\r\nGET /smuggled",
        b"/ a",
        b"",
        b"/\n",
        b"/\x00",
        b"/\x85",
        b"/\xc2\x85",
        b"/\x7f",
    ):
        found[f"target {target!r}"] = HttpRequest(1, b"GET", target, [HOST])
        found[f"target of a handshake {target!r}"] = WebSocketRequest(1, target, [HOST])
    for name in (b"A" + CRLF, b"A:", b"A ", b"", b"A\n", b"A\x00", b"\xc3\x84"):
        found[f"name {name!r}"] = HttpRequest(1, b"GET", b"/", [HOST, (name, b"b")])
        found[f"name in a handshake {name!r}"] = WebSocketRequest(1, b"/", [HOST, (name, b"b")])
    for value in (b"b" + CRLF, b"b" + SPLIT, b"\n", b"\r", b"\x00", b"b\x85"):
        found[f"value {value!r}"] = HttpRequest(1, b"GET", b"/", [HOST, (b"A", value)])
        found[f"value in a handshake {value!r}"] = WebSocketRequest(1, b"/", [HOST, (b"A", value)])
    for what, fields in {
        "a coding of its own": [(b"Transfer-Encoding", b"chunked")],
        "two lengths": [(b"Content-Length", b"0"), (b"Content-Length", b"5")],
        "a length that is none": [(b"Content-Length", b"+5")],
        "a length without a body": [(b"Content-Length", b"5")],
    }.items():
        found[what] = HttpRequest(1, b"POST", b"/", [HOST, *fields])
    found["both a length and chunks"] = HttpRequest(1, b"POST", b"/", [HOST, (b"Content-Length", b"5")], chunked=True)
    found["a handshake with a length"] = WebSocketRequest(1, b"/", [HOST, (b"Content-Length", b"5")])
    found["a handshake without a key"] = WebSocketRequest(1, b"/", [HOST])
    found["a handshake with two keys"] = WebSocketRequest(1, b"/", [HOST, *[(b"Sec-WebSocket-Key", b"a" * 22)] * 2])
    return found


def play_opening(test: HostileCase, row: Row) -> None:
    """The client refuses to pass it on; nothing reaches the service, and the link stays."""
    server, _ = server_and_client()
    before = len(stage.ledger().seen())
    opening: Any = row.sent[0]
    stream = server.ask(opening, end=isinstance(opening, HttpRequest))
    verdict = server.verdict(stream)
    test.assertIsInstance(verdict, Reset)
    test.assertEqual(verdict.word, "bad-request")
    test.assertTrue(server.is_alive())
    test.assertEqual([each.head for each in stage.ledger().seen()[before:]], [])
    test.assert_brief()


@cases([Row(name, (opening,)) for name, opening in openings().items()], play_opening)  # type: ignore[arg-type]
class HostileServerTests(HostileCase):
    """The head of a request that a server sends to a client."""


class HostileServerBodyTests(HostileCase):
    """A body that is not as long as its head says cannot become another request at the service."""

    def reset(self, opening: HttpRequest, *records: tuple[int, bytes, int]) -> None:
        server, _ = server_and_client()
        stream = server.next_stream()
        opened = record(native.OPEN, stream, native.encode(opening))
        server.parcel(opened, *(record(kind, stream, payload, flags) for kind, payload, flags in records))
        verdict = server.verdict(stream)
        assert isinstance(verdict, Reset), verdict
        self.assertEqual(verdict.word, "bad-request")
        self.assertTrue(server.is_alive())
        stage.settle()
        self.assertEqual([each.head for each in stage.ledger().seen() if each.target == b"/smuggled"], [])

    def test_longer(self) -> None:
        opening = HttpRequest(1, b"POST", b"/", [HOST, (b"Content-Length", b"2")])
        self.reset(opening, (native.DATA, b"ab" + get(b"/smuggled"), native.END))

    def test_shorter(self) -> None:
        opening = HttpRequest(1, b"POST", b"/", [HOST, (b"Content-Length", b"20")])
        self.reset(opening, (native.DATA, b"ab", native.END))

    def test_trailers(self) -> None:
        opening = HttpRequest(1, b"POST", b"/", [HOST], chunked=True)
        trailers = native.encode(Trailers([(b"A", b"b\r\n\r\n" + get(b"/smuggled"))]))
        self.reset(opening, (native.DATA, b"ab", 0), (native.TRAILERS, trailers, 0))

    def test_chunks_are_made_by_the_client(self) -> None:
        server, _ = server_and_client()
        opening = HttpRequest(1, b"POST", b"/chunks-of-a-server", [HOST], chunked=True)
        body = b"0\r\n\r\n" + get(b"/smuggled")
        stream = server.next_stream()
        server.parcel(
            record(native.OPEN, stream, native.encode(opening)), record(native.DATA, stream, body, native.END)
        )
        verdict = server.verdict(stream)
        assert isinstance(verdict, ResponseHead), verdict
        self.assertEqual(bytes(stage.ledger().wait_for("/chunks-of-a-server").body), body)


class WordsOfAServerTests(HostileCase):
    """What a server says for people is shown on one line, with nothing in it that a terminal would act on."""

    def test_go_away(self) -> None:
        server, client = server_and_client()
        server.tell(GoAway("\x1b]8;;http://evil\x07\r\nfake: line", "\u202eevil", 1e308))
        self.assertTrue(server.is_alive())
        self.assertNotIn("\nfake: line", client.output)

    def test_reset(self) -> None:
        server, client = server_and_client()
        stage.ledger().on("/never", lambda arrived: arrived.wait_until_left())
        stream = server.ask(HttpRequest(1, b"GET", b"/never", [HOST], visitor="\x1b[2J\u202e\r\nfake: line"))
        stage.ledger().wait_for("/never")
        server.parcel(record(native.RESET, stream, native.encode(Reset("\x1b[2J", "\r\nfake: line\x9b"))))
        self.assertTrue(server.is_alive())
        self.assertNotIn("\nfake: line", client.output)

    def test_visitor_of_a_websocket(self) -> None:
        server, client = server_and_client()
        fields = [HOST, (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="), (b"Sec-WebSocket-Version", b"13")]
        stream = server.ask(WebSocketRequest(1, b"/ws-of-a-server", fields, "\x1b[2J\r\nfake: line"), end=False)
        server.verdict(stream)
        self.assertTrue(server.is_alive())
        self.assertNotIn("\nfake: line", client.output)


class OutputTests(HostileCase):
    """What visitors send is escaped in the logs of both ends; tearDown looks at every octet of them."""

    def test_bidi_controls_and_octets_that_are_no_utf_8(self) -> None:
        for target in ("/\u202etxt.exe\u2066\u200f\ufeff".encode(), b"/\xff\xfe\x9b"):
            said = talk(stage.server().port, (get(target, b"User-Agent: \xe2\x80\xae"),), until_close=True)
            self.assertEqual(said.statuses, [400])

    def test_the_host(self) -> None:
        said = talk(stage.server().port, (get(host="\u202eelif.exe".encode()),), until_close=True)
        self.assertEqual(said.statuses, [400])
        self.assertNotIn(b"\xe2\x80\xae", said.data)

    def test_the_agent_and_the_name_of_a_client(self) -> None:
        from sellia.protocol.messages import Hello, TunnelRefused, Welcome

        with HostileClient(stage.server().port, hello=False) as client:
            client.say(Hello(1, "\x1b]8;;http://evil\x07click\x1b]8;;\x07\r\nfake: line\u202e", ["\x1b[2J"]))
            client.message(Welcome)
            for number, name in enumerate(("\x1b[2J", "a\r\nfake: line", "\u202eevil", "a" * 10_000), 1):
                self.assertIsInstance(client.open(name, number), TunnelRefused)
        self.assertNotIn("\nfake: line", stage.server().output)

    def test_secrets_are_in_no_log(self) -> None:
        """At debug level either, which is what these processes run with."""
        secrets = (b"s3cret-bearer", b"s3cret-cookie", b"czNjcmV0LWJhc2ljOnBhc3N3b3Jk", b"s3cret-proxy")
        talk(
            stage.server().port,
            (
                get(
                    b"/secrets",
                    b"Authorization: Bearer s3cret-bearer",
                    b"Cookie: session=s3cret-cookie",
                    b"Proxy-Authorization: Basic s3cret-proxy",
                    b"X-Basic: czNjcmV0LWJhc2ljOnBhc3N3b3Jk",
                ),
            ),
        )
        for process in stage.processes():
            for secret in (*secrets, stage.KEY.encode()):
                self.assertNotIn(secret.decode(), process.output)
