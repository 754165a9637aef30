"""What the tests with curl share: one recording service, and curl's answers taken apart."""

from __future__ import annotations

from functools import cache

from tests.e2e.case import EndToEndTests
from tests.e2e.recorder import Recorder
from tests.e2e.stage import Finished, Reach, curl, program, reach

BIG = 64 * 1024 * 1024
"""Bytes of a large body: many times what any queue on the way may hold."""

PIECE = bytes(range(256)) * 1024


@cache
def service() -> Recorder:
    """The service that all tests of this module share."""
    return Recorder()


@cache
def place() -> Reach:
    """Where visitors find it."""
    program("curl")
    return reach(service().port, "curl")


def ask(path: str, *options: str, stdin: bytes = b"") -> Finished:
    """Run curl against the service."""
    return curl(place(), path, *options, stdin=stdin)


def parts(output: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Status line, header lines and body of what ``curl --include`` wrote."""
    head, _, body = output.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    return status, lines, body


def answer(*lines: str, status: str = "200 OK", body: bytes = b"") -> bytes:
    """A response with these header lines, its length not added."""
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines, "")).encode() + body


class CurlTests(EndToEndTests):
    """What every test here begins with."""

    def setUp(self) -> None:
        self.service = service()
        self.place = place()
        self.addCleanup(self.service.failures.clear)

    def tearDown(self) -> None:
        self.assertEqual(self.service.failures, [], "the service itself failed")
        super().tearDown()

    def succeed(self, finished: Finished) -> bytes:
        """curl's output, provided that curl was content."""
        self.assertEqual(finished.status, 0, finished.errors)
        return finished.output
