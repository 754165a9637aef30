"""Content codings taken off bodies, within bounds."""

import gzip
import tracemalloc
import zlib

import brotli
import zstandard
from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.decode.content import (
    CODINGS,
    DECODED_LIMIT,
    Content,
    codings_of,
    content_of,
    request_content,
    response_content,
)
from sellia.inspector.exchange import new_exchange
from sellia.inspector.model import Body
from sellia.protocol.messages import Headers

TEXT = b"Hello, inspector. " * 100


def bare_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


CODED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstandard.compress(TEXT),
}


def coded(*names: str) -> Headers:
    return [(b"Content-Encoding", name.encode()) for name in names]


def content(data: bytes, *names: str, length: int | None = None, limit: int = DECODED_LIMIT) -> Content:
    return content_of(Body(data, len(data) if length is None else length), coded(*names), limit)


class CodingTests(SynchronousTestCase):
    def test_each(self) -> None:
        for name, data in CODED.items():
            self.assertEqual(content(data, name), Content(TEXT), name)
            self.assertEqual(content(data, name.upper()), Content(TEXT), name)
        self.assertEqual(content(bare_deflate(TEXT), "deflate"), Content(TEXT))

    def test_none(self) -> None:
        self.assertEqual(content(TEXT), Content(TEXT))
        self.assertEqual(content(TEXT, "identity"), Content(TEXT))
        self.assertEqual(content(b"", "gzip"), Content(b""))

    def test_several(self) -> None:
        data = brotli.compress(gzip.compress(TEXT))
        self.assertEqual(content(data, "gzip, br"), Content(TEXT))
        self.assertEqual(content(data, "gzip", "br"), Content(TEXT))

    def test_members_of_gzip_and_frames_of_zstd(self) -> None:
        self.assertEqual(content(gzip.compress(b"a") + gzip.compress(b"b"), "gzip").data, b"ab")
        self.assertEqual(content(zstandard.compress(b"a") + zstandard.compress(b"b"), "zstd").data, b"ab")
        self.assertEqual(content(gzip.compress(b"a") + b"\0\0\0", "gzip"), Content(b"a"))

    def test_what_is_not_what_it_says(self) -> None:
        for name in CODED:
            found = content(b"plain text, no coding at all", name)
            self.assertEqual(found.data, b"plain text, no coding at all")
            self.assertIn(f"not {name} as it says", found.problem)

    def test_unknown(self) -> None:
        found = content(b"xyz", "compress")
        self.assertEqual(found, Content(b"xyz", False, 'The content coding "compress" is not known here.'))
        self.assertNotIn("\x1b", content(b"xyz", "\x1b[31m").problem)

    def test_too_many(self) -> None:
        self.assertIn(f"up to {CODINGS}", content(b"x", *["gzip"] * (CODINGS + 1)).problem)

    def test_an_end_that_is_missing(self) -> None:
        for name in ("gzip", "deflate", "br"):
            found = content(CODED[name][:-6], name)
            self.assertTrue(TEXT.startswith(found.data), name)
            self.assertIn("ends before its end", found.problem)
            self.assertFalse(found.truncated)

    def test_a_body_that_is_not_kept_whole(self) -> None:
        for name, data in CODED.items():
            found = content(data[:-6], name, length=len(data))
            self.assertEqual((found.truncated, found.problem), (True, ""), name)
            self.assertTrue(TEXT.startswith(found.data))

    def test_both_sides(self) -> None:
        exchange = new_exchange(1, "http", request_headers=coded("gzip"))
        exchange.response_headers = coded("br")
        exchange.request_body.add(CODED["gzip"], 1.0, 10_000)
        exchange.response_body.add(CODED["br"], 1.0, 10_000)
        self.assertEqual((request_content(exchange).data, response_content(exchange).data), (TEXT, TEXT))

    def test_names(self) -> None:
        self.assertEqual(codings_of([(b"content-encoding", b" GZIP ,identity,, br")]), ["gzip", "br"])


class BombTests(SynchronousTestCase):
    def bombs(self) -> dict[str, bytes]:
        zeros = bytes(1 << 20)
        made = {}
        for name, wbits in (("gzip", 31), ("deflate", 15)):
            compressor = zlib.compressobj(9, wbits=wbits)
            made[name] = b"".join(compressor.compress(zeros) for _ in range(50)) + compressor.flush()
        wide = brotli.Compressor(quality=5)
        made["br"] = b"".join(wide.process(zeros) for _ in range(50)) + wide.finish()
        narrow = zstandard.ZstdCompressor().compressobj()
        made["zstd"] = b"".join(narrow.compress(zeros) for _ in range(50)) + narrow.flush()
        return made

    def test_bounded(self) -> None:
        """50 MiB in some kilobytes come out as far as the limit, and take no more memory than a few times that."""
        for name, bomb in self.bombs().items():
            self.assertLess(len(bomb), 1 << 20, name)
            tracemalloc.start()
            try:
                found = content(bomb, name, limit=1 << 20)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            self.assertEqual((len(found.data), found.truncated), (1 << 20, True), name)
            self.assertIn("more than 1,048,576 bytes", found.problem)
            self.assertLess(peak, 16 << 20, name)

    def test_a_bomb_in_a_bomb(self) -> None:
        inner = self.bombs()["gzip"]
        found = content(gzip.compress(inner), "gzip, gzip", limit=1 << 20)
        self.assertEqual((len(found.data), found.truncated), (1 << 20, True))

    def test_exactly_the_limit(self) -> None:
        for name, data in CODED.items():
            self.assertEqual(content(data, name, limit=len(TEXT)), Content(TEXT), name)
            self.assertTrue(content(data, name, limit=len(TEXT) - 1).truncated, name)

    def test_a_window_that_is_too_large(self) -> None:
        parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
        compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        data = compressor.compress(bytes(1000)) + compressor.flush()
        self.assertIn("not zstd as it says", content(data, "zstd").problem)

    def test_all_that_can_be_cut_off(self) -> None:
        """No body raises, wherever it is cut, and whatever it is said to be."""
        for data in CODED.values():
            for name in CODED:
                for end in range(0, len(data), 3):
                    content(data[:end], name)
