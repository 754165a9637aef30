"""Where in a read of the socket one request ends and the next begins.

llhttp parses what is pipelined in one go, and when it stops at a method that it does not know, it does not say where.
So what it has parsed is parsed again, this time cut where a request can end: behind each empty line, which ends a head
without a body as well as a chunked body, and behind as many octets as a Content-Length says.  Only such a read costs
anything.
"""

from typing import Final

import httptools

_EMPTY_LINE: Final = b"\r\n\r\n"


class _Watcher:
    """Told by the parser what it finds; remembers only what the cuts depend on."""

    def __init__(self) -> None:
        self.complete = False
        self.length = 0

    def on_message_begin(self) -> None:
        self.complete = False
        self.length = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) == 14 and name.lower() == b"content-length" and not self.complete:
            self.length = int(value)

    def on_message_complete(self) -> None:
        self.complete = True


def end_of_requests(data: bytes) -> int:
    """Octets of ``data``, which begins with a request that llhttp accepts, up to the end of the last such request.

    What follows is something that llhttp does not accept, or the beginning of a request.
    """
    watcher = _Watcher()
    parser = httptools.HttpRequestParser(watcher)
    end = at = 0
    while at < len(data):
        left, watcher.length = watcher.length, 0
        found = data.find(_EMPTY_LINE, at)
        stop = at + left if left else found + len(_EMPTY_LINE) if found >= 0 else len(data)
        try:
            parser.feed_data(data[at:stop])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return end
        at = stop
        if watcher.complete:
            end = min(at, len(data))
    return end
