"""Exchanges of a hostile visitor and a hostile service: every field is markup, escapes, or longer than anybody expects.

`pass_through` tells an observer of them as a client's legs do, so what is kept went through the capture and the store.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from sellia.protocol.messages import HttpRequest, ResponseHead, WebSocketRequest
from sellia.relay.mux.observer import StreamObserver
from sellia.why.cause import Cause

#: What would do something if a page, a terminal or a shell took it for its own. Those that a browser would run set
#: ``window.hurt``, so that a test sees whether one did.
TEXTS: Final = (
    b"<script>window.hurt = 1</script>",
    b"<img src=x onerror='window.hurt = 2'>",
    b"<svg/onload=window.hurt=3>",
    b"\"><iframe srcdoc='<script>parent.hurt = 4</script>'>",
    b"javascript:window.hurt=5",
    b"</script><script>window.hurt=6//",
    b"{{constructor.constructor('window.hurt=7')()}}${window.hurt=7}",
    b"<style>*{display:none}</style><base href=//evil.example><meta http-equiv=refresh content=0;url=//evil.example>",
    b"data:text/html,<script>window.hurt=8</script>",
    b"</textarea></title><!--<plaintext>",
    b"&lt;script&gt;window.hurt=9&lt;/script&gt;",
    b"\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b]8;;http://evil.example\x1b\\link",
    b"\x00nul\x00\x01\x02\x7f\x08\x08\x08",
    "\u202egnp.exe\u202c \u2066\u2067\u2068\u2069 \u200f\u200e\ufeff\u200b".encode(),
    "\u2028\u2029\u0085\u00a0\ufffe\uffff".encode(),
    b"\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\x80",
    b"%00%0d%0a%3Cscript%3E\\u003cscript\\u003e\\x3c",
    b"__proto__",
    b"constructor",
    b"'; DROP TABLE exchanges; --",
    b"`id`$(id)%PATH%!x^&|\"'\\",
    b"../../../../etc/passwd\\..\\..",
    ("Z\u0335\u0321\u0322" * 40).encode(),
    b"]]>\r\nSet-Cookie: a=b\r\n\r\n<html>",
    b'{"a": ' * 400,
    b"[" * 5000,
    b"NaN,Infinity,-0,1e999",
)

#: Media types, so that every decoder meets what it does not expect.
TYPES: Final = (
    b"text/html; charset=utf-8",
    b"image/svg+xml",
    b"application/json",
    b"application/xml",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=<script>",
    b"text/event-stream",
    b"application/msgpack",
    b"application/graphql",
    b"application/jwt",
    b"<script>/<script>; charset=\xff",
)

CODINGS: Final = (b"", b"gzip", b"br", b"zstd", b"deflate", b"gzip, br, <script>", b"\xff")
SUBPROTOCOLS: Final = (b"mqtt", b"graphql-transport-ws", b"v12.stomp", b"actioncable-v1-json", b"<script>", b"\xff\x00")

#: Bytes of a long name, and how many exchanges there are for one that has some.
LONG: Final = 1 << 20
SELDOM: Final = 100


def text(number: int) -> bytes:
    """Return one of the texts."""
    return TEXTS[number % len(TEXTS)]


def long(number: int) -> bytes:
    """Return a text of ``LONG`` bytes that nothing else shares."""
    one = text(number)
    return (one * (LONG // len(one) + 1))[:LONG]


def pass_through(
    observer: StreamObserver, count: int, first: int = 1, tick: Callable[[], object] = lambda: None
) -> None:
    """Tell ``observer`` of that many exchanges, each on the stream of its number; ``tick`` is called behind each."""
    for number in range(first, first + count):
        if number % 3:
            _request(observer, number)
        else:
            _socket(observer, number)
        tick()


def _name(number: int) -> bytes:
    return long(number) if number % SELDOM == 0 else text(number)


def _fields(number: int) -> list[tuple[bytes, bytes]]:
    return [
        (b"Host", text(number + 1)),
        (_name(number), text(number + 2)),
        (b"Cookie", text(number + 3) + b"=" + text(number + 4)),
        (b"Authorization", b"Bearer " + text(number + 5)),
        (text(number + 6), _name(number + SELDOM // 2)),
        (b"Content-Type", TYPES[number % len(TYPES)]),
        (b"Content-Encoding", CODINGS[number % len(CODINGS)]),
    ]


def _request(observer: StreamObserver, number: int) -> None:
    target = b"/" + _name(number + 7) + b"?" + text(number + 8) + b"=" + text(number + 9)
    visitor = text(number + 10).decode("utf-8", "replace")
    observer.request(number, HttpRequest(1, text(number), target, _fields(number), visitor))
    if number % 5 == 0:
        observer.rewritten(number, b"/" + text(number + 11), _fields(number + 1))
    observer.sent(number)
    observer.body(number, True, _name(number + 12))
    observer.trailers(number, True, [(text(number), text(number + 1))])
    for _ in range(number % 4):
        observer.response(number, ResponseHead(103, text(number), _fields(number)))
    observer.response(number, ResponseHead((200, 404, 999, 600)[number % 4], text(number + 2), _fields(number + 3)))
    observer.body(number, False, text(number + 13))
    observer.trailers(number, False, [(text(number + 4), text(number + 5))])
    reason = text(number + 14).decode("utf-8", "replace")
    if number % 2:
        sentence = text(number + 3).decode("utf-8", "replace")
        observer.explained(number, Cause(reason[:40], "unknown", sentence, sentence, sentence, {sentence: sentence}))
    observer.ended(number, "visitor", reason, reason)


def _socket(observer: StreamObserver, number: int) -> None:
    subprotocol = SUBPROTOCOLS[number % len(SUBPROTOCOLS)]
    fields = [*_fields(number), (b"Sec-WebSocket-Protocol", subprotocol)]
    visitor = text(number).decode("utf-8", "replace")
    observer.request(number, WebSocketRequest(1, b"/" + _name(number), fields, visitor))
    answer = [(b"Sec-WebSocket-Protocol", subprotocol)]
    if number % 2:
        answer.append((b"Sec-WebSocket-Extensions", b"permessage-deflate; server_max_window_bits=9" + text(number)))
    observer.response(number, ResponseHead(101, text(number), answer))
    for each, first in enumerate((0x81, 0x82, 0xC1, 0x01, 0x00, 0x80, 0x89, 0x8A, 0xF3, 0x41)):
        observer.frame(number, bool(each % 2), first, _name(number + each))
    observer.frame_begun(number, True, 0x81, LONG)
    observer.frame_continued(number, True, text(number))
    observer.frame(number, True, 0x88, b"\x03\xe8" + text(number)[:123])
    observer.ended(number, "visitor", 1000, text(number).decode("utf-8", "replace"))


def strings(value: Any) -> Iterator[str]:
    """Return every string within a value that was JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
