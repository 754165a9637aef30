"""Content of a body without its codings (RFC 9110, 8.4): gzip, deflate, br, zstd, and several of them.

Bounds: what comes out is cut at ``DECODED_LIMIT`` bytes however small what goes in is, and a window of zstd has 8 MiB
at most (RFC 8878, 3.1.1.1.2).  Codings are looked at only as far as ``CODINGS``.

Brotli and zstandard are imported when the first body needs them.
"""

import zlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from sellia.inspector.exchange import Exchange
from sellia.inspector.model import Body
from sellia.protocol.messages import Headers
from sellia.relay.http.headers import values_of
from sellia.text import printable

#: Bytes that are decoded of a body, and codings that are taken off one.
DECODED_LIMIT: Final = 8 << 20
CODINGS: Final = 4

_ZSTD_WINDOW: Final = 8 << 20


class Content(NamedTuple):
    """What is inside, as far as it could be decoded; ``problem`` says what is missing or wrong, in a sentence."""

    data: bytes
    truncated: bool = False  #: whether there is more
    problem: str = ""


class _Broken(Exception):
    """What was said to be coded is not; the message is a predicate."""


def request_content(exchange: Exchange, limit: int = DECODED_LIMIT) -> Content:
    """Return a request's content without its codings."""
    return content_of(exchange.request_body, exchange.request_headers, limit)


def response_content(exchange: Exchange, limit: int = DECODED_LIMIT) -> Content:
    """Return a response's content without its codings."""
    return content_of(exchange.response_body, exchange.response_headers, limit)


def content_of(body: Body, headers: Headers, limit: int = DECODED_LIMIT) -> Content:
    """Return what a body holds without the codings that its Content-Encoding names."""
    data, truncated = bytes(body.data), body.truncated
    names = codings_of(headers)
    if not names or not data:
        return Content(data[:limit], truncated or len(data) > limit, "")
    if len(names) > CODINGS:
        return Content(data[:limit], True, f"It has {len(names)} content codings; up to {CODINGS} are taken off.")
    problem = ""
    for name in reversed(names):
        decode = _DECODERS.get(name)
        if decode is None:
            return Content(data, truncated, f'The content coding "{printable(name, 40)}" is not known here.')
        try:
            data, ended, more = decode(data, limit)
        except _Broken as error:
            return Content(data, truncated, f"It is not {name} as it says: {error}.")
        except ImportError:
            return Content(data, truncated, f'Content coded with "{name}" needs a package that is not installed.')
        if more:
            truncated, problem = True, f"It decodes to more than {limit:,} bytes, of which the rest is left out."
        elif not ended and not truncated:
            problem = f"Its {name} data ends before its end."
    return Content(data, truncated, problem)


def codings_of(headers: Headers) -> list[str]:
    """Return the content codings of a message in the order in which they were applied, ``identity`` left out."""
    listed = b",".join(values_of(headers, b"content-encoding")).decode("latin-1").lower()
    names = [name.strip() for name in listed.split(",")]
    return [name for name in names if name and name != "identity"]


def _gzip(data: bytes, limit: int) -> tuple[bytes, bool, bool]:
    """Return what is inside, whether its end was there, and whether there is more than ``limit``."""
    out, ended = b"", True
    while data:
        part, ended, data, more = _inflate(zlib.decompressobj(31), data, limit - len(out))
        out += part
        if more:
            return out, False, True
        if not ended or not data.startswith(b"\x1f\x8b"):
            break  # a member may follow (RFC 1952, 2.2); zeros and garbage are ignored
    return out, ended, False


def _deflate(data: bytes, limit: int) -> tuple[bytes, bool, bool]:
    """Take off zlib's format, or bare deflate, which many send (RFC 9110, 8.4.1.2)."""
    try:
        out, ended, _, more = _inflate(zlib.decompressobj(15), data, limit)
    except _Broken:
        out, ended, _, more = _inflate(zlib.decompressobj(-15), data, limit)
    return out, ended, more


def _inflate(decompressor: Any, data: bytes, limit: int) -> tuple[bytes, bool, bytes, bool]:
    try:
        out = decompressor.decompress(data, max(1, limit))
        more = not decompressor.eof and bool(decompressor.unconsumed_tail)
    except zlib.error as error:
        raise _Broken(str(error).rpartition(": ")[2]) from None
    return out[:limit], decompressor.eof, decompressor.unused_data, more


def _brotli(data: bytes, limit: int) -> tuple[bytes, bool, bool]:
    import brotli

    decompressor = brotli.Decompressor()
    out = []
    size = 0
    try:
        while size <= limit:
            part = decompressor.process(data, output_buffer_limit=1 << 16)
            data = b""
            size += len(part)
            out.append(part)
            if decompressor.is_finished() or (not part and decompressor.can_accept_more_data()):
                break
    except brotli.error:
        raise _Broken("it cannot be decompressed") from None
    return b"".join(out)[:limit], decompressor.is_finished(), size > limit


def _zstd(data: bytes, limit: int) -> tuple[bytes, bool, bool]:
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        with decompressor.stream_reader(data, read_across_frames=True) as reader:
            out = reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise _Broken(printable(str(error).rpartition(": ")[2], 80)) from None
    return out[:limit], True, len(out) > limit


_DECODERS: Final[dict[str, Callable[[bytes, int], tuple[bytes, bool, bool]]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
