"""Octets to play: seeds, what resembles them, and what hypothesis makes of their parts."""

from __future__ import annotations

from pathlib import Path
from random import Random

from hypothesis import strategies as st

from sellia.protocol import native
from sellia.protocol.messages import (
    Ack,
    GoAway,
    Hello,
    HttpRequest,
    OpenTunnel,
    Reset,
    ResponseHead,
    Trailers,
    WebSocketRequest,
    Welcome,
)
from sellia.protocol.original import messages as original
from tests.transports.support import frame, head

FOUND = Path(__file__).resolve().parent / "found"
"""What once found something, by target: each is a case of `make test` for ever."""

_FIELDS: list[tuple[bytes, bytes]] = [(b"Host", b"a"), (b"Cookie", b"x=y")]

_HTTP = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://a/b?c HTTP/1.1\r\nhost:\ta\r\nAccept: */*\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",
    b"HEAD / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    b"BREW /pot HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
]

_ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.0 200 OK\nA: b\n c\nContent-Length: 05\n\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n2 ;a=b\r\nhi\r\n0\r\nA: b\r\n\r\nm",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\ncontent-length: 2\r\n\r\nhi",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00",
    b"ICY 200 OK\r\nicy-name: x\r\n\r\nmusic",
]

_WEBSOCKET = [
    frame(0x81, b"hello"),
    frame(0x02, b"he") + frame(0x89, b"ping") + frame(0x80, b"llo"),
    frame(0x82, b"x" * 200),
    frame(0xC1, b"compressed"),
    frame(0x88, b"\x03\xe8bye"),
    frame(0x81, b"hello", masked=False) + frame(0x82, b"y" * 130, masked=False),
    head(0x82, 70_000, True) + b"z" * 100,
    frame(0x00) * 3,
    frame(0x01) + frame(0x00) * 5 + frame(0x80),
]

_NATIVE = [
    (0, native.encode_link(Hello(1, "a", ["b"], "key", b"t" * 16, 3))),
    (0, native.encode_link(Welcome(1, "a", b"t" * 16, True))),
    (0, native.encode_link(Ack(300))),
    (1, native.encode(HttpRequest(1, b"GET", b"/", _FIELDS, "a", True, 1))),
    (1, native.encode(WebSocketRequest(1, b"/", _FIELDS, "a"))),
    (2, native.encode(ResponseHead(200, b"OK", _FIELDS, False, b"body"))),
    (3, native.encode(Trailers(_FIELDS))),
    (4, native.encode(Reset("client-gone", "why"))),
    (5, native.encode(OpenTunnel(1, "http", "demo", "a:b"))),
    (5, native.encode(GoAway("server-draining", "why", 1.5))),
    (6, bytes(4)),
    (7, bytes(8)),
]

_PARCELS = [
    native.pack_parcel(native.PARCEL, 1) + native.pack_record(kind, flags, 2, len(payload)) + payload
    for kind, flags, payload in (
        (native.HEAD, 0, native.encode(ResponseHead(200, b"OK", _FIELDS))),
        (native.DATA, 1, b"hello"),
        (native.TRAILERS, 0, native.encode(Trailers(_FIELDS))),
        (native.FRAME, 0x81, b"hello"),
        (native.FRAME_BEGIN, 0x82, bytes(7) + b"\x05"),
        (native.RESET, 0, native.encode(Reset("x"))),
        (native.CREDIT, 0, b"\x00\x00\x10\x00"),
        (native.BLOCKED, 0, b""),
        (16, 0, native.encode(OpenTunnel(1, "http"))),
    )
]

_SETTINGS = [
    b"port: 3000\ndomain: example.com\nhttps: true\n",
    b"listen:\n  - tcp:3000:interface=127.0.0.1\ntrust_proxy: [127.0.0.1, 10.0.0.0/8]\n",
    b"master_key: secret\nrequire_auth: true\nheader_limit: 64 KiB\nkeep_alive: 60\n",
    b"server: http://localhost:3000\ntunnels:\n  - port: 8080\n    subdomain: demo\n    auth: a:b\n",
    b"tunnels:\n  web: {target: 8080, subdomain: demo}\n  api: {paths: {/: 1, /api: {target: 2, strip: true}}}\n",
    b"request_rate: 1e3\nping_interval: .5\nlog_level: debug\n",
    b"a: &a [*a, 012, no, !!python/object:os.system x]\n? {b: c}\n: 'd'\n",
    b"\xef\xbb\xbfport: 0x10\n--- {}\n",
]

_HELLO = b"\3\3" + b"r" * 32 + b"\0" + b"\0\2\x13\1" + b"\1\0" + b"\0\x17" + b"\0\0\0\x13\0\x11\0\0\x0edemo.localhost"
_HELLOS = [
    b"\x16\3\1" + (len(_HELLO) + 4).to_bytes(2, "big") + b"\1" + len(_HELLO).to_bytes(3, "big") + _HELLO,
    b"\x16\3\1\0\4\1\0\0" + bytes((len(_HELLO),)) + b"\x16\3\1" + len(_HELLO).to_bytes(2, "big") + _HELLO,
    b"\x16\3\1\0\1\1" * 70,
]

_MESSAGES: list[original.Message] = [
    original.Auth("key"),
    original.TunnelOpen("http", 8080, "demo", "a:b"),
    original.Ping(1),
    original.WsFrame("id", 1, b"hello", True),
    original.WsClose("id", 1000, "bye"),
    original.TunnelClose("id", "why"),
    original.TcpData("id", b"data"),
]

WORDS = [
    *(b"\r\n", b"\r\n\r\n", b"\n", b"\r", b": ", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    *(b"GET / HTTP/1.1\r\nHost: a\r\n", b"HTTP/1.0", b"BREW ", b"\x00", b"\x85", b"\xff", b"Connection: close\r\n"),
    *(b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\x91", b"\x80", b"\xc0", b"\xc1"),
    *(
        b"\x81\x80\x00\x00\x00\x00",
        b"\x00\x80\x00\x00\x00\x00",
        b"\x82\xff",
        bytes(8),
        b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    ),
    *(b"port: ", b"- ", b"[", b"{", b"&a ", b"*a", b"!!", b"? ", b"|\n", b"'", b'"', b"---\n", b"~", b"1e999", b".nan"),
]
"""What mutations put in."""


def seeds(target: str) -> list[bytes]:
    """Inputs that are right, or nearly, and those that once found something."""
    own = {
        "http1": [bytes((cut,)) + one for one in [*_HTTP, _HTTP[2] + _HTTP[0], _HTTP[3] + _HTTP[5]] for cut in (0, 7)],
        "frames": [bytes((options,)) + one for one in _WEBSOCKET for options in (1, 0, 3, 255)],
        "codec": [bytes((which,)) + one for which, one in _NATIVE] + [b"\x08" + one for one in _PARCELS],
        "session": [bytes((role,)) + bytes(range(at, at + 40)) for role in (0, 1) for at in range(0, 200, 8)],
        "parcel": _PARCELS,
        "original": [original.encode(one) for one in _MESSAGES],
        "responses": [bytes((cut,)) + one for one in _ANSWERS for cut in (0, 7, 15, 200)],
        "client_hello": [bytes((cut,)) + one for one in _HELLOS for cut in (0, 7, 15)],
        "ingress": [bytes(range(at, at + size)) for at in range(0, 200, 3) for size in (4, 10, 30)],
        "pipe": [bytes(range(at, at + size)) for at in range(0, 200, 3) for size in (4, 10, 30)],
        "settings": _SETTINGS,
    }[target]
    return own + found(target)


def found(target: str) -> list[bytes]:
    """What once found something."""
    return [path.read_bytes() for path in sorted((FOUND / target).glob("*"))]


def mutated(random: Random, pool: list[bytes]) -> bytes:
    """One of ``pool``, with a few changes; now and then two of them joined."""
    data = bytearray(random.choice(pool))
    for _ in range(random.choice((1, 1, 2, 3, 5, 8))):
        at = random.randrange(len(data) + 1)
        match random.randrange(8):
            case 0:
                data[at:at] = random.choice(WORDS)
            case 1:
                data[at : at + random.randrange(1, 9)] = b""
            case 2:
                data[at : at + 1] = bytes((random.randrange(256),))
            case 3 if at < len(data):
                data[at] ^= 1 << random.randrange(8)
            case 4:
                other = random.choice(pool)
                data[at:at] = other[random.randrange(len(other) + 1) :]
            case 5:
                piece = data[at : at + random.randrange(1, 33)]
                data[at:at] = piece * random.choice((1, 2, 40))
            case 6:
                data[at:] = b""
            case _:
                data[at : at + 4] = random.randbytes(random.randrange(5))
    return bytes(data[:20_000])


def strategy(target: str) -> st.SearchStrategy[bytes]:
    """What hypothesis makes for a target: parts of seeds, words, and octets of any kind, in any order."""
    parts = [*seeds(target), *WORDS]
    return st.lists(st.one_of(st.sampled_from(parts), st.binary(max_size=12)), min_size=1, max_size=8).map(b"".join)
